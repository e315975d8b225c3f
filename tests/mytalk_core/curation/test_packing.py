"""Shards are limited in size, even, balanced by speaker and deterministic."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.curation.packing import PackingConfig, shard_count, shards_of_clips, shuffle_place

sizes = st.lists(st.integers(1, 40), max_size=200)
TAR_END = 11_000  # upper bound of the padding after the last sample of a tar


def config(clips: int, blocks: int) -> PackingConfig:
    return PackingConfig(clips_per_shard=clips, bytes_per_shard=512 * blocks + TAR_END)


def counted(blocks: list[int], limits: PackingConfig, parts: int = 1) -> int:
    arrays = np.array_split(np.array(blocks, np.int64) * 512, parts)
    return shard_count(lambda: arrays, limits)


@given(sizes, st.integers(1, 40), st.integers(40, 400))
def test_no_shard_exceeds_either_limit(blocks: list[int], clips: int, limit: int) -> None:
    shards = counted(blocks, config(clips, limit))
    assigned = shards_of_clips(0, len(blocks), max(shards, 1))
    held = np.bincount(assigned, blocks, minlength=max(shards, 1))
    assert held.max() <= limit + 1
    assert max(Counter(assigned.tolist()).values(), default=0) <= clips
    assert shards <= len(blocks)


@given(sizes, st.integers(1, 5))
def test_the_number_of_shards_does_not_depend_on_the_parts(blocks: list[int], parts: int) -> None:
    assert counted(blocks, config(7, 60), parts) == counted(blocks, config(7, 60))


@given(st.lists(st.integers(1, 30), max_size=12), st.integers(1, 20))
def test_speakers_are_spread_and_shards_are_even(clips_of: list[int], clips: int) -> None:
    speakers = [speaker for speaker, count in enumerate(clips_of) for _ in range(count)]
    shards = counted([1] * len(speakers), config(clips, 4000))
    assert shards == -(-len(speakers) // clips)
    assigned = Counter(zip(speakers, shards_of_clips(0, len(speakers), shards or 1), strict=True))
    for speaker, count in enumerate(clips_of):
        of_speaker = [assigned[speaker, shard] for shard in range(shards)]
        assert max(of_speaker) - min(of_speaker) <= 1
        assert sum(of_speaker) == count


def test_a_clip_larger_than_a_shard_is_packed() -> None:
    assert counted([100, 1, 1], config(64, 10)) <= 3
    assert counted([100], config(64, 10)) == 1
    assert counted([], config(64, 10)) == 0


def test_the_shuffle_mixes_neighbours_and_depends_on_the_seed() -> None:
    keys = [f"title-{number:05d}" for number in range(300)]
    orders = [sorted(keys, key=lambda key: shuffle_place(key, seed)) for seed in (0, 1)]
    assert orders[0] != keys
    assert orders[0] != orders[1]
    assert 20 < sum(key < "title-00150" for key in orders[0][:100]) < 80


def test_places_do_not_change_between_processes_and_releases() -> None:
    place = shuffle_place("s1_bbaf2n-00000-00-000", seed=0)
    assert place.hex() == "b40539e2891907922c3383c91c148f3a"
