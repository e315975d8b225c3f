"""The part of a film's picture in which a face is redrawn."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.window_map import WindowMap

_SUBPIXEL_BITS = 4  # OpenCV draws at 1/16 pixel
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
    mask = _filled(outline, left, top, (bottom - top, right - left))
    mask &= _filled(corners, left, top, mask.shape)
    return MaskPatch(left, top, mask)


def _filled(
    outline: NDArray[np.floating], left: int, top: int, shape: tuple[int, ...]
) -> NDArray[np.uint8]:
    region = np.zeros(shape, np.uint8)
    fixed = np.round((outline - [left, top]) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillPoly(region, [fixed], color=[1], shift=_SUBPIXEL_BITS)
    return region
