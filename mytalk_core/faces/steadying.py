"""Removal of landmark jitter without lag.

A bilateral filter over time (Tomasi and Manduchi, 1998): every point is averaged with its positions
in neighbouring frames, weighted by their closeness. Moving points stay as they are, and nothing is
averaged across a cut.

Filtered landmarks are used for cropping and rendering. Training uses the detected ones: lips also
move by amounts as small as the jitter, and filtered lips follow speech less closely.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.alignment import inter_ocular
from mytalk_core.faces.landmark_scheme import LandmarkScheme

# Scale of closeness, inter-ocular units: about five times the jitter of landmarks, and a tenth of a
# wide open mouth.
_SAME_PLACE = 0.01
# Seconds on either side of a frame.
_REACH = 0.16
_BLOCK = 1000  # frames in memory at a time


def steadied(
    landmarks: NDArray[np.float32], scheme: LandmarkScheme, fps: float
) -> NDArray[np.float32]:
    """Filter landmarks (T, P, 3) of one face, pixels; NaN without a face stays NaN.

    The filter is symmetric in time.
    """
    return np.concatenate(list(steadied_blocks(landmarks, scheme, fps)))


def steadied_blocks(
    landmarks: NDArray[np.float32], scheme: LandmarkScheme, fps: float
) -> Iterator[NDArray[np.float32]]:
    """Yield `steadied` in blocks (n, P, 3), for memory-mapped landmarks."""
    reach = max(round(_REACH * fps), 1)
    for first in range(0, len(landmarks), _BLOCK):
        end = min(first + _BLOCK, len(landmarks))
        start = max(first - reach, 0)
        around = np.asarray(landmarks[start : end + reach])
        yield _averaged(around, inter_ocular(around, scheme), reach)[first - start : end - start]


def _averaged(
    points: NDArray[np.float32], unit: NDArray[np.float32], reach: int
) -> NDArray[np.float32]:
    count, far = len(points), -2 * np.square(_SAME_PLACE * unit)[:, None, None]
    total, weight = points.copy(), np.ones_like(points[..., :1])
    for apart in range(-reach, reach + 1):
        frames = slice(max(-apart, 0), min(count - apart, count))
        others = points[max(apart, 0) : max(count + apart, 0)]
        if apart == 0 or not len(others):
            continue
        moved = np.square((others - points[frames])[..., :2]).sum(axis=-1, keepdims=True)
        share = np.exp(moved / far[frames])
        seen = np.isfinite(share)
        weight[frames] += np.where(seen, share, 0)
        total[frames] += np.where(seen, share * others, 0)
    averaged: NDArray[np.float32] = total / weight
    return averaged
