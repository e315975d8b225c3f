"""What a report shows of the lines of a title: how their mouths were drawn, and pictures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mytalk_core.dubbing.drawn_title import DrawnTitle
from mytalk_core.dubbing.report_pictures import FramePictures, data_uri
from mytalk_core.dubbing.title_graph import PlannedTitle
from mytalk_core.dubbing.title_plan import TitlePlan
from mytalk_core.dubbing.title_report.values import (
    FramePair,
    LineFit,
    LinePicture,
    LineSync,
    NotJudged,
    ReportedLine,
)
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.films.film_faces import track_id
from mytalk_core.films.members import TrackId
from mytalk_core.films.speaking import LineSpeaker, Speaking
from mytalk_core.speech.fitting import FittedLine
from mytalk_core.speech.lines import DubLine
from mytalk_core.speech.transcript import Interval, Word

V = TypeVar("V")

_STRIP = 3  # pictures of a line
_PICTURED = 160  # lines with pictures: some 8 MB of the page


@dataclass(frozen=True)
class DrawnOpening:
    """Mouth opening of a track's T frames, inter-ocular units; NaN where nothing is drawn."""

    member: str
    track: FaceTrack
    target: NDArray[np.float64]  # (T,)
    source: NDArray[np.float64]  # (T,)

    def drawn(self, first: int = 0, end: int | None = None) -> int:
        """Frames with new lips among frames [first, end) of the film."""
        low = max(first - self.track.first, 0)
        high = len(self.target) if end is None else max(end - self.track.first, 0)
        return int(np.isfinite(self.target[low:high]).sum())


def drawn_openings(plan: TitlePlan, drawn: DrawnTitle) -> Mapping[TrackId, DrawnOpening]:
    """The mouth opening of every track of the plan."""
    found = {
        track_id(each.studied.track): DrawnOpening(
            each.member,
            each.studied.track,
            np.full(len(each.studied.track), np.nan),
            np.full(len(each.studied.track), np.nan),
        )
        for each in plan.tracks
    }
    for segment, piece in zip(plan.segments, drawn.pieces, strict=True):
        for redraw, face in zip(segment.redraws, piece.faces, strict=True):
            track = plan.tracks[redraw.track].studied.track
            here = slice(segment.first - track.first, segment.end - track.first)
            found[track_id(track)].target[here] = face.target
            found[track_id(track)].source[here] = face.source
    return found


def reported_lines(
    planned: PlannedTitle,
    openings: Mapping[TrackId, DrawnOpening],
    shown: Sequence["ShownPictures"],
    sync: Mapping[int, LineSync | NotJudged],
) -> Iterator[ReportedLine]:
    """The lines of a title as the report shows them, in order.

    Args:
        openings: of the tracks that are drawn.
        shown: pictures of the drawn pieces, by time.
        sync: of the drawn lips, by line; empty where no line was judged.
    """
    lines, speakers = planned.lines.lines, planned.speakers
    pictured = _pictured(speakers)
    for line, fitted, speaker in zip(lines, planned.lines.fitted, speakers, strict=True):
        drawn = _drawn_frames(fitted.interval, speaker, planned, openings)
        strip = [each for each in shown if _within(each.time, fitted.interval)]
        judged = sync.get(line.number)
        yield ReportedLine(
            number=line.number,
            text=line.text,
            character=line.character,
            slot=line.slot,
            decision=speaker.decision,
            drawn_frames=drawn,
            fit=_fit(fitted),
            sync=judged if isinstance(judged, LineSync) else None,
            not_judged=judged if isinstance(judged, NotJudged) else None,
            skipped="" if drawn else _why_skipped(line, speaker),
            words=tuple(_in_film(word, fitted) for word in line.words),
            strip=tuple(each.mouth() for each in spread_over(strip, _STRIP))
            if line.number in pictured
            else (),
        )


def _pictured(speakers: Sequence[LineSpeaker]) -> set[int]:
    """Lines that are shown with pictures: the least certain ones, and a sample of the others."""
    by_doubt = sorted(speakers, key=lambda each: each.decision.confidence)
    doubtful = [each.line for each in by_doubt[: _PICTURED // 2]]
    return {*doubtful, *(each.line for each in spread_over(speakers, _PICTURED // 2))}


def _within(time: Fraction, interval: Interval) -> bool:
    return interval.start <= time < interval.end


def _in_film(word: Word, fitted: FittedLine) -> Word:
    """A word at its time in the film."""
    time = word.interval
    if time is None:
        return word
    return word.at(Interval(fitted.time_map.at(time.start), fitted.time_map.at(time.end)))


def _drawn_frames(
    interval: Interval,
    speaker: LineSpeaker,
    planned: PlannedTitle,
    openings: Mapping[TrackId, DrawnOpening],
) -> int:
    """Frames in which the lips of a line's speaker are drawn while it is said."""
    fps = planned.film.found.faces.timing.fps
    if speaker.decision.speaking is not Speaking.ON_SCREEN:
        return 0
    first, end = int(interval.start * fps), int(interval.end * fps) + 1
    return sum(
        each.drawn(first, end)
        for each in openings.values()
        if each.member == speaker.decision.member
    )


def _fit(fitted: FittedLine) -> LineFit | None:
    if fitted.sound is None:
        return None
    return LineFit(
        fitted.interval, fitted.speed, fitted.pauses, fitted.gap, fitted.excess, fitted.text
    )


def _why_skipped(line: DubLine, speaker: LineSpeaker) -> str:
    if line.sound is None:
        return "the stem is silent in its slot"
    if speaker.decision.speaking is Speaking.ON_SCREEN:
        return "the mouth of its speaker cannot be drawn here"
    return speaker.decision.why


@dataclass(frozen=True)
class ShownPictures:
    """A frame before and after, on disk."""

    time: Fraction  # seconds of the film
    pictures: FramePictures

    def pair(self) -> FramePair:
        """The whole frame and the mouth."""
        paths = self.pictures
        return FramePair(
            self.time,
            _read(paths.source),
            _read(paths.dubbed),
            _read(paths.mouth_source),
            _read(paths.mouth_dubbed),
        )

    def mouth(self) -> LinePicture:
        """The mouth alone."""
        return LinePicture(
            self.time, _read(self.pictures.mouth_source), _read(self.pictures.mouth_dubbed)
        )


def _read(path: Path) -> str:
    return data_uri(path.read_bytes())


def shown_pictures(drawn: DrawnTitle, planned: PlannedTitle) -> list[ShownPictures]:
    """The pictures that the pieces of a title kept, by time."""
    starts = planned.film.found.faces.timing.starts
    return [
        ShownPictures(starts[piece.shown.frame], piece.shown.pictures)
        for piece in drawn.pieces
        if piece.shown is not None
    ]


def spread_over(values: Sequence[V], count: int) -> list[V]:
    """A few of them, spread evenly."""
    if len(values) <= count:
        return list(values)
    return [values[at] for at in np.linspace(0, len(values) - 1, count).round().astype(int)]
