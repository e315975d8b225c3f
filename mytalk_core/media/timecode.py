"""SMPTE timecode (ST 12-1): labels of frames, with and without drop frame.

Timecode counts frames with the whole number next to the rate: 24 for 24000/1001. Drop frame skips
labels, never frames, so that labels of 30000/1001 stay near the time of day: the first two numbers
of every minute except each tenth, four at 60000/1001. Whether a film counts like this is a
property of the film; its rate alone does not tell.
"""

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from mytalk_core.media.clock import frame_at
from mytalk_core.media.container import open_container
from mytalk_core.media.film_clock import film_clock
from mytalk_core.media.stream_choice import PLAYERS_CHOICE, StreamChoice, choose_video

_LABEL = re.compile(r"(\d{1,2})[:;](\d{2})[:;](\d{2})([:;])(\d{2,3})")
_DROP_BASE = Fraction(30000, 1001)  # drop frame exists at this rate and its multiples
_DROPPED = 2  # numbers a minute at that rate
_TAG = "timecode"


@dataclass(frozen=True)
class Timecode:
    """A frame's timecode.

    Raises:
        ValueError: where `drop` is set at a rate without drop frame, or the rate is not positive.
    """

    frame: int  # frames since 00:00:00:00, below those of a day
    rate: Fraction  # frames a second
    drop: bool = False  # whether labels are dropped

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise ValueError(f"a frame rate must be positive, not {self.rate}")
        if self.drop and (self.rate / _DROP_BASE).denominator != 1:
            raise ValueError(f"drop-frame timecode does not exist at {self.rate} frames a second")
        if not 0 <= self.frame < self._day:
            raise ValueError(f"frame {self.frame} is not within a day")

    @classmethod
    def parse(cls, text: str, rate: Fraction, drop: bool | None = None) -> "Timecode":
        """Parse a label such as `10:00:00:00`, or `10:00:00;00` with drop frame.

        Args:
            drop: whether the film drops labels; None: as the last separator says. Lists of dialogue
                often write colons for a film with drop frame.

        Raises:
            ValueError: where the text is no label, or no frame of this rate has the label.
        """
        found = _LABEL.fullmatch(text.strip())
        if not found:
            raise ValueError(f"{text!r} is not a timecode such as 01:00:00:00")
        hours, minutes, seconds = (int(part) for part in found.group(1, 2, 3))
        number = int(found[5])
        zero = cls(0, rate, found[4] == ";" if drop is None else drop)
        if hours > 23 or minutes > 59 or seconds > 59 or number >= zero._nominal:
            raise ValueError(
                f"{text!r} is not a timecode: numbers end at 23:59:59:{zero._nominal - 1:02d} "
                f"at {rate} frames a second"
            )
        if number < zero._dropped and seconds == 0 and minutes % 10:
            raise ValueError(f"{text!r} is not a timecode: drop frame skips this number")
        minute = 60 * hours + minutes
        dropped = zero._dropped * (minute - minute // 10)
        return replace(zero, frame=zero._nominal * (60 * minute + seconds) + number - dropped)

    @property
    def label(self) -> str:
        """Return the label: `HH:MM:SS:FF`, or `HH:MM:SS;FF` with drop frame."""
        number = self.frame
        if self.drop:
            tens, rest = divmod(number, self._ten_minutes)
            # The first minute of ten drops nothing.
            minutes = max(0, (rest - self._dropped) // (60 * self._nominal - self._dropped))
            number += self._dropped * (9 * tens + minutes)
        seconds, frame = divmod(number, self._nominal)
        minutes, second = divmod(seconds, 60)
        mark = ";" if self.drop else ":"
        return f"{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}{mark}{frame:02d}"

    def __str__(self) -> str:
        return self.label

    def plus(self, frames: int) -> "Timecode":
        """Return the timecode this many frames later; after a day it starts again at zero."""
        return replace(self, frame=(self.frame + frames) % self._day)

    def at(self, seconds: Fraction) -> "Timecode":
        """Return the timecode of the frame on screen this many seconds after the start of this."""
        return self.plus(frame_at(seconds, self.rate))

    def frames_since(self, start: "Timecode") -> int:
        """Return the frames from `start` to this timecode, 0 or more: a film may cross midnight.

        Raises:
            ValueError: where the two count differently.
        """
        if (self.rate, self.drop) != (start.rate, start.drop):
            raise ValueError(f"{self} and {start} count frames differently")
        return (self.frame - start.frame) % self._day

    def seconds_since(self, start: "Timecode") -> Fraction:
        """Return the seconds from the start of frame `start` to the start of this one.

        Raises:
            ValueError: as `frames_since`.
        """
        return self.frames_since(start) / self.rate

    @property
    def _nominal(self) -> int:
        """Return the numbers of a second."""
        return max(1, round(self.rate))

    @property
    def _dropped(self) -> int:
        """Return the numbers that a minute drops."""
        return int(self.rate / _DROP_BASE) * _DROPPED if self.drop else 0

    @property
    def _ten_minutes(self) -> int:
        """Return the frames of ten minutes of labels."""
        return 600 * self._nominal - 9 * self._dropped

    @property
    def _day(self) -> int:
        """Return the frames of 24 hours of labels."""
        return 144 * self._ten_minutes


def film_timecode(path: str | Path, choice: StreamChoice = PLAYERS_CHOICE) -> Timecode | None:
    """Return the timecode of the first frame of a film; None where the file states no valid one.

    It is read from the tags of the picture, of the file and of timecode tracks, in this order: MOV
    and MP4 have a track of it, MXF a tag of the file.

    Raises:
        BadInputError: as `open_container` and `choose_video`.
    """
    path = Path(path)
    with open_container(path) as container:
        stream = choose_video(container, path, choice)
        tracks = (track.metadata for track in container.streams.data)
        labels = [
            value
            for tags in (stream.metadata, container.metadata, *tracks)
            for tag, value in tags.items()
            if tag.casefold() == _TAG  # Matroska's tags are in capitals
        ]
        index = stream.index
    rate = film_clock(path, index).rate.fps
    for label in labels:
        try:
            return Timecode.parse(label, rate)
        except ValueError:
            continue
    return None
