"""Which face tracks can be dubbed at all."""

from fractions import Fraction

import numpy as np

from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.errors import Reason
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.plausibility import (
    CheckedFaces,
    MouthFlags,
    mouth_outside,
    on_flat_colour,
    track_fault,
    written_over,
)
from mytalk_core.faces.shape import face_height
from mytalk_core.faces.square_pixels import square_size
from mytalk_core.faces.tracks import FaceRows, Track
from mytalk_core.media.probe import VideoInfo

SMALLEST_FACE = 48
"""Height of the smallest face that is drawn, pixels: the models were trained with none smaller."""

SHORTEST_SECONDS = Fraction(1, 2)
"""Length of the shortest track that is dubbed."""

_MEASURED_FRAMES = 100  # of a track


class TrackJudge:
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
