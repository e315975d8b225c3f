"""Judge the drawn lips of all lines of a title."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from mytalk_core.dubbing.drawn_title import DrawnTitle
from mytalk_core.dubbing.line_sync import LINE_SYNC, JudgedPiece, LineSyncRequest
from mytalk_core.dubbing.passages import SpokenLine
from mytalk_core.dubbing.piece_drawing import AROUND
from mytalk_core.dubbing.reported_lines import DrawnOpening, drawn_openings
from mytalk_core.dubbing.title_context import TitleContext
from mytalk_core.dubbing.title_graph import PlannedTitle
from mytalk_core.dubbing.title_plan import TitlePlan, TrackPlan
from mytalk_core.dubbing.title_report.values import LineSync, NotJudged
from mytalk_core.films.film_faces import track_id
from mytalk_core.films.speaking import Speaking
from mytalk_core.films.track_lips import Span, shown_span
from mytalk_core.speech.transcript import Interval
from mytalk_core.sync.offsets import SyncScore

_AROUND = Fraction(1, 5)  # seconds before and after a line that are judged too
_MOST = Fraction(3)  # seconds that are judged of a line; more hardly change the result

# Measured on the 36 drawn lines of test film 1, of 48 to 74 frames, and on excerpts of them. Whole
# lines are all judged, 0 or 1 frame off; with the sound shifted by 3 to 8 frames 215 of 216 are,
# each within a frame of the shift; with the sound of another sentence 6 %. Excerpts of 46 frames:
# 99 % are judged, 3 of 108 are two frames off and none more. Of 25 frames, 13 of 108 are off by
# more than a frame, many of them by half a second.
_SHORTEST = 45  # frames at 25 fps that are judged at least
_CLEAR = 0.25  # confidence below which an offset is not stated


def line_sync(
    context: TitleContext, planned: PlannedTitle, drawn: DrawnTitle
) -> Mapping[int, LineSync | NotJudged]:
    """Measure the lips of every line against its sound, by number of the line.

    Raises:
        ModelError: where the weights of the sync expert are damaged.
    """
    found: dict[int, LineSync | NotJudged] = {}
    requests: dict[int, LineSyncRequest] = {}
    for number, run in _runs(planned, drawn):
        if isinstance(run, NotJudged):
            found[number] = run
        else:
            requests[number] = _request(context, planned, drawn, run)
    scores = context.made(LINE_SYNC, requests.values())
    for number, score in zip(requests, scores, strict=True):
        found[number] = _judgement(score)
    return found


def _judgement(score: SyncScore | None) -> LineSync | NotJudged:
    if score is None:
        return NotJudged.NOT_SEEN
    if score.confidence < _CLEAR:
        return NotJudged.UNCLEAR
    return LineSync(score.offset, score.confidence)


@dataclass(frozen=True)
class _Run:
    """Frames [first, end) of the film in which a line is said with drawn lips."""

    line: SpokenLine
    track: TrackPlan
    first: int
    end: int

    @property
    def span(self) -> Span:
        """The frames at 25 fps whose middle it shows."""
        return shown_span(self.track.studied.track.part(self.first, self.end))


def _runs(planned: PlannedTitle, drawn: DrawnTitle) -> Iterator[tuple[int, _Run | NotJudged]]:
    """The frames in which each line is judged, or why it is not."""
    by_member: dict[str, list[DrawnOpening]] = defaultdict(list)
    for each in drawn_openings(planned.plan, drawn).values():
        by_member[each.member].append(each)
    tracks = {track_id(each.studied.track): each for each in planned.plan.tracks}
    spoken = {each.number: each for each in planned.lines.spoken}
    fps = planned.film.found.faces.timing.fps
    for fitted, speaker in zip(planned.lines.fitted, planned.speakers, strict=True):
        decision, line = speaker.decision, spoken.get(fitted.line)
        if decision.speaking is not Speaking.ON_SCREEN or line is None:
            yield fitted.line, NotJudged.NO_LIPS
            continue
        parts = [
            (first, end, track_id(opening.track))
            for opening in by_member[decision.member or ""]
            for first, end in drawn_parts(opening, fitted.interval, fps)
        ]
        if not parts:
            yield fitted.line, NotJudged.NO_LIPS
            continue
        first, end, track = max(parts, key=lambda part: part[1] - part[0])
        run = _Run(line, tracks[track], first, end)
        long_enough = run.span[1] - run.span[0] >= _SHORTEST
        yield fitted.line, run if long_enough else NotJudged.TOO_SHORT


def drawn_parts(
    opening: DrawnOpening, interval: Interval, fps: Fraction
) -> Iterator[tuple[int, int]]:
    """Consecutive frames of the film around an interval in which a track has new lips."""
    first = max(int((interval.start - _AROUND) * fps), opening.track.first)
    end = min(int((interval.end + _AROUND) * fps) + 1, opening.track.end)
    if first >= end or not opening.drawn(int(interval.start * fps), int(interval.end * fps) + 1):
        return
    target = opening.target[first - opening.track.first : end - opening.track.first]
    place = first
    for is_drawn, run in groupby(np.isfinite(target).tolist()):
        after = place + len(list(run))
        if is_drawn:
            yield place, min(after, place + int(_MOST * fps))
        place = after


def _request(
    context: TitleContext, planned: PlannedTitle, drawn: DrawnTitle, run: _Run
) -> LineSyncRequest:
    studied = run.track.studied
    return LineSyncRequest(
        run.first,
        run.end,
        _pieces(planned.plan, drawn, run),
        studied.track.part(run.first - AROUND, run.end + AROUND),
        studied.person,
        run.span,
        _sound(planned, run),
        context.digest("landmarker", "lip_judge"),
    )


def _pieces(plan: TitlePlan, drawn: DrawnTitle, run: _Run) -> tuple[JudgedPiece, ...]:
    """The pieces that show the frames of a run."""
    firsts = [segment.first for segment in plan.segments]
    low, high = bisect_right(firsts, run.first) - 1, bisect_left(firsts, run.end)
    return tuple(
        JudgedPiece(drawn.pieces[at].picture, plan.segments[at].first) for at in range(low, high)
    )


def _sound(planned: PlannedTitle, run: _Run) -> NDArray[np.float32]:
    line = run.line
    return planned.lines.sounds[line.stem].only((line.number,), line.voice, run.span)
