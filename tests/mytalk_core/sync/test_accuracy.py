import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mytalk_core.sync.accuracy import placed
from mytalk_core.sync.offsets import offset_distances, score


def windows(seed: int, count: int = 70) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count + 40, 16))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("f4")


def film(seed: int, late: int, count: int = 70) -> tuple[np.ndarray, np.ndarray]:
    """Windows that are told apart easily; sound window i + late belongs to lip window i."""
    all_windows = windows(seed, count)
    return all_windows[20 : 20 + count], all_windows[20 - late : 20 - late + count]


@settings(deadline=None, max_examples=30)
@given(st.integers(-10, 10), st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_windows_that_belong_together_are_placed(late, length, seed):
    seen, heard = film(seed, late)
    assert score(offset_distances(seen, heard)).offset == late
    right = placed(seen, heard, length, late)
    assert right.all()
    assert not placed(seen, heard, length, late + 2).any()
    assert placed(seen, heard, length, late + 1).all()


def test_runs_that_lack_sound_are_left_out_unless_all_do():
    seen, heard = film(0, 0, count=71)
    assert len(placed(seen, heard, 1, 0)) == 71 - 30
    assert len(placed(seen, heard, 21, 0)) == 71 - 30 - 20
    assert len(placed(seen, heard, 46, 0)) == 26
    assert len(placed(seen, heard, 71, 0)) == 1


def test_chance_places_three_of_thirty_one():
    seen, heard = windows(1, 2000), windows(2, 2000)
    assert placed(seen, heard, 1, 0).mean() == pytest.approx(3 / 31, abs=0.03)


def test_the_least_distance_is_the_offset_and_the_median_is_what_it_is_sure_by():
    distances = np.full(31, 1.2)
    distances[18] = 0.5
    found = score(distances)
    assert (found.offset, found.distance) == (3, 0.5)
    assert found.confidence == pytest.approx(0.7)
