"""The colour of a redrawn crop carried over to the film's, as its rim shows the difference.

Just inside the mask's edge the film shows what the drawing has to go on with. What is different
there, apart from detail, is an error of colour or light; spread over the mask as heat would spread
from its edge, it is taken off the drawing without a step anywhere.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class RimConfig:
    """How far the rim is believed."""

    # Width of the rim inside the mask's edge, share of the crop's width.
    width: float = 0.045
    # Differences, of 255, from which on the rim shows other things and not another light.
    unlike: float = 10.0
    # Share of the correction that is left where the mask is deepest, which is the mouth: what the
    # rim cannot see it is believed less about.
    at_the_middle: float = 0.8


def rim_correction(
    difference: Floats, depth: Floats, cell: int, size: int, config: RimConfig
) -> Floats:
    """What to add to the drawing, smooth, for it to go on with the film's colours.

    The rim's mean differences on a grid of cells are interpolated by Poisson's kernel, normalised:
    on a disc exactly the harmonic function with these values at its edge, elsewhere near to it.

    Args:
        difference: (H, W, 3) drawing minus film.
        depth: (H, W) pixels inside the mask's edge, 0 outside.
        cell: side of the grid's cells, pixels.
        size: width of the crop.

    Returns:
        (H, W, 3); 0 without a rim.
    """
    height, width = depth.shape
    grid = (max(round(width / cell), 1), max(round(height / cell), 1))
    # Sixteen pixels tell a cell's mean well enough.
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
    # Cauchy's weights about the mean: a collar, or a jaw elsewhere than it was, has little say.
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
    """(N, N) of the N = rows * columns cells: 1 over their squared distances, finite at 0."""
    y, x = np.mgrid[0:rows, 0:columns].reshape(2, -1).astype(np.float32)
    squared = np.square(x[:, None] - x) + np.square(y[:, None] - y)
    kernel: Floats = (1 / (squared + 0.25)).astype(np.float32)
    return kernel
