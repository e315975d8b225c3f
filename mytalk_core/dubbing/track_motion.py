"""The motion of a track's lips and jaw, at any timestamp of the film."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mytalk_core.films.stored_array import StoredArray
from mytalk_core.media.clock import MOTION_FPS
from mytalk_core.media.resampling import places_at_rate, resampled


@dataclass(frozen=True)
class TrackMotion:
    """Displacements of a track's moving points at any timestamp, at a film's own rate."""

    first: int  # motion frame
    displacements: StoredArray  # (T, M, 3) inter-ocular units, from it on

    def at(self, timestamps: Sequence[Fraction]) -> NDArray[np.float32]:
        """Displacements (N, M, 3) at (N,) seconds; beyond the ends, those at the ends."""
        places = places_at_rate(timestamps, MOTION_FPS, self.first)
        return resampled(self.displacements.read(), places)
