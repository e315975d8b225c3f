"""Stated frame rates are checked against the timestamps."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.media.frame_rate import FrameRate, nominal_rate

STANDARD = [
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(30),
    Fraction(50),
    Fraction(60000, 1001),
    Fraction(60),
]
MILLISECOND, TRANSPORT = Fraction(1, 1000), Fraction(1, 90_000)


def stamps(rate: Fraction, count: int, unit: Fraction, first: int = 0) -> list[int]:
    """Return the timestamps of frames, rounded to the time base."""
    return [round((first + n) / rate / unit) for n in range(count)]


@given(
    rate=st.sampled_from(STANDARD),
    unit=st.sampled_from([MILLISECOND, TRANSPORT, Fraction(1, 60_000)]),
    wrong=st.sampled_from([Fraction(60_000), Fraction(90_000), Fraction(1), Fraction(100)]),
    first=st.integers(0, 100_000),
)
def test_a_wrong_stated_rate_is_rejected(
    rate: Fraction, unit: Fraction, wrong: Fraction, first: int
) -> None:
    starts = stamps(rate, 84, unit, first)
    for guessed, average in ((wrong, rate), (rate, wrong), (2 * rate, rate), (rate, 2 * rate)):
        assert nominal_rate(guessed, average, starts, unit) == FrameRate(rate)


@given(rate=st.sampled_from(STANDARD))
def test_without_a_stated_rate_the_timestamps_decide(rate: Fraction) -> None:
    for wrong in (None, Fraction(60_000), 2 * rate, rate / 2):
        assert nominal_rate(wrong, wrong, stamps(rate, 84, TRANSPORT), TRANSPORT).fps == rate


@pytest.mark.parametrize(
    ("stated", "exact"),
    [
        (Fraction(1_000_000, 33_333), Fraction(30)),
        (Fraction(1_000_000, 33_367), Fraction(30000, 1001)),
        (Fraction(10_000_000, 417_083), Fraction(24000, 1001)),
        (Fraction(1_000_000, 40_000), Fraction(25)),
    ],
)
def test_approximate_rates_of_old_containers_become_exact(
    stated: Fraction, exact: Fraction
) -> None:
    starts = list(range(84))  # timestamps count frames
    assert nominal_rate(stated, stated, starts, 1 / stated) == FrameRate(exact)


def test_an_unusual_rate_is_kept() -> None:
    rate = Fraction(27, 2)
    starts = stamps(rate, 84, TRANSPORT)
    assert nominal_rate(rate, rate, starts, TRANSPORT).fps == rate
    assert nominal_rate(None, None, starts, TRANSPORT).fps == pytest.approx(rate, rel=1e-4)


@given(rate=st.sampled_from(STANDARD), lost=st.sets(st.integers(1, 82), min_size=1, max_size=4))
def test_a_constant_rate_with_gaps_is_that_rate(rate: Fraction, lost: set[int]) -> None:
    starts = [at for n, at in enumerate(stamps(rate, 84, TRANSPORT)) if n not in lost]
    average = len(starts) / (84 / rate)
    assert nominal_rate(rate, average, starts, TRANSPORT) == FrameRate(rate, steady=False)
    frames = sorted(set(range(84)) - lost)
    assert nominal_rate(rate, rate, frames, 1 / rate) == FrameRate(rate, steady=False)


def test_a_variable_rate_is_the_average() -> None:
    starts = [0, 40, 80, 120, 280, 440, 480, 640, 800]
    varying = nominal_rate(Fraction(25), Fraction(10), starts, MILLISECOND)
    assert varying == FrameRate(Fraction(10), steady=False, constant=False)
    refuted = nominal_rate(Fraction(60_000), Fraction(60_000), starts, MILLISECOND)
    assert refuted == FrameRate(Fraction(10), steady=False, constant=False)


def test_with_too_few_frames_the_stated_rate_is_used() -> None:
    for starts in ([], [7]):
        assert nominal_rate(Fraction(50), Fraction(50), starts, MILLISECOND).fps == 50
        assert nominal_rate(None, None, starts, MILLISECOND).fps == 25
