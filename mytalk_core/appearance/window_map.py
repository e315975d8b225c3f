"""Where the pixels of a picture lie in the renderer's window of the lower face."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.face_crops import WINDOW_CORNER, WINDOW_SIDE


@dataclass(frozen=True, eq=False)
class WindowMap:
    """An affine map from pixels (x, y) of a picture to shares of the window's side.

    Whole numbers are the centres of pixels; shares run from 0 to 1 between the window's edges.
    """

    turn: NDArray[np.float64]  # (2, 2): shares = turn @ pixel + shift
    shift: NDArray[np.float64]  # (2,)

    def moved(self, left: int, top: int) -> "WindowMap":
        """The map of the part of the picture that starts at a pixel."""
        return WindowMap(self.turn, self.shift + self.turn @ np.array([left, top], np.float64))

    def to_pixels(self, side: int) -> NDArray[np.float64]:
        """The map to pixels of a picture of the window with `side` pixels, (2, 3) for OpenCV."""
        return np.column_stack([self.turn * side, self.shift * side - 0.5])

    def positions(
        self, side: int, size: tuple[int, int]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """`to_pixels` of every pixel of a picture of a width and height: x and y, (H, W) each."""
        x, y = np.arange(size[0]), np.arange(size[1])[:, None]
        across, down = self.to_pixels(side)
        return (
            (across[0] * x + (across[1] * y + across[2])).astype(np.float32),
            (down[0] * x + (down[1] * y + down[2])).astype(np.float32),
        )


def whole_window(side: int) -> WindowMap:
    """The map of a picture of the window itself, with `side` pixels."""
    return WindowMap(np.eye(2) / side, np.full(2, 0.5 / side))


def window_of_crop(box: NDArray[np.float32], crop_size: int) -> WindowMap:
    """The map of a film's pixels.

    Args:
        box: (3, 2) from them to pixels of the crop.
        crop_size: the crop's side, pixels.
    """
    gain = 1 / (crop_size * WINDOW_SIDE)
    corner = np.array(WINDOW_CORNER, np.float64) * crop_size
    exact = box.astype(np.float64)
    return WindowMap(exact[:2].T * gain, (exact[2] + 0.5 - corner) * gain)
