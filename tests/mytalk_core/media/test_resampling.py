"""Resampling between clocks, against values known in closed form."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.media.clock import MOTION_FPS, frame_at, frame_count, frame_time
from mytalk_core.media.resampling import places_among, places_at_rate, resampled

RATES = (
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(30),
    Fraction(50),
    Fraction(60),
)
TWO_HOURS = Fraction(7200)
rates = st.sampled_from(RATES)


def middle(frame: int, fps: Fraction) -> Fraction:
    return frame_time(2 * frame + 1, 2 * fps)


@given(rates, st.data())
def test_positions_are_exact_over_two_hours(fps: Fraction, data: st.DataObject) -> None:
    frame = data.draw(st.integers(0, frame_count(TWO_HOURS, fps) - 1))
    (place,) = places_at_rate([middle(frame, fps)], MOTION_FPS)
    exact = Fraction(2 * frame + 1, 2) * MOTION_FPS / fps - Fraction(1, 2)
    assert abs(Fraction(place) - exact) < Fraction(1, 10**10)


@given(rates, st.integers(1, 100_000), st.data())
def test_positions_do_not_drift(fps: Fraction, count: int, data: st.DataObject) -> None:
    """`count` frames later the position is `count` steps later, without accumulated error."""
    start = data.draw(st.integers(0, frame_count(TWO_HOURS, fps) - count - 1))
    one, other = places_at_rate([middle(start, fps), middle(start + count, fps)], MOTION_FPS)
    assert other - one == pytest.approx(count * float(MOTION_FPS / fps), rel=1e-12, abs=1e-9)


@pytest.mark.parametrize("fps", RATES)
def test_motion_covers_every_frame_of_two_hours(fps: Fraction) -> None:
    frames = frame_count(TWO_HOURS, fps)
    rows = frame_count(TWO_HOURS, MOTION_FPS)
    first, last = places_at_rate([middle(0, fps), middle(frames - 1, fps)], MOTION_FPS)
    assert first >= -0.5
    assert last <= rows - 0.5 + float(MOTION_FPS / fps) / 2
    assert frame_at(frame_time(frames - 1, fps), MOTION_FPS) < rows


@given(rates, st.integers(0, 180_000), st.integers(0, 180_000))
def test_a_later_first_row_only_shifts_positions(fps: Fraction, frame: int, first: int) -> None:
    timestamp = middle(frame, fps)
    (whole,) = places_at_rate([timestamp], MOTION_FPS)
    (part,) = places_at_rate([timestamp], MOTION_FPS, first)
    assert part + first == pytest.approx(whole, abs=1e-9)


@given(rates, st.integers(2, 100), st.data())
def test_even_marks_equal_a_constant_rate(fps: Fraction, count: int, data: st.DataObject) -> None:
    marks = [middle(frame, fps) for frame in range(count)]
    inside = st.fractions(min_value=marks[0], max_value=marks[-1], max_denominator=10**6)
    timestamps = data.draw(st.lists(inside, min_size=1, max_size=5))
    np.testing.assert_allclose(
        places_among(timestamps, marks), places_at_rate(timestamps, fps), atol=1e-9
    )


def test_uneven_marks_are_interpolated_and_clamped() -> None:
    marks = [Fraction(0), Fraction(1), Fraction(4)]
    timestamps = [Fraction(-1), Fraction(0), Fraction(1, 2), Fraction(1), Fraction(2), Fraction(9)]
    np.testing.assert_allclose(places_among(timestamps, marks), [0, 0, 0.5, 1, 4 / 3, 2])
    assert places_among([Fraction(3)], [Fraction(5)]).tolist() == [0]


places = st.lists(st.floats(-5, 45), min_size=1, max_size=20).map(np.array)


@given(places)
def test_linear_tracks_are_exact_and_ends_are_clamped(at: np.ndarray) -> None:
    track = 3 * np.arange(41, dtype=np.float32)[:, None, None] * [[1.0, -2.0]]
    found = resampled(track, at)
    assert found.shape == (len(at), 1, 2)
    assert found.dtype == np.float32
    # Next to the ends the row beyond is the end row again, so a cubic deviates slightly.
    inside = (at >= 1) & (at <= 39)
    np.testing.assert_allclose(found[inside, 0, 0], 3 * at[inside], atol=1e-3)
    assert (found[at <= 0] == track[0]).all()
    assert (found[at >= 40] == track[-1]).all()


@given(st.integers(0, 40), st.integers(0, 5))
def test_rows_are_reproduced_at_their_positions(row: int, seed: int) -> None:
    track = np.random.default_rng(seed).normal(size=(41, 3)).astype(np.float32)
    np.testing.assert_allclose(resampled(track, np.array([float(row)]))[0], track[row], atol=1e-6)


@given(st.integers(1, 3), places)
def test_short_tracks_have_values_everywhere(rows: int, at: np.ndarray) -> None:
    track = np.arange(rows, dtype=np.float16)[:, None]
    found = resampled(track, at)
    assert np.isfinite(found).all()
    assert found.min() >= -0.2
    assert found.max() <= rows - 0.8


@given(places)
def test_constant_tracks_stay_constant(at: np.ndarray) -> None:
    np.testing.assert_allclose(resampled(np.full((41, 2), 0.7), at), 0.7, rtol=1e-6)


def test_cubic_interpolation_of_lips_is_closer_than_linear() -> None:
    """Movements of up to 5 Hz with every second frame dropped."""
    random = np.random.default_rng(0)
    time = np.arange(2000) / 25
    waves = [np.sin(2 * np.pi * (f * time + random.random())) / f for f in np.arange(0.5, 5, 0.5)]
    true = np.sum(waves, axis=0).astype(np.float32)[:, None]
    at = np.arange(10, len(true) - 10)
    known = true[::2]
    curved = resampled(known, at / 2)
    straight = np.interp(at / 2, np.arange(len(known)), known[:, 0])[:, None]
    for order in (0, 1, 2):
        errors = [
            np.abs(np.diff(found - true[at], order, axis=0)).mean() for found in (curved, straight)
        ]
        assert errors[0] < 0.7 * errors[1]


def test_velocity_is_continuous_at_the_rows() -> None:
    """At 60 frames a second, linear interpolation has a kink at every row of 25."""
    random = np.random.default_rng(1)
    track = random.normal(size=(50, 1)).astype(np.float32)
    step = 1e-2
    at = np.arange(3, 46, dtype=np.float64)
    before = resampled(track, at) - resampled(track, at - step)
    after = resampled(track, at + step) - resampled(track, at)
    np.testing.assert_allclose(after, before, atol=0.1 * step * np.abs(np.diff(track[:, 0])).max())
