"""The nominal frame rate of a stream: the stated rates, checked against the timestamps."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import median

# The rate where neither headers nor timestamps provide one.
_UNKNOWN = Fraction(25)

# Stated rates that differ by less than this share are the same rate.
_SAME = Fraction(1, 100)

# Containers with millisecond timestamps place a frame up to this far from its exact time.
TIMESTAMP_ROUNDING = Fraction(1, 1000)

# A rate within this share of a standard rate is that rate; 24 and 24000/1001 are ten times farther.
_STANDARD = Fraction(1, 10_000)
_LARGEST_DENOMINATOR = 1001

# A stream in which at most this share of the steps differs has a constant rate with gaps.
_GAPS = 0.1

# For a variable rate, a stated rate beyond this factor of the mean rate is rejected.
_REFUTED = 4

# Frames at the nominal rate beyond which a last frame counts as long, and its limit in seconds.
_LONG = Fraction(3, 2)
_LONGEST = 60


@dataclass(frozen=True)
class FrameRate:
    """The frame rate of a stream and how constant it is."""

    fps: Fraction  # nominal frames per second; the average where the rate varies
    steady: bool = True  # all frames that were read have the same duration
    constant: bool = True  # the same except for gaps


def nominal_rate(
    guessed: Fraction | None, average: Fraction | None, starts: Sequence[int], unit: Fraction
) -> FrameRate:
    """Return the rate of a stream.

    The stated rate is used unless the timestamps contradict it; then the nearest standard rate, or
    else the measured one. Standard rates are exact, such as 24000/1001.

    Args:
        guessed, average: rates stated by the container, frames per second, or None.
        starts: timestamps of consecutive frames in units of `unit` seconds, rising.
    """
    stated = _stated(guessed, average)
    steps = [after - before for before, after in pairwise(starts)]
    if not steps:
        return FrameRate(stated[0] if stated else _UNKNOWN)
    rounding = max(unit, TIMESTAMP_ROUNDING)
    middle = Fraction(median(steps)) * unit
    # Timestamps that count frames are exact.
    tolerance = rounding if 2 * rounding < middle else Fraction(0)
    alike = [step for step in steps if abs(step * unit - middle) <= tolerance]
    others = len(steps) - len(alike)
    if others > _GAPS * len(steps):
        mean = len(steps) / ((starts[-1] - starts[0]) * unit)
        likely = stated[0] if stated else mean
        fits = mean / _REFUTED <= likely <= mean * _REFUTED
        rate = likely if fits else mean.limit_denominator(_LARGEST_DENOMINATOR)
        return FrameRate(rate, steady=False, constant=False)
    span = sum(alike) * unit
    mean = len(alike) / span
    for rate in (*stated, *_nearest_standards(mean)):
        if abs(span - len(alike) / rate) <= 2 * rounding * (1 + others):
            return FrameRate(rate, not others)
    return FrameRate(mean.limit_denominator(_LARGEST_DENOMINATOR), not others)


def frame_length(stated: Fraction, fps: Fraction) -> Fraction:
    """Return the seconds for which the last frame of a film is shown.

    That is one frame at the nominal rate, or the stated duration where it is much longer (a slide).

    Args:
        stated: seconds; 0 where the file does not state it.
    """
    return stated if _LONG / fps < stated <= _LONGEST else 1 / fps


def _stated(guessed: Fraction | None, average: Fraction | None) -> list[Fraction]:
    """Return the rates that a container states, the likelier first.

    Averages include the last frame's irregular duration; where the rates differ by more, the rate
    varies or the guess is wrong.
    """
    if guessed and average and abs(guessed - average) > average * _SAME:
        rates = [average, guessed]
    else:
        rates = [rate for rate in (guessed, average) if rate]
    return [_standard(rate) for rate in rates]


def _standard(rate: Fraction) -> Fraction:
    near = _nearest_standards(rate)
    return near[0] if near and abs(near[0] - rate) <= rate * _STANDARD else rate


def _nearest_standards(rate: Fraction) -> list[Fraction]:
    """Return the integer rate and the 1000/1001 rate nearest to `rate`, nearest first."""
    whole = Fraction(round(rate))
    slowed = Fraction(1000 * round(rate * 1001 / 1000), 1001)
    return sorted((each for each in (whole, slowed) if each), key=lambda each: abs(each - rate))
