"""The buffer of training clips is bounded, balanced, split over processes and restorable."""

import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.data.clip_buffer import BufferConfig, ClipBuffer
from mytalk_core.data.clip_index import ClipIndex, clip_index
from mytalk_core.data.clip_order import ClipShare
from mytalk_core.data.clip_reader import Members
from mytalk_core.data.curated import IndexRow, write_index
from mytalk_core.data.shards import write_shard
from mytalk_core.data.storage import open_store
from mytalk_core.errors import BadInputError, Reason

NAMES = [f"a{n}" for n in range(16)] + [f"b{n}" for n in range(4)] + ["c0"]


def convert(members: Members) -> str:
    """Return the name of a clip."""
    return members["json"].decode()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> ClipIndex:
    """Sixteen clips of `a`, four of `b`, one of `c`, in three shards."""
    folder = tmp_path_factory.mktemp("shards")
    rows = []
    for number in range(3):
        names = NAMES[7 * number : 7 * number + 7]
        shard = f"{number}.tar"
        ranges = write_shard(folder / shard, [(name, {"json": name.encode()}) for name in names])
        rows += [
            IndexRow(each.key, "train", shard, each.key[0], each.offset, each.size)
            for each in ranges
        ]
    write_index(open_store(folder), rows)
    return clip_index(folder, "train")


def buffer(index: ClipIndex, draws: int = 0, seed: int = 0, **config: float) -> ClipBuffer[str]:
    return ClipBuffer(index, convert, BufferConfig(**config), ClipShare(seed), draws)


def drawn(clips: ClipBuffer[str], count: int, first: int = 0) -> list[str]:
    """Draw clips, each with a generator seeded by its number, as training does."""
    return [clips.draw(np.random.default_rng(first + number)) for number in range(count)]


@pytest.mark.parametrize(
    ("balance", "shares"),
    [(1.0, (16, 4, 1)), (0.5, (4, 2, 1)), (0.0, (1, 1, 1))],
    ids=["clips alike", "between", "speakers alike"],
)
def test_speakers_are_balanced(
    index: ClipIndex, balance: float, shares: tuple[int, int, int]
) -> None:
    clips = buffer(index, balance=balance)
    assert clips.weights.sum() == pytest.approx(1)
    random = np.random.default_rng(0)
    count = Counter(clips.draw(random)[0] for _ in range(6000))
    found = np.array([count[speaker] for speaker in "abc"]) / 6000
    np.testing.assert_allclose(found, np.array(shares) / sum(shares), atol=0.03)


@pytest.mark.parametrize("capacity", [21, 22])
def test_a_small_data_set_is_held_whole(index: ClipIndex, capacity: int) -> None:
    clips = buffer(index, capacity=capacity, draws_per_clip=1)
    before = list(clips.clips)
    assert sorted(before) == sorted(NAMES)
    drawn(clips, 100)
    assert clips.clips == before


def test_a_large_data_set_passes_through_a_bounded_buffer(index: ClipIndex) -> None:
    clips = buffer(index, capacity=5, draws_per_clip=2)
    seen = set()
    for number in range(600):
        seen.update(drawn(clips, 1, number))
        assert len(clips.clips) == len(clips.weights) == 5
    assert seen == set(NAMES)


def test_a_clip_is_replaced_after_so_many_draws(index: ClipIndex) -> None:
    clips = buffer(index, capacity=5, draws_per_clip=10)
    before = list(clips.clips)
    drawn(clips, 9)
    assert clips.clips == before
    for replaced in range(1, 6):
        drawn(clips, 10)
        kept = [one == other for one, other in zip(clips.clips, before, strict=True)]
        assert kept == [False] * replaced + [True] * (5 - replaced)  # the oldest goes first


@given(
    st.integers(0, 120), st.integers(1, 24), st.integers(1, 5), st.integers(1, 3), st.integers(0, 9)
)
def test_a_restarted_buffer_continues_with_the_same_draws(
    index: ClipIndex, before: int, capacity: int, per_clip: int, threads: int, seed: int
) -> None:
    config = {"capacity": capacity, "draws_per_clip": per_clip, "threads": threads}
    straight = buffer(index, seed=seed, **config)
    drawn(straight, before)
    resumed = buffer(index, draws=before, seed=seed, **config)
    assert resumed.draws == straight.draws == before
    assert resumed.clips == straight.clips
    assert drawn(resumed, 30, before) == drawn(straight, 30, before)


def test_draws_do_not_depend_on_the_timing_of_threads(index: ClipIndex) -> None:
    def slow(members: Members) -> str:
        name = convert(members)
        time.sleep(0.004 if name.endswith("0") else 0)
        return name

    config = BufferConfig(capacity=4, draws_per_clip=1, threads=4, ahead=6)
    assert drawn(ClipBuffer(index, slow, config), 80) == drawn(
        ClipBuffer(index, convert, config), 80
    )


@given(st.integers(1, 8))
def test_all_clips_are_split_evenly_over_processes(index: ClipIndex, world: int) -> None:
    parts = [
        ClipBuffer(index, convert, BufferConfig(), ClipShare(rank=rank, world=world)).clips
        for rank in range(world)
    ]
    assert sorted(name for part in parts for name in part) == sorted(NAMES)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_process_without_clips_is_refused(index: ClipIndex) -> None:
    with pytest.raises(BadInputError, match="fewer workers"):
        ClipBuffer(index, convert, BufferConfig(), ClipShare(rank=21, world=22))


def test_draws_depend_only_on_the_seed(index: ClipIndex) -> None:
    config = {"capacity": 6, "draws_per_clip": 3}
    one, again, other = (drawn(buffer(index, seed=seed, **config), 50) for seed in (1, 1, 2))
    assert one == again != other


def test_a_failed_conversion_raises_from_the_draw_that_needs_the_clip(index: ClipIndex) -> None:
    first = buffer(index, capacity=3, draws_per_clip=1)
    drawn(first, 1)
    fourth = next(name for name in first.clips if name not in buffer(index, capacity=3).clips)

    def picky(members: Members) -> str:
        if (name := convert(members)) == fourth:
            raise BadInputError("is refused.", reason=Reason.DECODE_ERROR)
        return name

    clips = ClipBuffer(index, picky, BufferConfig(capacity=3, draws_per_clip=1))
    with pytest.raises(BadInputError, match="is refused"):
        drawn(clips, 1)
