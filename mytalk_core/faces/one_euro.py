"""Landmarks freed of their jitter while they come in."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

# MediaPipe's own numbers for the landmarks of a single face, Hz; see its
# face_landmarks_detector_graph.cc.
_LEAST_CUTOFF = 0.05
_CUTOFF_PER_SPEED = 80.0  # the speed in face sizes a second
_SPEED_CUTOFF = 1.0


class OneEuroFilter:
    """Smooths one face as MediaPipe smooths the only face of a video, and no other.

    Casiez, Roussel and Vogel, "1 EUR filter: a simple speed-based low-pass filter for noisy input
    in interactive systems", CHI 2012: still points are smoothed much, moving ones hardly.
    """

    def __init__(self, face: NDArray[np.float32], time_ms: int) -> None:
        """Begin with the face (P, 3), pixels, as it is."""
        self.face = face  # the latest smoothed one
        self._raw = face
        self._speed = np.zeros_like(face)
        self._time_ms = time_ms

    def smooth(self, face: NDArray[np.float32], time_ms: int) -> NDArray[np.float32]:
        """The next face (P, 3), smoothed; `time_ms` must be later than the one before."""
        rate = 1000 / (time_ms - self._time_ms)
        size = np.ptp(face[:, :2], axis=0).mean()
        speed = (face - self._raw) * (rate / size)
        self._speed = self._speed + _weight(_SPEED_CUTOFF, rate) * (speed - self._speed)
        cutoff = _LEAST_CUTOFF + _CUTOFF_PER_SPEED * np.abs(self._speed)
        self.face = (self.face + _weight(cutoff, rate) * (face - self.face)).astype(np.float32)
        self._raw = face
        self._time_ms = time_ms
        return self.face


def _weight(cutoff: float | Floats, rate: float) -> float | Floats:
    """Share of the new value in a low-pass filter of first order: equation 5 of the paper."""
    return 1 / (1 + rate / (2 * np.pi * cutoff))
