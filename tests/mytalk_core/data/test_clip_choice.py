"""The choice of clips for validation is balanced over speakers."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.data.clip_choice import spread_over_speakers
from mytalk_core.data.clip_index import ClipIndex


def index_of(speakers: list[int]) -> ClipIndex:
    count = len(speakers)
    return ClipIndex(
        root="data",
        shards=("shard.tar",),
        shard=np.zeros(count, np.int32),
        offset=np.arange(count, dtype=np.int64),
        size=np.ones(count, np.int64),
        speakers=tuple("abcdefghij"),
        speaker=np.array(speakers, np.int32),
    )


def test_speakers_take_turns_with_two_clips_each() -> None:
    index = index_of([0, 0, 0, 0, 0, 1, 1, 1, 2])
    assert spread_over_speakers(index, 5) == [0, 1, 5, 6, 8]
    assert spread_over_speakers(index, 7) == [0, 1, 2, 3, 5, 6, 8]


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(0, 70))
def test_few_clips_are_all_chosen_and_no_speaker_is_skipped(
    speakers: list[int], count: int
) -> None:
    index = index_of(speakers)
    chosen = spread_over_speakers(index, count)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(count, len(speakers))
    held, taken = Counter(speakers), Counter(speakers[number] for number in chosen)
    if count >= 2 * len(held):
        assert all(taken[speaker] >= min(held[speaker], 2) for speaker in held)
