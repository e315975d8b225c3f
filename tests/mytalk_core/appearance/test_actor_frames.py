"""The split of an actor's frames into training, validation and test."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.appearance.actor_frames import HoldOutConfig, Take, hold_out, hold_out_of_all


@given(
    frames=st.sets(st.integers(0, 3000), min_size=2, max_size=300),
    share=st.floats(0.05, 0.4),
    stretch=st.floats(0.2, 5),
    guard=st.floats(0, 1),
)
def test_held_out_frames_are_apart_in_time_from_training_frames(
    take: Take, frames: set[int], share: float, stretch: float, guard: float
) -> None:
    config = HoldOutConfig(share, stretch, guard_seconds=guard, least_seconds=4)
    some = replace(take.choose(np.zeros(len(frames), np.int64)), frames=np.array(sorted(frames)))
    parts = hold_out(some, config)
    training, validation, test = (
        set(part.frames.tolist()) for part in (parts.training, parts.validation, parts.test)
    )
    assert training | validation | test <= frames
    assert not validation & test
    gap = round(guard * take.fps)
    kept = validation | test
    assert all(abs(one - other) > gap for one in kept for other in training)
    if max(frames) - min(frames) + 1 < 4 * take.fps:
        assert training == frames


def test_a_fifth_of_the_time_is_held_out_in_stretches(take: Take) -> None:
    parts = hold_out(take, HoldOutConfig(share=0.2, stretch_seconds=0.5, guard_seconds=0.2))
    for kept in (parts.validation, parts.test):
        np.testing.assert_array_equal(np.diff(kept.frames), 1)
        assert len(kept) == 12  # half a fifth of 125, rounded
    assert len(parts.training) == 125 - 24 - 4 * 5
    assert parts.validation.frames[-1] < parts.test.frames[0]


@pytest.mark.parametrize("frames", [125, 60])
def test_validation_and_test_stretches_alternate_between_takes(take: Take, frames: int) -> None:
    """Both for takes of five seconds and for short takes that are split all the same."""
    some = take.choose(np.arange(frames))
    parts = hold_out_of_all([some] * 4, HoldOutConfig())
    first = [part.validation.frames[0] < part.test.frames[0] for part in parts]
    assert sum(first) == 2
    for part in parts:
        assert len(part.validation) == len(part.test) > 0
