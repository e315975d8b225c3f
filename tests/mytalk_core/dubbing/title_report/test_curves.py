"""Curves of a report: bounded, in place, and without values where nothing is drawn."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.dubbing.title_report import curves
from mytalk_core.dubbing.title_report.curves import MAX_SAMPLES, MouthOpening, reported_curves

FPS = Fraction(24000, 1001)


def opening(first: int, values: list[float]) -> MouthOpening:
    target = np.array(values)
    return MouthOpening("m1", first, target, target / 2)


def test_a_short_film_keeps_every_frame():
    found = reported_curves(np.array([-20.0, -30.0, -40.0]), [opening(1, [0.1, 0.3])], FPS)
    assert found.step == 1 / FPS
    assert found.loudness.tolist() == [-20.0, -30.0, -40.0]
    (lane,) = found.lanes
    assert (lane.member, lane.first) == ("m1", 1)
    assert np.allclose(lane.target, [0.1, 0.3])
    assert np.allclose(found.mean_openings, (0.1, 0.2))


def test_four_hours_stay_bounded():
    frames = int(14400 * FPS)
    talks = np.where(np.arange(frames) % 100 < 50, 0.2, np.nan)
    found = reported_curves(np.zeros(frames), [MouthOpening("m1", 0, talks, talks)], FPS)
    assert len(found.loudness) <= MAX_SAMPLES
    assert len(found.lanes[0].target) <= MAX_SAMPLES
    assert found.step * len(found.loudness) >= frames / FPS


def test_a_track_is_cut_to_what_is_drawn():
    found = reported_curves(np.zeros(9), [opening(2, [np.nan, 0.4, np.nan, 0.2, np.nan])], FPS)
    (lane,) = found.lanes
    assert lane.first == 3
    assert np.array_equal(np.isfinite(lane.target), [True, False, True])


def test_a_track_that_is_not_drawn_has_no_lane():
    found = reported_curves(np.zeros(9), [opening(2, [np.nan] * 3)], FPS)
    assert found.lanes == ()
    assert found.mean_openings is None


@given(
    st.integers(0, 40),
    st.lists(st.floats(0, 1), min_size=1, max_size=40),
    st.integers(1, 7),
)
def test_a_sample_is_the_largest_of_its_frames(first, values, most):
    frames = first + len(values)
    with_limit = curves.MAX_SAMPLES
    try:
        curves.MAX_SAMPLES = most
        found = reported_curves(np.zeros(frames), [opening(first, values)], FPS)
    finally:
        curves.MAX_SAMPLES = with_limit
    each = -(-frames // most)
    (lane,) = found.lanes
    film = np.full(frames + each, -1.0)
    film[first:frames] = values
    for place, value in enumerate(lane.target):
        at = (lane.first + place) * each
        assert value == np.float32(film[at : at + each].max())
