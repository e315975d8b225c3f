"""Which stretches of which face of a film are dubbed, and why the other frames are left alone."""

from fractions import Fraction

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
from mytalk_core.faces.tracks import Track
from mytalk_core.films.dubbed_face import faces_to_dub, seen_stretches
from mytalk_core.films.face_files import RowFile
from mytalk_core.films.observing import ShotFaces
from mytalk_core.media.probe import VideoInfo

SMALLEST_FACE = 48
"""Height of the smallest face that is drawn, pixels: the models were trained with none smaller."""

_SHORTEST_RUN_SECONDS = Fraction(1, 2)
_MEASURED_FRAMES = 100  # of a track

# Why a film is refused when it gives no other reasons: it shows no face that can be judged.
_NOTHING_SHOWN = frozenset({LeftAlone.NO_FACE, LeftAlone.TOO_SHORT, LeftAlone.TOO_SMALL})


class RunChoice:
    """Collects which face is dubbed when, and why a frame is left alone."""

    def __init__(
        self, video: VideoInfo, scheme: LandmarkScheme, samples: RowFile, checked: CheckedFaces
    ) -> None:
        """`samples`: from `occlusion_sample`, in the rows of the faces."""
        self._video = video
        self._scheme = scheme
        self._samples = samples
        self._checked = checked
        self._size = square_size(video.width, video.height, video.pixel_aspect)
        self._small: list[float] = []  # heights of faces that are too small, pixels
        self.stretches: list[tuple[int, int]] = []  # of one face each, in order
        self.kept: list[tuple[int, int]] = []  # those that are long enough
        self.left_alone: list[LeftAlone | None] = []  # of each frame

    def add(self, shot: ShotFaces) -> NDArray[np.int64]:
        """Add the next shot; of each of its frames the row of the face to dub, or -1."""
        reasons: list[LeftAlone | None] = [LeftAlone.NO_FACE] * (shot.end - shot.first)
        rows = np.full(shot.end - shot.first, -1)
        speakers = []
        for track in shot.tracks:
            fault = self._fault(track)
            if fault is None:
                speakers.append(track)
            for frame in track.frames.tolist():
                reasons[frame - shot.first] = fault or LeftAlone.OTHER_FACE
        for track, within in faces_to_dub(speakers, self._scheme, self._video.fps):
            for first, end in seen_stretches(track, within):
                place = slice(first - shot.first, end - shot.first)
                at = int(np.searchsorted(track.frames, first))
                rows[place] = track.rows[at : at + end - first]
                kept = end - first >= _SHORTEST_RUN_SECONDS * self._video.fps
                reasons[place] = [None if kept else LeftAlone.TOO_SHORT] * (end - first)
                self.stretches.append((first, end))
                if kept:
                    self.kept.append((first, end))
        self.left_alone += reasons
        return rows

    def _fault(self, track: Track) -> LeftAlone | None:
        """Why a face cannot be dubbed at all, so that it stands in no other face's way."""
        count = min(len(track.frames), _MEASURED_FRAMES)
        some = np.linspace(0, len(track.frames) - 1, count).astype(int)
        landmarks = track.at(track.frames[some])
        height = float(np.median(face_height(landmarks, self._scheme)))
        if height < SMALLEST_FACE:
            self._small.append(height)
            return LeftAlone.TOO_SMALL
        samples = self._samples.take(track.rows[some])
        outside = mouth_outside(landmarks, *self._size, self._scheme)
        outside |= on_flat_colour(samples, self._scheme)
        mouth = MouthFlags(outside, written_over(samples, self._scheme))
        fault = track_fault(self._checked, track, mouth, self._scheme, float(self._video.fps))
        # Frames whose mouth is hidden are left alone one by one.
        if fault in (Reason.IMPLAUSIBLE_FACE, Reason.STILL_FACE):
            return LeftAlone(fault.value)
        return None

    def check(self, landmarker: MeshLandmarker) -> None:
        """Refuse a film that shows no face large and long enough to judge it.

        Raises:
            BadInputError: FACE_TOO_SMALL with its size and the limit, or NO_FACE.
        """
        seen = set(self.left_alone)
        if not seen <= _NOTHING_SHOWN:
            return
        tiny = landmarker.small_face(self._checked.faceless)
        if self._small:
            what = (
                f"its face is {max(self._small):.0f} pixels high;"
                f" {SMALLEST_FACE} are needed to dub it."
            )
        elif tiny:
            text = too_small_text(tiny, *self._size)
            what = f"shows no face that can be dubbed: {text}."
        else:
            raise BadInputError(
                "shows no face for long enough to dub it.",
                reason=Reason.NO_FACE,
                where=self._video.path,
                remedy="Give a film in which a face is seen from the front.",
            )
        raise BadInputError(
            what,
            reason=Reason.FACE_TOO_SMALL,
            where=self._video.path,
            remedy="Give a film in which the face is larger.",
        )
