"""What a dub of a title would do, without drawing anything."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from mytalk_core.data.stage_rates import StageRates
from mytalk_core.dubbing.member_style import MemberStyle
from mytalk_core.dubbing.member_styles import member_styles
from mytalk_core.dubbing.monitor import Monitor
from mytalk_core.dubbing.opened_title import Title
from mytalk_core.dubbing.passage_motion import MOVE
from mytalk_core.dubbing.piece_drawing import DRAW
from mytalk_core.dubbing.stage import Pending, Runner, Stage
from mytalk_core.dubbing.title_context import TitleContext
from mytalk_core.dubbing.title_drawing import (
    Looks,
    look_at_members,
    motion_request,
    piece_request,
)
from mytalk_core.dubbing.title_graph import PlannedTitle, plan
from mytalk_core.dubbing.title_plan import Redraw, Segment
from mytalk_core.dubbing.track_motion import TrackMotion
from mytalk_core.dubbing.work_account import StageWork
from mytalk_core.films.speaking import Speaking

R = TypeVar("R")
V = TypeVar("V")


@dataclass(frozen=True)
class TitleEstimate:
    """What a dub would do."""

    lines: int
    on_screen: int  # lines whose speaker is in the picture
    off_screen: int
    undecided: int
    visible_seconds: float  # of the film in which lips are drawn
    segments: int  # that are drawn
    reused: int  # of these, drawn by an earlier run
    frames_to_draw: int
    frames_to_encode: int  # unchanged frames that no earlier run encoded
    seconds: float | None  # of one processor; None where a stage was never measured
    notes: tuple[str, ...]


class _NotStoredError(Exception):
    """An artifact would have to be made."""


@dataclass(frozen=True)
class _Stored:
    """A runner that makes nothing."""

    runner: Runner

    def start(self, stage: Stage[R, V], request: R) -> Pending[V]:
        """Return a stored artifact; its result raises where it is not stored."""
        if not self.runner.is_stored(stage, request):
            raise _NotStoredError
        return self.runner.start(stage, request)

    def is_stored(self, stage: Stage[R, V], request: R) -> bool:
        """As the runner."""
        return self.runner.is_stored(stage, request)

    def seconds(self, stage: Stage[R, V], request: R) -> float | None:
        """As the runner."""
        return self.runner.seconds(stage, request)

    def work(self) -> tuple[StageWork, ...]:
        """As the runner."""
        return self.runner.work()


def plan_title_only(context: TitleContext, title: Title, rates: StageRates) -> TitleEstimate:
    """Plan a title, and find out which of its segments an earlier run has drawn.

    The film is looked at and the dub listened to, where no earlier run did.

    Raises:
        BadInputError, ModelError: as `plan`.
    """
    planned = plan(context, title, Monitor())
    stored = replace(context, runner=_Stored(context.runner))
    drawn = [segment for segment in planned.plan.segments if segment.redraws]
    missing = _missing(stored, title, planned)
    to_draw = sum(segment.end - segment.first for segment in missing if segment.redraws)
    to_encode = sum(segment.end - segment.first for segment in missing if not segment.redraws)
    speaking = [each.decision.speaking for each in planned.speakers]
    fps = planned.film.found.faces.timing.fps
    return TitleEstimate(
        lines=len(planned.lines.lines),
        on_screen=speaking.count(Speaking.ON_SCREEN),
        off_screen=speaking.count(Speaking.OFF_SCREEN),
        undecided=speaking.count(Speaking.UNDECIDED),
        visible_seconds=float(sum(each.end - each.first for each in drawn) / fps),
        segments=len(drawn),
        reused=len(drawn) - sum(1 for segment in missing if segment.redraws),
        frames_to_draw=to_draw,
        frames_to_encode=to_encode,
        seconds=rates.estimate(DRAW.name, to_draw + to_encode),
        notes=title.notes,
    )


def _missing(context: TitleContext, title: Title, planned: PlannedTitle) -> list[Segment]:
    """Segments that a dub would draw or encode."""
    styles = _stored_styles(context, title, planned)
    looks = _stored_looks(context, planned)
    motions: dict[Redraw, TrackMotion] = {}
    for redraw in {each for segment in planned.plan.segments for each in segment.redraws}:
        motion = _stored_motion(context, planned, redraw, styles)
        if motion is not None:
            motions[redraw] = motion
    return [
        segment
        for segment in planned.plan.segments
        if not _is_drawn(context, planned, segment, motions, looks)
    ]


def _stored_styles(
    context: TitleContext, title: Title, planned: PlannedTitle
) -> Mapping[str, MemberStyle]:
    styles: dict[str, MemberStyle] = {}
    for member in sorted({each.member for each in planned.plan.tracks if each.drawn}):
        try:
            styles |= member_styles(context, [member], planned.film, title.style_clips([member]))
        except _NotStoredError:
            continue
    return styles


def _stored_looks(context: TitleContext, planned: PlannedTitle) -> Looks | None:
    film = planned.film
    try:
        return look_at_members(context, planned.plan, film.found.faces, film.cast)
    except _NotStoredError:
        return None


def _stored_motion(
    context: TitleContext,
    planned: PlannedTitle,
    redraw: Redraw,
    styles: Mapping[str, MemberStyle],
) -> TrackMotion | None:
    track = planned.plan.tracks[redraw.track]
    if track.passages[redraw.passage].lines and track.member not in styles:
        return None
    request = motion_request(context, planned.plan, redraw, planned.lines.sounds, styles)
    try:
        return context.runner.start(MOVE, request).result()
    except _NotStoredError:
        return None


def _is_drawn(
    context: TitleContext,
    planned: PlannedTitle,
    segment: Segment,
    motions: Mapping[Redraw, TrackMotion],
    looks: Looks | None,
) -> bool:
    if segment.redraws and (looks is None or not motions.keys() >= {*segment.redraws}):
        return False
    starts = planned.film.found.faces.timing.starts
    known = looks or Looks({}, {}, {})
    request = piece_request(context, planned.plan, segment, motions, known, starts)
    return context.runner.is_stored(DRAW, request)
