"""The drawn pieces of a title."""

from dataclasses import dataclass

from mytalk_core.dubbing.piece_drawing import DrawnPiece


@dataclass(frozen=True)
class DrawnTitle:
    """The drawn pieces of a title, in order."""

    pieces: tuple[DrawnPiece, ...]
    seconds: tuple[float | None, ...]  # of drawing each; None where it was stored before
