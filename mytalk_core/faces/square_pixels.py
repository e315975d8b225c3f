"""Anamorphic films: conversion between stored pixels and square pixels.

Landmarks and crop boxes are always in square pixels, those of the picture stretched along one side
to its display aspect. Boxes are converted to stored pixels where these are read or written.
"""

from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

# Larger values come from damaged headers.
_LARGEST_ASPECT = 4


def square_scale(pixel_aspect: Fraction) -> tuple[float, float]:
    """Return the width and height of a stored pixel in square pixels; the smaller one is 1.

    Args:
        pixel_aspect: width over height of a stored pixel; above 4 or below 1/4 it is ignored.
    """
    if not 1 <= max(pixel_aspect, 1 / pixel_aspect) <= _LARGEST_ASPECT:
        return 1.0, 1.0
    return float(max(pixel_aspect, Fraction(1))), float(max(1 / pixel_aspect, Fraction(1)))


def square_size(width: int, height: int, pixel_aspect: Fraction) -> tuple[int, int]:
    """Return width and height of a picture in square pixels."""
    across, down = square_scale(pixel_aspect)
    return round(width * across), round(height * down)


def squared(image: NDArray[np.uint8], pixel_aspect: Fraction) -> NDArray[np.uint8]:
    """Stretch a picture (H, W, 3) to square pixels; return the same object if it has them."""
    across, down = square_scale(pixel_aspect)
    if across == down == 1:
        return image
    # By factors, not to a size, so that rounding affects the edge and not the scale.
    return cv2.resize(  # type: ignore[return-value]
        image, None, fx=across, fy=down, interpolation=cv2.INTER_LINEAR
    )


def stored_boxes(boxes: NDArray[np.float32], pixel_aspect: Fraction) -> NDArray[np.float32]:
    """Convert crop transforms of square pixels to those of stored pixels.

    Args:
        boxes: (.., 3, 2) rows [x, y, 1] in square pixels @ box are crop pixels.
    """
    across, down = square_scale(pixel_aspect)
    if across == down == 1:
        return boxes
    # Integers are pixel centres; stretching keeps the outer edges in place.
    stretch = np.array(
        [[across, 0, 0], [0, down, 0], [(across - 1) / 2, (down - 1) / 2, 1]], np.float64
    )
    carried: NDArray[np.float32] = (stretch @ boxes).astype(np.float32)
    return carried
