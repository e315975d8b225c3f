"""Training references cover the mouth's range and exclude the targets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.appearance.reference_frames import (
    TOO_NEAR,
    alike_references,
    spread_by_opening,
    training_references,
)

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(25, 200), st.integers(1, 8))
def test_openings_are_spread_from_closed_to_open(seed: int, frames: int, count: int) -> None:
    opening = np.random.default_rng(seed).uniform(0, 1, frames).astype(np.float32)
    chosen = spread_by_opening(opening, count)
    assert len(set(chosen.tolist())) == count
    order = np.argsort(opening, kind="stable")  # of equal ones the earlier comes first
    ranks = np.argsort(order)[chosen] / frames
    np.testing.assert_allclose(ranks, (np.arange(count) + 0.5) / count, atol=1 / frames)


def test_unusable_frames_are_not_chosen() -> None:
    opening = np.array([0.1, np.nan, 0.3, np.nan, 0.2], np.float32)
    assert spread_by_opening(opening, 3).tolist() == [0, 4, 2]


def test_few_frames_are_chosen_once_each() -> None:
    assert spread_by_opening(np.array([0.5, 0.1], np.float32), 4).tolist() == [1, 0]


@given(seeds, st.integers(25, 120), st.integers(1, 6), st.integers(1, 3), st.data())
def test_training_references_exclude_targets_and_neighbours(
    seed: int, frames: int, count: int, run: int, data: st.DataObject
) -> None:
    random = np.random.default_rng(seed)
    opening = random.uniform(0, 1, frames).astype(np.float32)
    pose = random.normal(0, 1, (frames, 9)).astype(np.float32)
    first = data.draw(st.integers(0, frames - run))
    targets = np.arange(first, first + run)
    before = opening.copy(), pose.copy()
    references = training_references(opening, pose, targets, count, random)
    assert references.shape == (count,)
    assert (np.abs(references[:, None] - targets) > 2).all()
    assert ((references >= 0) & (references < frames)).all()
    assert len(set(references.tolist())) == count
    np.testing.assert_array_equal(opening, before[0])
    np.testing.assert_array_equal(pose, before[1])


def head_and_mouth(turned: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(100,) openings and (100, 9) poses: `turned` of every ten frames are turned aside.

    Tens of frames with a shut mouth alternate with twice as many with an open one.
    """
    frames = np.arange(100)
    pose = np.zeros((100, 9), np.float32)
    pose[frames % 10 < turned] = 1
    opening = np.where(frames // 10 % 3, 1.0, 0.0).astype(np.float32)
    return opening + np.float32(0.001) * frames, pose


def test_half_of_the_references_match_in_pose_and_differ_in_opening() -> None:
    opening, pose = head_and_mouth(turned=3)
    alike = []
    for seed in range(200):
        random = np.random.default_rng(seed)
        references = training_references(opening, pose, np.array([5, 6]), 4, random)
        alike.append((pose[references] == pose[5]).all() and (opening[references] > 0.5).all())
    assert 0.4 < np.mean(alike) < 0.6


def test_the_other_half_is_spread_by_opening() -> None:
    opening, pose = head_and_mouth(turned=3)
    spread = []
    for seed in range(200):
        random = np.random.default_rng(seed)
        references = training_references(opening, pose, np.array([5, 6]), 4, random)
        found = opening[references]
        spread.append(found.min() < 0.5 < found.max() and (np.diff(found) > 0).all())
    assert 0.4 < np.mean(spread) < 0.6


@pytest.mark.parametrize("frames", [7, 9])
def test_short_clips_repeat_their_few_frames(frames: int) -> None:
    pose = np.zeros((frames, 9), np.float32)
    for seed in range(10):
        random = np.random.default_rng(seed)
        references = training_references(
            np.ones(frames, np.float32), pose, np.array([2, 3]), 5, random
        )
        assert len(references) == 5
        assert (references > 5).all()


def test_a_clip_of_neighbours_gives_its_farthest_frames() -> None:
    pose = np.zeros((3, 9), np.float32)
    for seed in range(10):
        random = np.random.default_rng(seed)
        references = training_references(np.ones(3, np.float32), pose, np.array([0, 1]), 4, random)
        assert references.shape == (4,)
        assert set(references.tolist()) <= {0, 1, 2}


@given(seeds, st.integers(25, 120), st.integers(1, 6))
def test_alike_references_are_the_nearest_of_random_candidates(
    seed: int, frames: int, count: int
) -> None:
    random = np.random.default_rng(seed)
    distances = random.permutation(frames).astype(np.float32)
    first = int(random.integers(frames - 1))
    references = alike_references(distances, np.array([first, first + 1]), count, random, TOO_NEAR)
    assert references.shape == (count,)
    assert (np.abs(references[:, None] - [first, first + 1]) > 2).all()
    assert (np.diff(distances[references]) > 0).all()
    # Bound on the rank of the worst chosen frame among at least 32 random candidates.
    assert distances[references].max() < frames - (min(32, frames - 6) - count)


def test_candidates_change_with_the_seed() -> None:
    distances = np.arange(200, dtype=np.float32)
    found = {
        tuple(
            alike_references(
                distances, np.array([198, 199]), 3, np.random.default_rng(seed), TOO_NEAR
            )
        )
        for seed in range(20)
    }
    assert len(found) > 10


def test_alike_references_of_a_clip_of_neighbours() -> None:
    random = np.random.default_rng(0)
    references = alike_references(
        np.array([0, 1], np.float32), np.array([0, 1]), 3, random, TOO_NEAR
    )
    assert references.tolist() == [0, 1, 0]


def test_alike_references_of_a_short_clip_are_the_farthest() -> None:
    random = np.random.default_rng(0)
    distances = np.arange(12, dtype=np.float32)
    references = alike_references(distances, np.array([3, 4]), 4, random, apart=10)
    assert references.tolist() == [11] * 4
