"""Colour correction of a redrawn crop by its difference from the film at the mask's rim.

Just inside the mask's edge the drawing should continue the film. A difference there, apart from
detail, is an error of colour or light. It is interpolated smoothly over the mask, as heat diffuses
from an edge, and subtracted from the drawing.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class RimConfig:
    """Settings of the correction."""

    # Width of the rim inside the mask's edge, share of the crop's width.
    width: float = 0.045
    # Scale of differences, of 255, beyond which the rim shows other content and not other light.
    unlike: float = 10.0
    # Factor on the correction where the mask is deepest, at the mouth, where the rim is less
    # reliable.
    at_the_middle: float = 0.8


def rim_correction(
    difference: Floats, depth: Floats, cell: int, size: float, config: RimConfig
) -> Floats:
    """Compute a smooth correction that makes the drawing continue the film's colours.

    The rim's mean differences on a grid of cells are interpolated by a normalised Poisson kernel:
    on a disc this is exactly the harmonic function with these edge values, elsewhere close to it.

    Args:
        difference: (H, W, 3) drawing minus film.
        depth: (H, W) pixels inside the mask's edge, 0 outside.
        cell: side of the grid's cells, pixels.
        size: width of the face's crop, pixels.

    Returns:
        (H, W, 3) to add to the drawing; 0 without a rim.
    """
    height, width = depth.shape
    grid = (max(round(width / cell), 1), max(round(height / cell), 1))
    # Sixteen pixels are enough for a cell's mean.
    step = max(cell // 4, 1)
    sparse = np.ascontiguousarray(depth[::step, ::step])
    rim = ((sparse > 0) & (sparse <= config.width * size)).astype(np.float32)
    weight = cv2.resize(rim, grid, interpolation=cv2.INTER_AREA).reshape(-1, 1)
    if not weight.any():
        return np.zeros_like(difference)
    seen = difference[::step, ::step] * rim[..., None]
    most = 4 * config.unlike
    total = cv2.resize(np.clip(seen, -most, most), grid, interpolation=cv2.INTER_AREA)
    mean = total.reshape(-1, 3) / np.maximum(weight, 1e-6)
    # Cauchy weights around the mean suppress outliers such as a collar or a jaw that has moved.
    trust = weight
    for _ in range(3):
        centre = (trust * mean).sum(axis=0) / trust.sum()
        unlike = np.linalg.norm(mean - centre, axis=1, keepdims=True) / config.unlike
        trust = weight / (1 + unlike**2)
    kernel = _poisson_kernel(grid[1], grid[0])
    spread = (kernel @ (trust * mean)) / (kernel @ trust)
    deep = cv2.resize(sparse, grid, interpolation=cv2.INTER_AREA).reshape(-1, 1)
    inwards = deep / max(float(deep.max()), 1e-6)
    spread *= 1 - (1 - config.at_the_middle) * inwards * inwards * (3 - 2 * inwards)
    small = np.ascontiguousarray(-spread.reshape(grid[1], grid[0], 3), np.float32)
    smooth = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return smooth.astype(np.float32, copy=False)


@lru_cache(maxsize=64)
def _poisson_kernel(rows: int, columns: int) -> Floats:
    """Return 1 / (squared distance + 1/4) of N = rows * columns cells, (N, N)."""
    y, x = np.mgrid[0:rows, 0:columns].reshape(2, -1).astype(np.float32)
    squared = np.square(x[:, None] - x) + np.square(y[:, None] - y)
    kernel: Floats = (1 / (squared + 0.25)).astype(np.float32)
    return kernel
