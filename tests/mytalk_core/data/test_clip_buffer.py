"""The buffer of training clips: bounded, balanced, and each clip with one process."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mytalk_core.data.clip_buffer import BufferConfig, ClipBuffer
from mytalk_core.data.shards import write_shard

Clip = tuple[str, int]


def convert(members: dict[str, bytes]) -> tuple[str, Clip]:
    """Speaker and (speaker, number) of a clip."""
    speaker, number = members["json"].decode().split()
    return speaker, (speaker, int(number))


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Sixteen clips of `a`, four of `b`, one of `c`, in three shards."""
    folder = tmp_path_factory.mktemp("shards")
    names = [("a", n) for n in range(16)] + [("b", n) for n in range(4)] + [("c", 0)]
    paths = [folder / f"{number}.tar" for number in range(3)]
    for number, path in enumerate(paths):
        write_shard(
            path,
            [
                (f"{speaker}-{clip}", {"json": f"{speaker} {clip}".encode()})
                for speaker, clip in names[7 * number : 7 * number + 7]
            ],
        )
    return paths


def drawn(buffer: ClipBuffer[Clip], count: int, seed: int = 0) -> list[Clip]:
    random = np.random.default_rng(seed)
    return [buffer.draw(random) for _ in range(count)]


@pytest.mark.parametrize(
    ("balance", "shares"),
    [(1.0, (16, 4, 1)), (0.5, (4, 2, 1)), (0.0, (1, 1, 1))],
    ids=["as they come", "between", "speakers alike"],
)
def test_speakers_are_balanced(
    shards: list[Path], balance: float, shares: tuple[int, int, int]
) -> None:
    buffer = ClipBuffer(shards, convert, BufferConfig(balance=balance))
    assert buffer.weights.sum() == pytest.approx(1)
    count = Counter(speaker for speaker, _ in drawn(buffer, 6000))
    found = np.array([count[speaker] for speaker in "abc"]) / 6000
    np.testing.assert_allclose(found, np.array(shares) / sum(shares), atol=0.03)


def test_a_small_data_set_is_held_whole(shards: list[Path]) -> None:
    buffer = ClipBuffer(shards, convert, BufferConfig(capacity=22, draws_per_clip=1))
    before = list(buffer.clips)
    assert len(before) == 21
    drawn(buffer, 100)
    assert buffer.clips == before


def test_a_large_data_set_passes_through_a_bounded_buffer(shards: list[Path]) -> None:
    buffer = ClipBuffer(shards, convert, BufferConfig(capacity=5, draws_per_clip=2))
    random, seen = np.random.default_rng(0), set()
    for _ in range(600):
        seen.add(buffer.draw(random))
        assert len(buffer.clips) == len(buffer.weights) == 5
    assert len(seen) == 21


def test_a_clip_is_replaced_after_so_many_draws(shards: list[Path]) -> None:
    buffer = ClipBuffer(shards[1:], convert, BufferConfig(capacity=5, draws_per_clip=10))
    before = list(buffer.clips)
    drawn(buffer, 9)
    assert buffer.clips == before
    # The stream begins anew, so the first replacement may be a clip that is held already.
    drawn(buffer, 200)
    assert buffer.clips != before


@settings(deadline=None)
@given(st.integers(1, 8))
def test_processes_share_the_clips_without_rest(shards: list[Path], world: int) -> None:
    config = BufferConfig()
    parts = [ClipBuffer(shards, convert, config, rank, world).clips for rank in range(world)]
    every = [clip for part in parts for clip in part]
    assert len(every) == len(set(every)) == 21
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_draws_depend_on_the_seed_alone(shards: list[Path]) -> None:
    def run(seed: int) -> list[Clip]:
        buffer = ClipBuffer(shards, convert, BufferConfig(capacity=6, draws_per_clip=3))
        return drawn(buffer, 50, seed)

    assert run(1) == run(1)
    assert run(1) != run(2)
