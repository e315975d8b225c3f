"""From the plan of a title to its drawn pieces: looks, motion, drawing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from mytalk_core.appearance.adaptation import AdaptationConfig
from mytalk_core.dubbing.left_alone import DrawingPlan
from mytalk_core.dubbing.member_style import MemberStyle
from mytalk_core.dubbing.passage_motion import (
    MOVE,
    SEEN_AROUND,
    MotionRequest,
    PassageSound,
    sound_span,
)
from mytalk_core.dubbing.passages import Passage
from mytalk_core.dubbing.piece_drawing import (
    AROUND,
    FaceRedraw,
    PieceRequest,
)
from mytalk_core.dubbing.planned_track import PlannedTrack
from mytalk_core.dubbing.spoken_sound import SpokenSound
from mytalk_core.dubbing.title_adaptation import ADAPT, AdaptRequest, MemberAdaptation
from mytalk_core.dubbing.title_context import TitleContext
from mytalk_core.dubbing.title_plan import Redraw, Segment, TitlePlan, TrackPlan
from mytalk_core.dubbing.title_studies import study_tracks
from mytalk_core.dubbing.track_look import LOOK, LookRequest, TrackLook
from mytalk_core.dubbing.track_motion import TrackMotion
from mytalk_core.films.film_faces import FilmFaces, track_id
from mytalk_core.films.members import Cast, TrackId

# Other tracks of a member whose frames may be references, at most.
_LENDING_TRACKS = 4


@dataclass(frozen=True)
class Looks:
    """What the members of a title look like."""

    looks: Mapping[TrackId, TrackLook]
    lending: Mapping[str, tuple[TrackId, ...]]  # tracks of a member that lend references
    adapted: Mapping[str, MemberAdaptation]  # by member; empty where it was not requested

    def others(self, member: str, track: TrackId) -> tuple[TrackLook, ...]:
        """Looks of the other tracks that lend references to a track."""
        return tuple(self.looks[each] for each in self.lending[member] if each != track)

    def weights(self, member: str) -> Path | None:
        """Of the renderer that learned a member; None: the shipped ones."""
        adapted = self.adapted.get(member)
        return adapted.weights if adapted else None


def look_at_members(context: TitleContext, plan: TitlePlan, faces: FilmFaces, cast: Cast) -> Looks:
    """Choose the references of all tracks that are drawn; learn the members where requested.

    Raises:
        BadInputError, ModelError: as `look_at_track` and `adapt_to_member`.
    """
    studied = {track_id(each.studied.track): each.studied for each in plan.tracks}
    members = sorted({each.member for each in plan.tracks})
    lending = {member: _lending_tracks(member, faces, cast) for member in members}
    further = {
        track_id(track): track
        for track in faces.tracks
        if track_id(track) not in studied
        and any(track_id(track) in tracks for tracks in lending.values())
    }
    studied |= study_tracks(context, further)
    requests = (
        LookRequest(context.film, each, context.config.references) for each in studied.values()
    )
    looks = dict(zip(studied, context.made(LOOK, requests), strict=True))
    return Looks(looks, lending, _adapted(context, plan, members))


def _lending_tracks(member: str, faces: FilmFaces, cast: Cast) -> tuple[TrackId, ...]:
    """The longest tracks of a member; the dub does not decide, so that languages share them."""
    own = cast.member(member)
    named = {*own.tracks} if own else set()
    tracks = sorted((t for t in faces.tracks if track_id(t) in named), key=lambda t: -len(t))
    if len(tracks) < 2:
        return ()
    return tuple(sorted(track_id(track) for track in tracks[: _LENDING_TRACKS + 1]))


def _adapted(
    context: TitleContext, plan: TitlePlan, members: Sequence[str]
) -> Mapping[str, MemberAdaptation]:
    seconds = context.config.adapt_seconds
    if seconds <= 0:
        return {}
    requests = (
        AdaptRequest(
            context.film,
            tuple(each.studied for each in plan.tracks if each.member == member),
            context.config.crop,
            AdaptationConfig.lasting(seconds),
            context.digest("renderer", "judge"),
        )
        for member in members
    )
    return dict(zip(members, context.made(ADAPT, requests), strict=True))


def move_passages(
    context: TitleContext,
    plan: TitlePlan,
    sounds: Mapping[str, SpokenSound],
    styles: Mapping[str, MemberStyle],
) -> Mapping[Redraw, TrackMotion]:
    """The motion of every passage of which a frame is drawn.

    Args:
        sounds: the fitted speech of each stem.
        styles: of each member.
    """
    needed = sorted({redraw for segment in plan.segments for redraw in segment.redraws})
    requests = (motion_request(context, plan, each, sounds, styles) for each in needed)
    return dict(zip(needed, context.made(MOVE, requests), strict=True))


def motion_request(
    context: TitleContext,
    plan: TitlePlan,
    redraw: Redraw,
    sounds: Mapping[str, SpokenSound],
    styles: Mapping[str, MemberStyle],
) -> MotionRequest:
    track_plan = plan.tracks[redraw.track]
    passage = track_plan.passages[redraw.passage]
    track = track_plan.studied.track
    around = int(SEEN_AROUND * track.fps) + 1
    silent = not passage.lines
    return MotionRequest(
        planned=_undrawn(track_plan.studied.part(passage.first - around, passage.end + around)),
        frames=(passage.first, passage.end),
        sound=None if silent else _passage_sound(passage, track_plan, sounds),
        # A mouth that is shut has no style: its passage stays when a style changes.
        style=MemberStyle("") if silent else styles[track_plan.member],
        config=context.config.motion,
        models="" if silent else context.digest("motion", "speech_encoder"),
    )


def _undrawn(planned: PlannedTrack) -> PlannedTrack:
    """A track without its drawing, on which the motion does not depend."""
    nothing = planned.drawing.strength[:0]
    return replace(planned, drawing=DrawingPlan(nothing, ()))


def _passage_sound(
    passage: Passage, track_plan: TrackPlan, sounds: Mapping[str, SpokenSound]
) -> PassageSound:
    span = sound_span(track_plan.studied.track, (passage.first, passage.end))
    samples = sounds[passage.stem].only(passage.lines, passage.voice, span)
    return PassageSound(span[0], samples, passage.voice)


def piece_requests(
    context: TitleContext,
    plan: TitlePlan,
    motions: Mapping[Redraw, TrackMotion],
    looks: Looks,
    starts: Sequence[Fraction],
) -> Iterator[PieceRequest]:
    """The request of every segment of the film, in order."""
    for segment in plan.segments:
        yield piece_request(context, plan, segment, motions, looks, starts)


def piece_request(
    context: TitleContext,
    plan: TitlePlan,
    segment: Segment,
    motions: Mapping[Redraw, TrackMotion],
    looks: Looks,
    starts: Sequence[Fraction],
) -> PieceRequest:
    """The request of one segment."""
    return PieceRequest(
        context.film,
        segment.first,
        tuple(starts[segment.first : segment.end]),
        tuple(
            _face_redraw(plan, redraw, segment, motions[redraw], looks)
            for redraw in segment.redraws
        ),
        context.config.crf,
        context.digest("renderer") if segment.redraws else "",
    )


def _face_redraw(
    plan: TitlePlan, redraw: Redraw, segment: Segment, motion: TrackMotion, looks: Looks
) -> FaceRedraw:
    track_plan = plan.tracks[redraw.track]
    track = track_plan.studied.track
    drawn = replace(
        track_plan.studied, drawing=DrawingPlan(track_plan.strength, track_plan.reasons)
    )
    part = drawn.part(segment.first - AROUND, segment.end + AROUND)
    # Neighbours change when other lines do; only the frames of the segment decide it.
    low, high = segment.first - part.track.first, segment.end - part.track.first
    strength = part.drawing.strength.copy()
    strength[:low] = strength[high:] = 0
    return FaceRedraw(
        replace(part, drawing=DrawingPlan(strength, ())),
        motion,
        looks.looks[track_id(track)],
        looks.others(track_plan.member, track_id(track)),
        looks.weights(track_plan.member),
    )
