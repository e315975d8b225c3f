"""Who speaks: values of the decisions about stretches of a film's sound and about lines."""

from dataclasses import dataclass
from enum import StrEnum

from mytalk_core.speech.transcript import Interval


class Speaking(StrEnum):
    """Where the speaker of a stretch or line is."""

    ON_SCREEN = "on_screen"  # in the picture, with lips that speak
    OFF_SCREEN = "off_screen"  # not in the picture, or a voice over it
    UNDECIDED = "undecided"  # evidence is too weak: no lips are touched


@dataclass(frozen=True)
class Evidence:
    """One signal for a decision."""

    kind: str  # "sync", "voice", "script", "stem", "cast map", "turn", "only member"
    log_odds: float  # for the chosen speaker against the best other one, off-screen included
    text: str  # a clause for the report


@dataclass(frozen=True)
class SpeakerDecision:
    """Who speaks."""

    speaking: Speaking
    member: str | None  # id; may be known off screen, is None where undecided
    confidence: float  # 0..1 that `speaking` and `member` are right
    why: str  # one sentence for people
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class SpeakerScore:
    """How probable a speaker is."""

    member: str | None  # id; None: a voice that belongs to no member
    speaking: Speaking  # on or off screen
    probability: float  # 0..1


@dataclass(frozen=True)
class SpokenStretch:
    """A stretch of the film's own sound in which one person speaks."""

    interval: Interval  # seconds of the film
    decision: SpeakerDecision
    scores: tuple[SpeakerScore, ...] = ()  # of all possible speakers, they add up to 1


@dataclass(frozen=True)
class FilmSpeakers:
    """Who speaks in a film's own sound."""

    offset: int  # frames at 25 fps by which the film's sound is late against its picture
    stretches: tuple[SpokenStretch, ...]  # by start
    sound: bool = True  # False: the film has no sound of its own, so that nothing is known


@dataclass(frozen=True)
class LineSpeaker:
    """Who says a line of the dub."""

    line: int  # number of the line
    decision: SpeakerDecision
