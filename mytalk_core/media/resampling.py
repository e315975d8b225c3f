"""What was sampled on one clock, at the moments of another: film, motion, voices played faster.

Moments are fractions until they are places between two rows, so nothing adds up over hours.
"""

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray


def places_at_rate(
    moments: Sequence[Fraction], fps: Fraction, first: int = 0
) -> NDArray[np.float64]:
    """Places (N,) of `moments` (seconds) in a track of `fps` rows a second.

    Row k of the track is frame `first` + k and stands for its middle: place 0 is the middle of
    frame `first`.
    """
    half = Fraction(1, 2)
    return np.array([float(moment * fps - half - first) for moment in moments])


def places_among(moments: Sequence[Fraction], marks: Sequence[Fraction]) -> NDArray[np.float64]:
    """Places (N,) of `moments` (seconds) in a track whose row k stands for the moment `marks[k]`.

    Args:
        marks: rising, at least one, in any steps; moments before the first are at place 0, those
            after the last at the last place.
    """

    def place(moment: Fraction) -> float:
        before = bisect_right(marks, moment) - 1
        if before < 0 or before == len(marks) - 1:
            return float(max(before, 0))
        return before + float((moment - marks[before]) / (marks[before + 1] - marks[before]))

    return np.array([place(moment) for moment in moments])


def resampled(track: NDArray[Any], places: NDArray[np.float64]) -> NDArray[np.float32]:
    """The values (N, ...) of a track (T, ...) at `places` (N,), cubically between its rows.

    Catmull and Rom 1974, "A class of local interpolating splines": through every row, without a
    jump in velocity, by four rows each, so that no block of a film need know the others. Lips of
    25 frames a second, every second frame left out, come back with a fifth less error than along
    straight lines. Places outside of the track are at its ends, beyond which its end rows stand.
    """
    last = len(track) - 1
    inside = np.clip(places, 0, last)
    before = np.minimum(np.floor(inside), max(last - 1, 0)).astype(int)
    share = (inside - before).astype(np.float32).reshape(-1, *[1] * (track.ndim - 1))
    a, b, c, d = (
        np.asarray(track[np.clip(before + step, 0, last)], np.float32) for step in (-1, 0, 1, 2)
    )
    cubic = 3 * (b - c) + d - a
    values: NDArray[np.float32] = b + 0.5 * share * (
        c - a + share * (2 * a - 5 * b + 4 * c - d + share * cubic)
    )
    return values
