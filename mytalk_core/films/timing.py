"""When the frames of a film are shown, and the shape of its pixels."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class FilmTiming:
    """Timestamps of a film with F frames."""

    starts: tuple[Fraction, ...]  # (F,) seconds after the start of the first frame
    end: Fraction  # seconds, of the last frame
    fps: Fraction  # nominal frames a second
    pixel_aspect: Fraction  # width of a pixel over its height
