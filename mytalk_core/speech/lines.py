"""The lines of a dub: what is said, when, and as whom the script names the speaker."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from mytalk_core.speech.transcript import Interval, Word


class Presence(StrEnum):
    """Whether a speaker is in the picture, as the marks of a script say."""

    UNKNOWN = "unknown"
    ON_SCREEN = "on"
    OFF_SCREEN = "off"


@dataclass(frozen=True)
class ScriptLine:
    """A line of a script, without markup and performance marks."""

    number: int  # of the line in the file, from 1
    text: str  # what is said
    slot: Interval  # seconds after the start of the film's first frame
    character: str = ""  # as the script names the speaker, without marks; empty where it does not
    presence: Presence = Presence.UNKNOWN


@dataclass(frozen=True)
class DubLine:
    """A line of a dub: where the script or the recogniser places it, and its sound in the stem.

    A stem is timed to the picture: its seconds are those of the film before fitting.
    """

    number: int  # from 1, by start of the slot
    text: str
    slot: Interval  # seconds of the film; of a recognised line, its sound
    sound: Interval | None  # seconds of the stem from first to last voice; None: it has no voice
    words: tuple[Word, ...]  # in seconds of the stem; without times where they are unknown
    stem: str = ""  # name of the stem that has its sound; empty for the only one
    character: str = ""  # of the script; empty where there is none
    presence: Presence = Presence.UNKNOWN


@dataclass(frozen=True)
class TimePoint:
    """A point of a time map."""

    source: Fraction  # seconds of the stem
    target: Fraction  # seconds of the film
