"""Accuracy of offsets of runs, and the sync score."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mytalk_core.sync.accuracy import within_tolerance
from mytalk_core.sync.offsets import late_by, offset_distances, score


def windows(seed: int, count: int = 70) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count + 40, 16))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("f4")


def film(seed: int, late: int, count: int = 70) -> tuple[np.ndarray, np.ndarray]:
    """Return windows that are easy to match: sound window i + late is that of lip window i."""
    all_windows = windows(seed, count)
    return all_windows[20 : 20 + count], all_windows[20 - late : 20 - late + count]


@settings(max_examples=30)
@given(st.integers(-10, 10), st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_matching_windows_are_within_one_frame_of_the_offset(late, length, seed):
    lips, sound = film(seed, late)
    assert score(offset_distances(lips, sound)).offset == late
    assert within_tolerance(lips, sound, length, late).all()
    assert not within_tolerance(lips, sound, length, late + 2).any()
    assert within_tolerance(lips, sound, length, late + 1).all()


def test_runs_without_sound_at_all_offsets_are_excluded_unless_all_lack_it():
    lips, sound = film(0, 0, count=71)
    assert len(within_tolerance(lips, sound, 1, 0)) == 71 - 30
    assert len(within_tolerance(lips, sound, 21, 0)) == 71 - 30 - 20
    assert len(within_tolerance(lips, sound, 46, 0)) == 26
    assert len(within_tolerance(lips, sound, 71, 0)) == 1


def test_random_windows_are_within_one_frame_by_chance():
    lips, sound = windows(1, 2000), windows(2, 2000)
    assert within_tolerance(lips, sound, 1, 0).mean() == pytest.approx(3 / 31, abs=0.03)


def test_the_score_has_the_minimum_its_offset_and_the_margin_to_the_median():
    distances = np.full(31, 1.2)
    distances[18] = 0.5
    found = score(distances)
    assert (found.offset, found.distance) == (3, 0.5)
    assert found.confidence == pytest.approx(0.7)


def test_the_offset_counts_from_where_the_expert_finds_sound_in_step():
    distances = np.full(31, 1.2)
    distances[15:17] = 0.5, 0.51  # a minimum just before the middle of the offsets 0 and 1
    assert late_by(distances, in_step=0.0) == pytest.approx(0.49, abs=0.02)
    assert late_by(distances, in_step=0.45) == pytest.approx(0.04, abs=0.02)
    distances[16] = 0.49
    assert score(distances).offset == 1
    assert score(distances, in_step=0.45).offset == 0
