from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.media.clock import (
    format_rate,
    frame_at,
    frame_count,
    frame_time,
    parse_rate,
    sample_at,
)

NTSC = Fraction(30000, 1001)
rates = st.sampled_from([Fraction(24000, 1001), Fraction(24), Fraction(25), NTSC, Fraction(50)])
frames = st.integers(min_value=0, max_value=10_000_000)


@given(frames, rates)
def test_a_frame_is_on_screen_from_its_time_until_the_next(index: int, fps: Fraction) -> None:
    start, end = frame_time(index, fps), frame_time(index + 1, fps)
    assert frame_at(start, fps) == index
    assert frame_at(end - Fraction(1, 10**9), fps) == index
    assert frame_at(end, fps) == index + 1


@given(frames, rates)
def test_a_duration_of_n_frames_counts_n_frames(count: int, fps: Fraction) -> None:
    assert frame_count(count / fps, fps) == count
    assert frame_count(count / fps + Fraction(1, 10**9), fps) == count + 1


def test_29_97_fps_does_not_drift_over_two_hours() -> None:
    # As a float, 29.97 is off by a frame after nine hours, a sum of 1/29.97 much earlier.
    assert frame_time(215784, NTSC) == Fraction(215784 * 1001, 30000)
    assert frame_count(Fraction(7200), NTSC) == 215785
    assert frame_at(Fraction(7200), NTSC) == 215784


def test_samples_are_nearest_and_halves_go_up() -> None:
    assert sample_at(Fraction(1001, 30000), 16_000) == 534  # 533.87
    assert sample_at(Fraction(1, 2), 1) == 1
    assert sample_at(Fraction(49, 100), 1) == 0


@given(rates)
def test_parsing_inverts_formatting_of_rates(fps: Fraction) -> None:
    assert parse_rate(format_rate(fps)) == fps


@pytest.mark.parametrize("text", ["0", "-25", "0/5", "fast", "25/0"])
def test_invalid_rates_are_refused(text: str) -> None:
    with pytest.raises((ValueError, ZeroDivisionError)):
        parse_rate(text)
