"""Rows of a script as its format states them, before times and texts are interpreted."""

from dataclasses import dataclass
from fractions import Fraction

from mytalk_core.speech.lines import Presence

RowTime = Fraction | str
"""Seconds, or a timecode label such as `10:00:00:12`, whose seconds depend on the film's rate."""


@dataclass(frozen=True)
class ScriptRow:
    """One row, cue, event or paragraph."""

    number: int  # in the file, from 1; voices that share a cue share its number
    start: RowTime | None  # None where it cannot be parsed
    end: RowTime | None  # None where it cannot be parsed
    text: str  # without markup of the format; lines are separated by line feeds
    character: str = ""  # as written
    presence: Presence = Presence.UNKNOWN  # as a field of the format states it
    marks: str = ""  # remarks that may contain marks such as "OFF"
    duration: RowTime | None = None  # where it is stated instead of an end


@dataclass(frozen=True)
class ScriptRows:
    """The rows of a file, in its order."""

    rows: tuple[ScriptRow, ...]
    notes: tuple[str, ...] = ()  # decisions of the reader, for people
    # Frames a second of the timecode that the file's seconds were counted with; None where the
    # file states seconds, or labels without a rate of its own.
    rate: Fraction | None = None
    has_ends: bool = True  # whether the file states where lines end


class UnreadableScriptError(ValueError):
    """A file is not a script of its format, or leaves open which of its columns is which."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what  # one sentence
        self.remedy = remedy  # one sentence; may be empty
