"""The part of a film's picture in which a face is redrawn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.conditioning import filled
from mytalk_core.appearance.window_map import WindowMap

_WINDOW = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)


@dataclass(frozen=True, eq=False)
class MaskPatch:
    """A mask in a rectangle of the picture, which it may exceed."""

    left: int  # pixel of the picture, negative beyond its edge
    top: int
    mask: NDArray[np.uint8]  # (h, w) 1 where the face is redrawn


def mask_patch(outline: NDArray[np.float32], window: WindowMap, cell: int) -> MaskPatch | None:
    """Draw the part of a mask that lies in the renderer's window.

    Args:
        outline: (O, 2) of the mask, pixels of the picture.
        window: of the same picture.
        cell: pixels; the patch consists of whole cells of the picture, so that they do not move
            with the mask.

    Returns:
        None where the mask lies outside the window.
    """
    corners = (_WINDOW - window.shift) @ np.linalg.inv(window.turn).T
    low = np.maximum(outline.min(axis=0), corners.min(axis=0))
    high = np.minimum(outline.max(axis=0), corners.max(axis=0))
    if (high <= low).any():
        return None
    left, top = (int(edge) for edge in np.floor(low / cell) * cell)
    right, bottom = (int(edge) for edge in (np.floor(high / cell) + 1) * cell)
    corner = np.array([left, top], np.float64)
    shape = (bottom - top, right - left)
    mask = filled(outline - corner, shape) & filled(corners - corner, shape)
    return MaskPatch(left, top, mask)
