"""Which faces of a film are dubbed in which of their frames, and why all others are left alone."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.dubbing.other_tracks import OtherTrack, other_track
from mytalk_core.dubbing.track_judge import SHORTEST_SECONDS, SMALLEST_FACE, TrackJudge
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.faces.small_faces import too_small_text
from mytalk_core.faces.tracks import FaceRows, Track
from mytalk_core.films.dubbed_face import Frames, faces_to_dub, seen_span
from mytalk_core.films.face_track import FaceTrack, FaceTrackWriter
from mytalk_core.films.joining import FilmObservation, Shot
from mytalk_core.films.timing import FilmTiming
from mytalk_core.media.probe import VideoInfo

# Reasons that a film gives where it shows no face that can be judged.
_NOTHING_SHOWN = frozenset({LeftAlone.NO_FACE, LeftAlone.TOO_SHORT, LeftAlone.TOO_SMALL})


@dataclass(frozen=True)
class ChosenTracks:
    """The faces of a film with F frames, those to dub and the others."""

    timing: FilmTiming
    tracks: tuple[FaceTrack, ...]  # to dub, by first frame
    others: tuple[OtherTrack, ...]  # by first frame
    left_alone: tuple[LeftAlone | None, ...]  # (F,) why a frame is; None where a chosen face is


def choose_tracks(
    video: VideoInfo,
    film: FilmObservation,
    samples: FaceRows,
    landmarker: MeshLandmarker,
    folder: Path,
) -> ChosenTracks:
    """Choose the faces to dub: in each shot the largest of those that can be dubbed.

    Args:
        samples: from `occlusion_sample`, by row of the tracks.
        landmarker: searches for a face that is too small, where there is no other.
        folder: for the files of the chosen tracks.

    Raises:
        BadInputError: FACE_TOO_SMALL with its size and the limit, or NO_FACE, where the film shows
            no face that is large enough for long enough.
        OSError: where the disk is full.
    """
    timing = FilmTiming(film.starts, film.end, video.fps, video.pixel_aspect)
    writer = FaceTrackWriter(folder, timing, landmarker.scheme)
    judge = TrackJudge(video, landmarker.scheme, samples, film.checked)
    tracks: list[FaceTrack] = []
    others: list[OtherTrack] = []
    left_alone: list[LeftAlone | None] = []
    for shot in film.shots:
        chosen, rest = _choose_in_shot(shot, judge, video.fps)
        tracks += [writer.add(track, span, samples) for track, span in chosen]
        others += rest
        left_alone += _reasons(shot, chosen, rest)
    _require_face(set(left_alone), judge, film, landmarker)
    return ChosenTracks(timing, tuple(tracks), tuple(others), tuple(left_alone))


def _choose_in_shot(
    shot: Shot, judge: TrackJudge, fps: Fraction
) -> tuple[list[tuple[Track, Frames]], list[OtherTrack]]:
    """The tracks to dub with the frames in which they are, and the others."""
    faults = {track.number: judge.fault(track) for track in shot.tracks}
    able = [track for track in shot.tracks if faults[track.number] is None]
    chosen: list[tuple[Track, Frames]] = []
    reasons = {number: fault or LeftAlone.OTHER_FACE for number, fault in faults.items()}
    for track, within in faces_to_dub(able, judge.scheme, fps):
        span = seen_span(track, within)
        if span and span[1] - span[0] >= SHORTEST_SECONDS * fps:
            chosen.append((track, span))
            del reasons[track.number]
        else:
            reasons[track.number] = LeftAlone.TOO_SHORT
    others = [
        other_track(track, reasons[track.number])
        for track in shot.tracks
        if track.number in reasons
    ]
    return chosen, others


def _reasons(
    shot: Shot, chosen: list[tuple[Track, Frames]], others: list[OtherTrack]
) -> list[LeftAlone | None]:
    """Why each frame of a shot is left alone; None where a chosen face is."""
    reasons: list[LeftAlone | None] = [LeftAlone.NO_FACE] * (shot.end - shot.first)
    by_number = {other.number: other.reason for other in others}
    for track in shot.tracks:
        for frame in track.frames.tolist():
            reasons[frame - shot.first] = by_number.get(track.number, LeftAlone.OTHER_FACE)
    for _, (first, end) in chosen:
        reasons[first - shot.first : end - shot.first] = [None] * (end - first)
    return reasons


def _require_face(
    reasons: set[LeftAlone | None],
    judge: TrackJudge,
    film: FilmObservation,
    landmarker: MeshLandmarker,
) -> None:
    if not reasons <= _NOTHING_SHOWN:
        return
    tiny = landmarker.small_face(film.faceless)
    if judge.small:
        what = (
            f"its face is {max(judge.small):.0f} pixels high; {SMALLEST_FACE} are needed to dub it."
        )
    elif tiny:
        what = f"shows no face that can be dubbed: {too_small_text(tiny, *judge.size)}."
    else:
        raise BadInputError(
            "shows no face for long enough to dub it.",
            reason=Reason.NO_FACE,
            where=judge.video.path,
            remedy="Give a film in which a face is seen from the front.",
        )
    raise BadInputError(
        what,
        reason=Reason.FACE_TOO_SMALL,
        where=judge.video.path,
        remedy="Give a film in which the face is larger.",
    )
