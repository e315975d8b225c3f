"""Detection of faces that are too small for the landmarker, for error messages.

MediaPipe's detector scales a whole image to 128 x 128 pixels and finds faces of about 15 of them
or more. In tiles of the image it finds smaller ones.
"""

from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

SMALLEST_SHARE = 0.12
"""Height of the smallest face detected in a whole image, as a share of the longer side.

Measured on three people in images of 1280 x 720, 720 x 576 and 360 x 640 pixels, where it was 10 to
14 %, by tests/benchmarks/face_plausibility.py.
"""

_TILINGS = (2, 4, 8)  # tiles along the longer side, without overlap
_SMALLEST_TILE = 64  # pixels
_SEARCHED = 4  # images per film


def tiles(image: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Yield square tiles of an image (H, W, 3), largest first, with an overlap of one half."""
    height, width = image.shape[:2]
    for tiling in _TILINGS:
        size = max(height, width) // tiling
        if size < _SMALLEST_TILE:
            return
        for top in _starts(height, size):
            for left in _starts(width, size):
                yield image[top : top + size, left : left + size]


def _starts(length: int, size: int) -> list[int]:
    """Return the first pixels of tiles along a side; the last tile ends at its end."""
    last = max(length - size, 0)
    count = -(-2 * last // size) + 1
    return [round(last * number / max(count - 1, 1)) for number in range(count)]


class FacelessImages:
    """A few images of footage without a detected face, in constant memory."""

    def __init__(self) -> None:
        self._kept: deque[NDArray[np.uint8]] | None = deque(maxlen=_SEARCHED)

    def observe(self, index: int, image: NDArray[np.uint8], face: bool) -> None:
        """Add the next image, (H, W, 3) RGB; the first one with a face clears the collection."""
        if face:
            self._kept = None
        elif self._kept is not None and index & (index + 1) == 0:  # 0, 1, 3, 7, 15, ...
            self._kept.append(image)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Iterate over the images, latest first."""
        return reversed(self._kept or ())


def too_small_text(face: float, width: int, height: int) -> str:
    """Return the clause of an error message for footage whose face was found in a tile only.

    Args:
        face: height of the face, pixels.
        width, height: of the images, pixels.
    """
    side = max(width, height)
    return (
        f"a face {face:.0f} pixels high, {face / side:.0%} of the picture's longer side, is too"
        f" small: the smallest face that is detected has {SMALLEST_SHARE:.0%}, here"
        f" {SMALLEST_SHARE * side:.0f} pixels"
    )
