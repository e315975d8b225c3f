"""Whether lips meet where speech needs it: closure on M, B and P, and openness on open vowels."""

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
"""Vowels that nobody says with shut lips; rounded ones are left out."""

CLOSED_SHARE = 0.15
"""Up to which share of the way from shut to wide open lips count as closed.

The strictest multiple of 0.05 at which the true lips of GRID's training speakers close on 95 % of
their M, B and P: on 97 %, and on 2 % of their open vowels. What any other would find, prints
tests/benchmarks/closure_threshold.py.
"""

_WIDEST = 90  # percentile of a clip's openings that stands for the wide open mouth
# A picture lasts 40 ms, an alignment errs by about 20: lips may meet a frame early or late.
_SLACK = 1  # frames


@dataclass(frozen=True)
class LipRange:
    """How far a person opens the mouth, as one clip shows it; inter-ocular units."""

    shut: float
    wide: float

    @property
    def closed_below(self) -> float:
        """The opening up to which lips count as closed."""
        return self.shut + CLOSED_SHARE * (self.wide - self.shut)


def lip_range(lips: Points, shut: Points, scheme: LandmarkScheme) -> LipRange:
    """The range of a clip's lips (T, L, D); `shut` (L, D) are those of its shut mouth."""
    return LipRange(
        float(signed_opening(shut[None], scheme)[0]),
        float(np.percentile(signed_opening(lips, scheme), _WIDEST)),
    )


def closures(
    opening: NDArray[np.float32], phones: Iterable[Phone], closed_below: float
) -> list[bool]:
    """For every M, B and P whether the lips close, by start.

    Lips close where the opening is at most `closed_below` in some frame that the phone touches, or
    in the frame before or after.

    Args:
        opening: (T,) at 25 fps; phones without a frame in it are passed over.
    """
    heard = (_frames(phone, _SLACK) for phone in phones if phone.name in BILABIALS)
    return [bool(opening[part].min() <= closed_below) for part in heard if len(opening[part])]


def shut_vowels(
    opening: NDArray[np.float32], phones: Iterable[Phone], closed_below: float
) -> list[bool]:
    """For every open vowel whether the lips stay closed throughout: what a still mouth would do.

    Arguments as of `closures`.
    """
    heard = (_frames(phone, 0) for phone in phones if phone.name in OPEN_VOWELS)
    return [bool(opening[part].max() <= closed_below) for part in heard if len(opening[part])]


def _frames(phone: Phone, slack: int) -> slice:
    first = floor(phone.start * MOTION_FPS) - slack
    return slice(max(first, 0), max(ceil(phone.end * MOTION_FPS) + slack, 0))
