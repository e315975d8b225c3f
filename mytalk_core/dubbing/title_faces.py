"""Every face of a film that can be dubbed, and why the others are left alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.dubbing.track_judge import SHORTEST_SECONDS, SMALLEST_FACE, TrackJudge
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.faces.small_faces import too_small_text
from mytalk_core.faces.square_pixels import square_size
from mytalk_core.faces.tracks import Track
from mytalk_core.films.all_faces import FaceSources, join_close_ups, store_faces
from mytalk_core.films.film_faces import FilmFaces
from mytalk_core.films.film_range import StoredRange, join_stored
from mytalk_core.films.joining import Shot
from mytalk_core.films.timing import FilmTiming
from mytalk_core.media.probe import VideoInfo

# Reasons that a film gives where it shows no face that can be judged.
_NOTHING_SHOWN = frozenset({LeftAlone.NO_FACE, LeftAlone.TOO_SHORT, LeftAlone.TOO_SMALL})


@dataclass(frozen=True)
class OtherTrack:
    """A face that is not dubbed."""

    shot: int
    number: int  # within the shot
    first: int  # frame
    end: int  # frame
    reason: LeftAlone


@dataclass(frozen=True)
class TitleFaces:
    """The faces of a film with F frames: those that can be dubbed, and the others."""

    faces: FilmFaces
    others: tuple[OtherTrack, ...]  # by shot and number
    # (F,) why a frame is left alone whatever is said in it; None where a face can be dubbed.
    left_alone: tuple[LeftAlone | None, ...]
    too_small: float | None  # pixels, height of the largest face that is too small


def join_faces(
    video: VideoInfo, ranges: Sequence[StoredRange], scheme: LandmarkScheme, folder: Path
) -> TitleFaces:
    """All faces of a film that was observed in consecutive ranges.

    Several faces of a frame can be dubbed. A film without a face gives no tracks; see
    `no_face_error`.

    Args:
        folder: for the files of the tracks; it exists.

    Raises:
        OSError: where the disk is full.
    """
    film, samples = join_stored(list(ranges), scheme, video.fps)
    judge = TrackJudge(video, scheme, samples, film.checked)
    tracks: list[Track] = []
    others: list[OtherTrack] = []
    left_alone: list[LeftAlone | None] = []
    for shot in film.shots:
        faults = [(track, _fault(track, judge)) for track in shot.tracks]
        able = [track for track, fault in faults if fault is None]
        rest = [_other(track, fault) for track, fault in faults if fault is not None]
        tracks += able
        others += rest
        left_alone += _reasons(shot, able, rest)
    timing = FilmTiming(film.starts, film.end, video.fps, video.pixel_aspect)
    sources = FaceSources(samples, join_close_ups(ranges))
    faces = store_faces(timing, film.shots, tracks, sources, scheme, folder)
    return TitleFaces(faces, tuple(others), tuple(left_alone), max(judge.small, default=None))


def _other(track: Track, reason: LeftAlone) -> OtherTrack:
    return OtherTrack(track.shot, track.number, track.first, track.end, reason)


def _fault(track: Track, judge: TrackJudge) -> LeftAlone | None:
    """Why a face cannot be dubbed; None where it can."""
    fault = judge.fault(track)
    short = track.end - track.first < SHORTEST_SECONDS * judge.video.fps
    return LeftAlone.TOO_SHORT if fault is None and short else fault


def _reasons(
    shot: Shot, able: Sequence[Track], others: Sequence[OtherTrack]
) -> list[LeftAlone | None]:
    """Why each frame of a shot is left alone; None where a face can be dubbed."""
    reasons: list[LeftAlone | None] = [LeftAlone.NO_FACE] * (shot.end - shot.first)
    for other in others:
        span = slice(other.first - shot.first, other.end - shot.first)
        reasons[span] = [other.reason] * (other.end - other.first)
    for track in able:
        span = slice(track.first - shot.first, track.end - shot.first)
        reasons[span] = [None] * (track.end - track.first)
    return reasons


def no_face_error(
    video: VideoInfo, found: TitleFaces, ranges: Sequence[StoredRange], landmarker: MeshLandmarker
) -> BadInputError | None:
    """What to say of a film that shows no face, where one is needed.

    Args:
        ranges: those that `found` is made of.
        landmarker: searches for faces that are too small, where there is no other.

    Returns:
        FACE_TOO_SMALL with its size and the limit, or NO_FACE; None where the film shows a face of
        sufficient size for long enough, even if it cannot be dubbed.
    """
    if not set(found.left_alone) <= _NOTHING_SHOWN:
        return None
    if found.too_small:
        what = (
            f"its face is {found.too_small:.0f} pixels high; {SMALLEST_FACE} are needed to dub it."
        )
        return _face_too_small(video, what)
    images = (
        () if found.others else (image for part in ranges for image in part.observation.faceless)
    )
    tiny = landmarker.small_face(images)
    if tiny:
        size = square_size(video.width, video.height, video.pixel_aspect)
        what = f"shows no face that can be dubbed: {too_small_text(tiny, *size)}."
        return _face_too_small(video, what)
    return BadInputError(
        "shows no face for long enough to dub it.",
        reason=Reason.NO_FACE,
        where=video.path,
        remedy="Give a film in which a face is seen from the front.",
    )


def _face_too_small(video: VideoInfo, what: str) -> BadInputError:
    return BadInputError(
        what,
        reason=Reason.FACE_TOO_SMALL,
        where=video.path,
        remedy="Give a film in which the face is larger.",
    )
