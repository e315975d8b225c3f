"""The values of a title's report, which page, JSON document and summary show.

Everything is bounded for a film of two hours: nothing is stored per frame except the curves, which
`curves` reduces. Frames are [first, end) of the film. Pictures and clips are data URIs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from mytalk_core.dubbing.delivery_checks import Check
from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.dubbing.title_report.curves import ReportedCurves
from mytalk_core.dubbing.work_account import StageWork
from mytalk_core.films.members import TrackId
from mytalk_core.films.speaking import SpeakerDecision, Speaking
from mytalk_core.media.damage import DamagedStretch
from mytalk_core.media.timecode import Timecode
from mytalk_core.speech.transcript import Interval, Word


class Severity(StrEnum):
    """How much a finding matters; the worst first."""

    ERROR = "error"  # something is missing or wrong in the film
    WARNING = "warning"  # somebody should look at it
    NOTE = "note"  # for information


@dataclass(frozen=True)
class Finding:
    """Something in the title that a person should know."""

    severity: Severity
    text: str  # one sentence
    time: Fraction | None = None  # seconds of the film; None where it concerns all of it
    line: int | None = None  # number of the line that it concerns


@dataclass(frozen=True)
class TitleFacts:
    """What was dubbed."""

    id: str  # of the title
    film: str  # file name
    speech: tuple[str, ...]  # file names and tracks that the lips follow
    language: str  # of the dub, BCP 47
    width: int  # pixels of the film
    height: int
    fps: Fraction  # nominal frames a second
    frames: int
    duration: Fraction  # seconds, to the end of the last frame
    start_timecode: Timecode | None = None  # of the first frame; None where the film has none
    tracks: tuple[str, ...] = ()  # the picture and sound tracks that were used, for people

    def timecode(self, time: Fraction) -> str:
        """The SMPTE timecode of the frame on screen at `time` (seconds of the film).

        Frames are counted at the nominal rate, from zero where the film has no timecode.
        """
        return (self.start_timecode or Timecode(0, self.fps)).at(max(time, Fraction(0))).label


@dataclass(frozen=True)
class ReportedShot:
    """A shot of the film."""

    number: int  # from 1
    first: int
    end: int


@dataclass(frozen=True)
class FramePair:
    """One frame before and after; pictures are data URIs."""

    time: Fraction  # seconds from the film's first frame
    source: str
    dubbed: str
    mouth_source: str  # close-ups of the mouth
    mouth_dubbed: str


@dataclass(frozen=True)
class AdaptationScores:
    """What adapting the renderer to a member brought, on frames that were held out."""

    frames: int
    psnr: tuple[float, float]  # dB of the mouth, before and after
    lpips: tuple[float, float]  # of the mouth, before and after; smaller is better


@dataclass(frozen=True)
class ReportedMember:
    """A person of the film."""

    id: str
    name: str
    confidence: float  # 0..1 that the tracks show one person
    picture: str | None  # data URI of a face
    on_screen: Fraction  # seconds
    drawn: Fraction  # seconds with new lips
    style: str = ""  # what was learned of their speaking, one clause
    appearance: str = ""  # what the renderer learned of them, one clause
    adaptation: AdaptationScores | None = None  # None where nothing was learned


@dataclass(frozen=True)
class ReportedTrack:
    """A face track of the film, and what became of its frames."""

    id: TrackId
    member: str | None  # id; None of a face that belongs to no member
    first: int
    end: int
    drawn_frames: int
    left_alone: Mapping[LeftAlone, int]  # its other frames by reason, the most frequent first
    drawn: tuple[tuple[int, int], ...] = ()  # frames [first, end) with new lips, of the film
    picture: str | None = None  # data URI, for tracks without a member


@dataclass(frozen=True)
class LineFit:
    """How a line was fitted into its slot."""

    interval: Interval  # seconds of the film from first to last voice
    speed: Fraction  # of the speech; 1 where unchanged, 2 where twice as fast
    pauses: Fraction  # seconds taken from its pauses; negative where added
    gap: Fraction  # seconds used of the gap to the next line
    excess: Fraction  # seconds by which it is too long; 0 where it fits
    text: str  # one clause


@dataclass(frozen=True)
class LineSync:
    """The dubbed lips of a line against its sound, as the sync expert measures them."""

    offset: int  # frames at 25 fps by which the sound is late
    confidence: float  # of the expert; larger is surer


class NotJudged(StrEnum):
    """Why the lips of a line were not measured against its sound; values are the names in JSON."""

    NO_LIPS = "no_lips"
    TOO_SHORT = "too_short"
    NOT_SEEN = "not_seen"
    UNCLEAR = "unclear"

    @property
    def text(self) -> str:
        """The reason as a clause for reports."""
        return _NOT_JUDGED[self]


_NOT_JUDGED = {
    NotJudged.NO_LIPS: "no lips are drawn for it",
    NotJudged.TOO_SHORT: "less than 1.8 s of it has drawn lips",
    NotJudged.NOT_SEEN: "no face is found in most of its drawn frames",
    NotJudged.UNCLEAR: "lips and sound fit about equally well at several offsets",
}


class LineState(StrEnum):
    """What became of a line."""

    DRAWN = "drawn"  # the lips of its speaker follow it
    OFF_SCREEN = "off_screen"  # its speaker is not in the picture: no lips are touched
    UNDECIDED = "undecided"  # evidence for a speaker is too weak: no lips are touched
    SKIPPED = "skipped"  # its speaker is in the picture, but no lips were drawn


@dataclass(frozen=True)
class LinePicture:
    """A mouth before and after."""

    time: Fraction  # seconds of the film
    source: str  # data URI
    dubbed: str  # data URI


@dataclass(frozen=True)
class ReportedLine:
    """A line of the dub, who says it, and what became of it."""

    number: int
    text: str
    character: str  # as the script names the speaker; empty where it does not
    slot: Interval  # seconds of the film
    decision: SpeakerDecision
    drawn_frames: int  # with lips that follow this line
    fit: LineFit | None = None  # None where it has no sound
    sync: LineSync | None = None  # None where it was not judged
    not_judged: NotJudged | None = None  # why; None where it was, and of a clip without a title
    skipped: str = ""  # why no lips follow it, one clause; empty where they do
    words: tuple[Word, ...] = ()  # in seconds of the film, after fitting
    strip: tuple[LinePicture, ...] = ()  # by time
    player: str | None = None  # data URI of a short clip of the dub, from `players`

    @property
    def state(self) -> LineState:
        """What became of the line."""
        if self.decision.speaking is Speaking.OFF_SCREEN:
            return LineState.OFF_SCREEN
        if self.decision.speaking is Speaking.UNDECIDED:
            return LineState.UNDECIDED
        return LineState.DRAWN if self.drawn_frames else LineState.SKIPPED

    @property
    def interval(self) -> Interval:
        """Seconds of the film in which it is said; its slot where it has no sound."""
        return self.fit.interval if self.fit else self.slot


@dataclass(frozen=True)
class ReportedSegment:
    """A stretch of the film that is drawn and stored as one piece."""

    number: int
    first: int
    end: int
    members: tuple[str, ...]  # ids of those whose lips are drawn
    reused: bool  # whether an earlier run drew it
    seconds: float  # of drawing; 0 where reused


@dataclass(frozen=True)
class LeftAloneStretch:
    """Consecutive frames in which no lips were drawn."""

    first: int
    end: int
    reason: LeftAlone


@dataclass(frozen=True)
class ReportedStep:
    """A step of a dub, from the film to the report."""

    name: str
    seconds: float  # elapsed


@dataclass(frozen=True)
class ReportedConsent:
    """The consent of a member to the dub, as the title states it."""

    member: str  # name
    who: str  # gave it
    reference: str  # of the document
    scope: str
    until: str  # ISO 8601 date; empty where it does not end


@dataclass(frozen=True)
class TitleReport:
    """The content of a report."""

    facts: TitleFacts
    shots: tuple[ReportedShot, ...]
    members: tuple[ReportedMember, ...]  # the one on screen longest first
    tracks: tuple[ReportedTrack, ...]  # by first frame
    lines: tuple[ReportedLine, ...]  # by number
    segments: tuple[ReportedSegment, ...]  # by first frame
    findings: tuple[Finding, ...]
    checks: Mapping[str, Check]  # of the delivered film
    curves: ReportedCurves
    frames_left_alone: Mapping[LeftAlone, int]  # of the film, by reason, the most frequent first
    left_alone: tuple[LeftAloneStretch, ...] = ()  # by first frame
    voice: tuple[Interval, ...] = ()  # seconds of the film in which the dub has voice
    pairs: tuple[FramePair, ...] = ()  # by time
    steps: tuple[ReportedStep, ...] = ()  # in the order of the work
    stages: tuple[StageWork, ...] = ()  # of the graph, in the order of the work
    versions: Mapping[str, str] = field(default_factory=dict)  # of programs and models
    script_faults: tuple[str, ...] = ()  # one clause each
    notes: tuple[str, ...] = ()  # on the inputs, one clause each
    consent: tuple[ReportedConsent, ...] = ()
    damage: tuple[DamagedStretch, ...] = ()  # of the film before

    @property
    def drawn_frames(self) -> int:
        """Frames of the film with new lips."""
        return self.facts.frames - sum(self.frames_left_alone.values())

    @property
    def failed_checks(self) -> tuple[str, ...]:
        """Names of the checks that do not hold."""
        return tuple(name for name, check in self.checks.items() if not check.ok)
