"""Which faces of a film are dubbed in which of their frames, and why all others are left alone."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.faces.plausibility import (
    CheckedFaces,
    MouthFlags,
    mouth_outside,
    on_flat_colour,
    track_fault,
    written_over,
)
from mytalk_core.faces.shape import face_height
from mytalk_core.faces.small_faces import too_small_text
from mytalk_core.faces.square_pixels import square_size
from mytalk_core.faces.tracks import FaceRows, Track
from mytalk_core.films.dubbed_face import Frames, faces_to_dub, seen_span
from mytalk_core.films.face_track import FaceTrack, FaceTrackWriter
from mytalk_core.films.joining import FilmObservation, Shot
from mytalk_core.films.timing import FilmTiming
from mytalk_core.media.probe import VideoInfo

SMALLEST_FACE = 48
"""Height of the smallest face that is drawn, pixels: the models were trained with none smaller."""

_SHORTEST_SECONDS = Fraction(1, 2)  # of a track that is dubbed
_MEASURED_FRAMES = 100  # of a track
_PORTRAIT_MARGIN = 1.3  # width of a portrait over that of the face

# Reasons that a film gives where it shows no face that can be judged.
_NOTHING_SHOWN = frozenset({LeftAlone.NO_FACE, LeftAlone.TOO_SHORT, LeftAlone.TOO_SMALL})


@dataclass(frozen=True)
class PictureBox:
    """A square in pixels of a frame; it may reach beyond the frame's edges."""

    left: int
    top: int
    size: int


@dataclass(frozen=True)
class Portrait:
    """Where a track can be seen."""

    frame: int  # of the film
    box: PictureBox  # square pixels


@dataclass(frozen=True)
class OtherTrack:
    """A face that is not dubbed."""

    shot: int
    number: int  # within the shot
    first: int  # frame
    end: int  # frame
    reason: LeftAlone
    portrait: Portrait


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
    judge = _TrackJudge(video, landmarker.scheme, samples, film.checked)
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
    shot: Shot, judge: "_TrackJudge", fps: Fraction
) -> tuple[list[tuple[Track, Frames]], list[OtherTrack]]:
    """The tracks to dub with the frames in which they are, and the others."""
    faults = {track.number: judge.fault(track) for track in shot.tracks}
    able = [track for track in shot.tracks if faults[track.number] is None]
    chosen: list[tuple[Track, Frames]] = []
    reasons = {number: fault or LeftAlone.OTHER_FACE for number, fault in faults.items()}
    for track, within in faces_to_dub(able, judge.scheme, fps):
        span = seen_span(track, within)
        if span and span[1] - span[0] >= _SHORTEST_SECONDS * fps:
            chosen.append((track, span))
            del reasons[track.number]
        else:
            reasons[track.number] = LeftAlone.TOO_SHORT
    others = [
        _other_track(track, reasons[track.number])
        for track in shot.tracks
        if track.number in reasons
    ]
    return chosen, others


def _other_track(track: Track, reason: LeftAlone) -> OtherTrack:
    middle = track.frames[len(track.frames) // 2 :][:1]
    portrait = portrait_of(int(middle[0]), track.at(middle)[0])
    return OtherTrack(track.shot, track.number, track.first, track.end, reason, portrait)


def portrait_of(frame: int, landmarks: NDArray[np.float32]) -> Portrait:
    """Where to see a face.

    Args:
        frame: of the film.
        landmarks: (P, 3) of the face in it, square pixels.
    """
    return Portrait(frame, box_around(landmarks, _PORTRAIT_MARGIN))


def box_around(points: NDArray[np.float32], margin: float) -> PictureBox:
    """A square around points (N, 2 or more), pixels, wider than they are by a factor."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    size = max(int(np.ceil((high - low).max() * margin)), 1)
    left, top = np.rint((low + high - size) / 2).astype(int)
    return PictureBox(int(left), int(top), size)


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


class _TrackJudge:
    """Decides which tracks can be dubbed."""

    def __init__(
        self, video: VideoInfo, scheme: LandmarkScheme, samples: FaceRows, checked: CheckedFaces
    ) -> None:
        self.scheme = scheme
        self.video = video
        self.size = square_size(video.width, video.height, video.pixel_aspect)
        self.small: list[float] = []  # heights of faces that are too small, pixels
        self._samples = samples
        self._checked = checked

    def fault(self, track: Track) -> LeftAlone | None:
        """Why a face cannot be dubbed at all, so that it must not displace another face."""
        count = min(len(track.frames), _MEASURED_FRAMES)
        some = np.linspace(0, len(track.frames) - 1, count).astype(int)
        landmarks = track.at(track.frames[some])
        height = float(np.median(face_height(landmarks, self.scheme)))
        if height < SMALLEST_FACE:
            self.small.append(height)
            return LeftAlone.TOO_SMALL
        samples = self._samples.take(track.rows[some])
        outside = mouth_outside(landmarks, *self.size, self.scheme)
        outside |= on_flat_colour(samples, self.scheme)
        mouth = MouthFlags(outside, written_over(samples, self.scheme))
        fault = track_fault(self._checked, track, mouth, self.scheme, float(self.video.fps))
        # Frames whose mouth is hidden are left alone one by one.
        if fault in (Reason.IMPLAUSIBLE_FACE, Reason.STILL_FACE):
            return LeftAlone(fault.value)
        return None


def _require_face(
    reasons: set[LeftAlone | None],
    judge: _TrackJudge,
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
