"""Lip closure on M, B and P, and openness on open vowels."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.alignment import Points
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.shape import signed_opening
from mytalk_core.media.clock import MOTION_FPS
from mytalk_core.speech.phones import BILABIALS, Phone

OPEN_VOWELS = frozenset({"AA", "AE", "AH", "AW", "AY", "EH", "EY", "IH", "IY"})
"""Vowels that are not spoken with closed lips; rounded vowels are left out."""

CLOSED_SHARE = 0.15
"""Lips count as closed up to this share of the range from closed to wide open.

The strictest multiple of 0.05 at which the true lips of GRID's training speakers close on at least
95 % of their M, B and P: on 97 %, and on 2 % of their open vowels.
`tests/benchmarks/closure_threshold.py` prints the shares of other thresholds.
"""

_WIDEST = 90  # percentile of a clip's openings taken as the wide open mouth
# A frame lasts 40 ms and an alignment errs by about 20: lips may close a frame early or late.
_SLACK = 1  # frames


@dataclass(frozen=True)
class LipRange:
    """Range of a person's mouth opening in one clip, inter-ocular units."""

    shut: float
    wide: float

    @property
    def closed_below(self) -> float:
        """The largest opening that counts as closed."""
        return self.shut + CLOSED_SHARE * (self.wide - self.shut)


def lip_range(lips: Points, shut: Points, scheme: LandmarkScheme) -> LipRange:
    """Return the range of a clip's lips (T, L, D) with the closed mouth `shut` (L, D)."""
    return LipRange(
        float(signed_opening(shut[None], scheme)[0]),
        float(np.percentile(signed_opening(lips, scheme), _WIDEST)),
    )


def closures(
    opening: NDArray[np.float32], phones: Iterable[Phone], closed_below: float
) -> list[bool]:
    """Return for every M, B and P whether the lips close, in order of start.

    Lips close where the opening is at most `closed_below` in a frame that the phone touches, or in
    the frame before or after.

    Args:
        opening: (T,) at 25 fps; phones outside of it are skipped.
    """
    parts = (_frames(phone, _SLACK) for phone in phones if phone.name in BILABIALS)
    return [bool(opening[part].min() <= closed_below) for part in parts if len(opening[part])]


def shut_vowels(
    opening: NDArray[np.float32], phones: Iterable[Phone], closed_below: float
) -> list[bool]:
    """Return for every open vowel whether the lips stay closed throughout, as a still mouth does.

    Arguments as for `closures`.
    """
    parts = (_frames(phone, 0) for phone in phones if phone.name in OPEN_VOWELS)
    return [bool(opening[part].max() <= closed_below) for part in parts if len(opening[part])]


def _frames(phone: Phone, slack: int) -> slice:
    first = floor(phone.start * MOTION_FPS) - slack
    return slice(max(first, 0), max(ceil(phone.end * MOTION_FPS) + slack, 0))
