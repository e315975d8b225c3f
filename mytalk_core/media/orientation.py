"""Rotation and mirroring of a stored picture for display, from the file's display matrix."""

from dataclasses import dataclass
from typing import Any, Final

import av
import numpy as np
from av.sidedata.sidedata import Type
from numpy.typing import NDArray

_MATRIX_VALUES = 9


@dataclass(frozen=True)
class Orientation:
    """One of the eight display orientations: mirrored first, then rotated."""

    turns: int = 0  # counterclockwise quarter turns, 0..3
    mirrored: bool = False  # left and right exchanged

    @property
    def swaps_sides(self) -> bool:
        """Return whether width and height are exchanged."""
        return self.turns % 2 == 1

    def upright(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return the displayed picture (H, W, ...), contiguous; `stored` itself if unchanged."""
        if self == UPRIGHT:
            return stored
        picture = stored[:, ::-1] if self.mirrored else stored
        return np.ascontiguousarray(np.rot90(picture, self.turns))


UPRIGHT: Final = Orientation()


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """Return the orientation of a decoded frame; angles round to quarter turns."""
    data: Any = frame.side_data  # its type covers motion vectors only
    matrix = data.get(Type.DISPLAYMATRIX)
    if matrix is None:
        return UPRIGHT
    return orientation_from_matrix(np.frombuffer(memoryview(matrix), np.int32)[:_MATRIX_VALUES])


def orientation_from_matrix(matrix: NDArray[np.int32]) -> Orientation:
    """Convert a display matrix to an orientation.

    Args:
        matrix: (9,) in FFmpeg's order: a pixel at (x, y) is displayed at
            (m[0] x + m[3] y, m[1] x + m[4] y), up to a shift and a scale.
    """
    x_of_x, y_of_x, _, x_of_y, y_of_y = (int(value) for value in matrix[:5])
    if abs(x_of_x) + abs(y_of_y) >= abs(y_of_x) + abs(x_of_y):
        left_right, up_down = x_of_x < 0, y_of_y < 0
        return Orientation(2 if up_down else 0, left_right != up_down)
    left_right, up_down = x_of_y < 0, y_of_x < 0
    return Orientation(3 if left_right else 1, left_right == up_down)
