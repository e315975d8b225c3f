"""Films whose pixels are not square: faces are found, measured and cropped as viewers see them.

Landmarks and crop boxes of every film are in square pixels: those of its picture stretched, along
one side, to the shape in which it is shown. Of a film with square pixels these are its own. Only
where stored pixels are read or written is a box carried over to them.
"""

from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

# No film is squeezed by more than this; a header that says so is damaged.
_LARGEST_ASPECT = 4


def square_scale(pixel_aspect: Fraction) -> tuple[float, float]:
    """Square pixels along a stored pixel's width and height; one of them is 1, the other more.

    Args:
        pixel_aspect: width of a stored pixel over its height; beyond 4 either way it is taken
            for damage, and the pixels for square.
    """
    if not 1 <= max(pixel_aspect, 1 / pixel_aspect) <= _LARGEST_ASPECT:
        return 1.0, 1.0
    return float(max(pixel_aspect, Fraction(1))), float(max(1 / pixel_aspect, Fraction(1)))


def square_size(width: int, height: int, pixel_aspect: Fraction) -> tuple[int, int]:
    """Width and height of a picture in square pixels."""
    across, down = square_scale(pixel_aspect)
    return round(width * across), round(height * down)


def squared(image: NDArray[np.uint8], pixel_aspect: Fraction) -> NDArray[np.uint8]:
    """A picture (H, W, 3) in square pixels; the same object where it has them."""
    across, down = square_scale(pixel_aspect)
    if across == down == 1:
        return image
    # By the factors, not to a size, so that what is rounded is the edge and not the scale.
    return cv2.resize(  # type: ignore[return-value]
        image, None, fx=across, fy=down, interpolation=cv2.INTER_LINEAR
    )


def stored_boxes(boxes: NDArray[np.float32], pixel_aspect: Fraction) -> NDArray[np.float32]:
    """Crop transforms from square pixels as ones from the stored pixels.

    Args:
        boxes: (.., 3, 2) rows [x, y, 1] in square pixels @ box are crop pixels.
    """
    across, down = square_scale(pixel_aspect)
    if across == down == 1:
        return boxes
    # Whole numbers are the middles of pixels; stretching keeps the outer edges in place.
    stretch = np.array(
        [[across, 0, 0], [0, down, 0], [(across - 1) / 2, (down - 1) / 2, 1]], np.float64
    )
    carried: NDArray[np.float32] = (stretch @ boxes).astype(np.float32)
    return carried
