"""References cover the mouth's range and never give the answer away."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.appearance.reference_frames import spread_by_opening, training_references

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(25, 200), st.integers(1, 8))
def test_openings_are_spread_from_shut_to_wide(seed: int, frames: int, count: int) -> None:
    opening = np.random.default_rng(seed).uniform(0, 1, frames).astype(np.float32)
    chosen = spread_by_opening(opening, count)
    assert len(set(chosen.tolist())) == count
    ranks = np.argsort(np.argsort(opening))[chosen] / frames
    np.testing.assert_allclose(ranks, (np.arange(count) + 0.5) / count, atol=1 / frames)


def test_frames_that_cannot_be_used_are_not() -> None:
    opening = np.array([0.1, np.nan, 0.3, np.nan, 0.2], np.float32)
    assert spread_by_opening(opening, 3).tolist() == [0, 4, 2]


def test_of_few_frames_some_come_twice() -> None:
    assert spread_by_opening(np.array([0.5, 0.1], np.float32), 4).tolist() == [1, 1, 0, 0]


@given(seeds, st.integers(25, 120), st.integers(1, 6), st.data())
def test_training_references_are_not_the_target_nor_near_it(
    seed: int, frames: int, count: int, data: st.DataObject
) -> None:
    random = np.random.default_rng(seed)
    opening = random.uniform(0, 1, frames).astype(np.float32)
    target = data.draw(st.integers(0, frames - 1))
    before = opening.copy()
    references = training_references(opening, target, count, random)
    assert references.shape == (count,)
    assert (np.abs(references - target) > 2).all()
    assert ((references >= 0) & (references < frames)).all()
    assert len(set(references.tolist())) == count
    np.testing.assert_array_equal(opening, before)


@pytest.mark.parametrize("frames", [6, 8])
def test_short_clips_repeat_their_few_frames(frames: int) -> None:
    random = np.random.default_rng(0)
    for _ in range(10):
        references = training_references(np.ones(frames, np.float32), 2, 5, random)
        assert len(references) == 5
        assert (references > 4).all()
