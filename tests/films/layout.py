"""Where people stand in a picture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.films.stories import Framing
from tests.films.truth import Box

# Heights of faces, chin to hairline, in parts of the picture's height.
_FACE_HEIGHT = {Framing.MEDIUM: 0.46, Framing.CLOSE: 0.6, Framing.SMALL: 0.25}
_FACE_HEIGHT_OF_THREE = 0.37
_BOARD = (1.05, 0.66)  # width and height of a board in heights of a face


@dataclass(frozen=True)
class Canvas:
    """The picture of a film, in pixels."""

    width: int
    height: int

    @property
    def wall(self) -> tuple[Box, ...]:
        """Four photographs beside one person."""
        width, height = self.width // 9, self.height // 4
        left, right = self.width // 60, self.width - self.width // 60 - width
        rows = (self.height // 8, self.height // 8 + height + self.height // 10)
        return tuple(Box(x, y, width, height) for y in rows for x in (left, right))

    @property
    def poster(self) -> tuple[Box, ...]:
        """One large photograph in the right third."""
        width, height = int(self.width * 0.28), int(self.height * 0.8)
        return (Box(self.width - width - self.width // 40, self.height // 10, width, height),)


@dataclass(frozen=True)
class Portrait:
    """Where the face is in the footage of a person, in its pixels."""

    x: float  # middle of the face
    y: float  # middle of the face, about the tip of the nose
    face: float  # height, chin to hairline
    width: int  # of the footage
    height: int  # of the footage


@dataclass(frozen=True)
class Panel:
    """The part of the film's picture that shows a person."""

    box: Box
    zoom: float  # pixels of the film per pixel of the footage
    left: float  # pixels of the footage at the box's left edge
    top: float  # pixels of the footage at the box's upper edge
    board: Box | None  # over the mouth, in pixels of the film

    def without_board(self) -> "Panel":
        """The panel with a visible mouth."""
        return replace(self, board=None)

    def drawn(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The content of the box, (height, width, 3), from a frame of the footage."""
        half = (self.zoom - 1) / 2  # pixel centres stay centres
        matrix = np.array(
            [
                [self.zoom, 0, half - self.left * self.zoom],
                [0, self.zoom, half - self.top * self.zoom],
            ]
        )
        drawn = cv2.warpAffine(
            picture,
            matrix,
            (self.box.width, self.box.height),
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(drawn, np.uint8)


def layout(
    portraits: Sequence[Portrait], framing: Framing, canvas: Canvas, *, spare_column: bool
) -> list[Panel]:
    """Panels side by side, each with its board; `spare_column` leaves room on the right."""
    columns = len(portraits) + spare_column
    height = _FACE_HEIGHT[framing]
    if columns > 2:
        height = min(height, _FACE_HEIGHT_OF_THREE)
    width = canvas.width // max(columns, 1)
    panels = []
    for column, portrait in enumerate(portraits):
        zoom = height * canvas.height / portrait.face
        panels.append(_panel(portrait, zoom, (column * width, width), canvas.height))
    return panels


def still_panel(portrait: Portrait, box: Box) -> Panel:
    """A photograph whose face takes most of the box."""
    zoom = 0.62 * box.height / portrait.face
    left = portrait.x - box.width / 2 / zoom
    return Panel(box, zoom, left, portrait.y - box.height / 2 / zoom, None)


def _panel(portrait: Portrait, zoom: float, column: tuple[int, int], height: int) -> Panel:
    box_width = min(column[1], int(portrait.width * zoom)) // 2 * 2
    box_height = min(height, int(portrait.height * zoom)) // 2 * 2
    box = Box(column[0] + (column[1] - box_width) // 2, height - box_height, box_width, box_height)
    shown_width, shown_height = box_width / zoom, box_height / zoom
    left = np.clip(portrait.x - shown_width / 2, 0, portrait.width - shown_width)
    top = np.clip(portrait.y - shown_height / 2, 0, portrait.height - shown_height)
    board_width, board_height = (int(part * portrait.face * zoom) for part in _BOARD)
    mouth = portrait.y + portrait.face * 0.28
    board = Box(
        int(box.x + (portrait.x - left) * zoom - board_width / 2),
        int(box.y + (mouth - top) * zoom - board_height / 2),
        board_width,
        board_height,
    )
    return Panel(box, zoom, float(left), float(top), board)
