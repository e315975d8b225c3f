"""Runs of consecutive frames that show one face."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.shape import face_height

# A face that moves by more than this share of its height between two frames is another one.
_LARGEST_JUMP = 0.5
_BLOCK = 5000  # frames looked at together, so that a film of any length fits in memory


def face_runs(landmarks: NDArray[np.float32], scheme: LandmarkScheme) -> list[tuple[int, int]]:
    """Runs (first frame, end frame) in which a face is seen without a gap or a jump.

    Args:
        landmarks: (T, P, 3) pixels, NaN where there is no face; may be mapped from disk.
    """
    centres = np.empty((len(landmarks), 2), np.float32)
    heights = np.empty(len(landmarks), np.float32)
    for first in range(0, len(landmarks), _BLOCK):
        block = np.asarray(landmarks[first : first + _BLOCK])
        centres[first : first + _BLOCK] = block[..., :2].mean(axis=1)
        heights[first : first + _BLOCK] = face_height(block, scheme)
    seen = np.isfinite(heights)
    step = np.linalg.norm(np.diff(centres, axis=0), axis=1) / heights[:-1]
    cut = (seen[1:] != seen[:-1]) | (step > _LARGEST_JUMP)
    edges = [0, *(np.flatnonzero(cut) + 1).tolist(), len(seen)]
    return [(first, end) for first, end in pairwise(edges) if end > first and seen[first]]
