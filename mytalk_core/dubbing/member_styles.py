"""Which parts of a film each member's style is learned from."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from mytalk_core.data.media_file import MediaFile
from mytalk_core.dubbing.member_style import NO_SOUND, STYLE, MemberStyle, StyleRequest
from mytalk_core.dubbing.own_style import StyleSpan
from mytalk_core.dubbing.planned_track import PlannedTrack
from mytalk_core.dubbing.style_reference import STYLE_CLIP, StyleClipRequest
from mytalk_core.dubbing.title_context import TitleContext
from mytalk_core.dubbing.title_studies import study_tracks
from mytalk_core.dubbing.watching import WatchedFilm
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.films.film_faces import FilmFaces, track_id
from mytalk_core.films.members import Cast, TrackId
from mytalk_core.films.speaking import FilmSpeakers, Speaking
from mytalk_core.media.clock import MOTION_FPS, frame_at
from mytalk_core.speech.transcript import Interval

# Spans of a member that are learned from, at most, the longest ones; more change nothing.
_SPANS = 24
# Seconds of a span at most.
_LONGEST = Fraction(20)
# Seconds of the track on both sides of a span that its motion depends on.
_AROUND = Fraction(1)


def member_styles(
    context: TitleContext,
    members: Sequence[str],
    film: WatchedFilm,
    clips: Mapping[str, MediaFile],
) -> Mapping[str, MemberStyle]:
    """The style of each member, from another clip if there is one, else from the film.

    Args:
        clips: other films of a member, by id.

    Raises:
        BadInputError: as `learn_style_clip`.
    """
    config = context.config.own_style
    models = context.digest("motion", "speech_encoder", "landmarker")
    learned = {
        member: context.runner.start(STYLE_CLIP, StyleClipRequest(clips[member], config, models))
        for member in members
        if member in clips
    }
    others = [member for member in members if member not in clips]
    return _styles_in_film(context, others, film) | {
        member: style.result() for member, style in learned.items()
    }


def _styles_in_film(
    context: TitleContext, members: Sequence[str], film: WatchedFilm
) -> dict[str, MemberStyle]:
    """The style of each member from what they say in the film."""
    sound = film.sound
    if sound is None:
        return dict.fromkeys(members, NO_SOUND)
    spans = {
        member: _spans(member, film.found.faces, film.cast, film.speakers) for member in members
    }
    tracks = {track_id(span.track): span.track for each in spans.values() for span in each}
    studied = study_tracks(context, tracks)
    requests = (
        StyleRequest(
            sound,
            tuple(_style_span(span, studied) for span in spans[member]),
            context.config.own_style,
            context.digest("motion", "speech_encoder"),
        )
        for member in members
    )
    return dict(zip(members, context.made(STYLE, requests), strict=True))


@dataclass(frozen=True)
class _Span:
    """Motion frames [first, end) of a track."""

    track: FaceTrack
    first: int
    end: int


def _spans(member: str, faces: FilmFaces, cast: Cast, speakers: FilmSpeakers) -> list[_Span]:
    """The longest parts of tracks in which a member speaks visibly, in order."""
    spoken = [
        stretch.interval
        for stretch in speakers.stretches
        if stretch.decision.member == member and stretch.decision.speaking is Speaking.ON_SCREEN
    ]
    found = [
        span
        for track in faces.tracks
        if (own := cast.by_track.get(track_id(track))) and own.id == member
        for interval in spoken
        for span in _within(track, interval)
    ]
    longest = sorted(range(len(found)), key=lambda at: found[at].first - found[at].end)
    return [found[at] for at in sorted(longest[:_SPANS])]


def _within(track: FaceTrack, interval: Interval) -> Iterator[_Span]:
    """Motion frames of an interval in which a track is on screen, in parts of bounded length."""
    first = max(frame_at(track.starts[0], MOTION_FPS), frame_at(interval.start, MOTION_FPS))
    end = min(frame_at(track.starts[-1], MOTION_FPS), frame_at(interval.end, MOTION_FPS)) + 1
    step = int(_LONGEST * MOTION_FPS)
    for low in range(first, end, step):
        yield _Span(track, low, min(low + step, end))


def _style_span(span: _Span, studied: Mapping[TrackId, PlannedTrack]) -> StyleSpan:
    """A span with what is known of its person, without the frames far from it."""
    track = span.track
    low = bisect_left(track.starts, span.first / MOTION_FPS - _AROUND)
    high = bisect_left(track.starts, span.end / MOTION_FPS + _AROUND)
    part = track.part(track.first + low, track.first + high)
    return StyleSpan(part, studied[track_id(track)].person, span.first, span.end)
