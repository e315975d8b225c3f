"""The nominal rate of a stream: what headers state, checked against the frames' own timestamps."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import median

# Where neither headers nor timestamps tell a rate.
_UNKNOWN = Fraction(25)

# Stated rates that differ by less are one rate, measured twice.
_SAME = Fraction(1, 100)

# Containers that count in milliseconds put a frame up to one of them off its exact time.
_ROUNDING = Fraction(1, 1000)

# A rate within this share of a standard one is that one; 24 and 24000/1001 are ten times farther.
_STANDARD = Fraction(1, 10_000)
_LARGEST_DENOMINATOR = 1001

# A stream in which no larger share of the steps differs has a constant rate, with gaps.
_GAPS = 0.1

# Where steps vary, a stated rate is refuted beyond this factor of the mean rate.
_REFUTED = 4

# Frames at the nominal rate beyond which a last frame is a long one, and the most seconds of it.
_LONG = Fraction(3, 2)
_LONGEST = 60


@dataclass(frozen=True)
class FrameRate:
    """How often a stream shows another frame."""

    fps: Fraction  # nominal frames per second; the average where the rate varies
    steady: bool = True  # all frames last equally long, as far as timestamps were read
    constant: bool = True  # the same but for gaps


def nominal_rate(
    guessed: Fraction | None, average: Fraction | None, starts: Sequence[int], unit: Fraction
) -> FrameRate:
    """The rate of a stream.

    A stated rate is taken where the timestamps do not refute it, and replaced by the standard rate
    or else the measured one where they do. Standard rates are exact: 24000/1001.

    Args:
        guessed, average: the rates that the container states, frames per second, if it does.
        starts: timestamps of consecutive frames in units of `unit` seconds, rising.
    """
    stated = _stated(guessed, average)
    steps = [after - before for before, after in pairwise(starts)]
    if not steps:
        return FrameRate(stated[0] if stated else _UNKNOWN)
    rounding = max(unit, _ROUNDING)
    middle = Fraction(median(steps)) * unit
    # Where frames are the unit of time they are not rounded.
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
    """Seconds for which the last frame of a film is shown.

    That is one frame at its nominal rate, or what the file states where that is much longer, as
    that of a slide.

    Args:
        stated: seconds, 0 where the file says nothing.
    """
    return stated if _LONG / fps < stated <= _LONGEST else 1 / fps


def _stated(guessed: Fraction | None, average: Fraction | None) -> list[Fraction]:
    """The rates that a container states, the likelier one first.

    Averages are often off by the odd length of the last frame; where they differ by more, the rate
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
    """Whole rates and those of 1000/1001 of them near `rate`, the nearest first."""
    whole = Fraction(round(rate))
    slowed = Fraction(1000 * round(rate * 1001 / 1000), 1001)
    return sorted((each for each in (whole, slowed) if each), key=lambda each: abs(each - rate))
