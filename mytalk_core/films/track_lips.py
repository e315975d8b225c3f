"""The lips of a face track as the sync expert takes them."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.alignment import canonical_rigid, fit_pose, to_shape
from mytalk_core.faces.shape import aperture
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.media.clock import MOTION_FPS
from mytalk_core.media.resampling import places_among, resampled

_MEASURED_FRAMES = 100  # of a track, that the shape of its face is measured on
_MARGIN = 2  # film frames around a span, for interpolation

Span = tuple[int, int]
"""Frames [first, end) at 25 fps: frame k is shown from k / 25 s on."""


class TrackLips:
    """Reads aligned lips of one track at 25 fps, piece by piece."""

    def __init__(self, track: FaceTrack) -> None:
        self._track = track
        landmarks = track.found
        some = landmarks[:: max(1, len(landmarks) // _MEASURED_FRAMES)]
        self._rigid = canonical_rigid(some, track.scheme)
        half = 1 / (2 * track.fps)
        self._middles = [start + half for start in track.starts]

    @property
    def span(self) -> Span:
        """The frames at 25 fps whose middle is within the track."""
        return shown_span(self._track)

    def shapes(self, span: Span) -> NDArray[np.float32]:
        """Return lips (T, L, 3), inter-ocular units without pose, of frames within `self.span`."""
        wanted = [(frame + Fraction(1, 2)) / MOTION_FPS for frame in range(*span)]
        places = places_among(wanted, self._middles)
        first = max(int(places[0]) - _MARGIN, 0)
        end = int(places[-1]) + _MARGIN + 2
        landmarks = self._track.found[first:end]
        scheme = self._track.scheme
        pose = fit_pose(landmarks, self._rigid, scheme)
        lips = to_shape(landmarks[:, list(scheme.lips)], pose)
        return resampled(lips, places - first)

    def seen(self, span: Span) -> float:
        """Return the share of frames of the span, 0..1, in which the face was detected."""
        wanted = [(frame + Fraction(1, 2)) / MOTION_FPS for frame in range(*span)]
        places = places_among(wanted, self._middles)
        return float(self._track.seen[places.round().astype(int)].mean())


def shown_span(track: FaceTrack) -> Span:
    """Return the frames at 25 fps whose middle is within a track."""
    end = track.starts[-1] + 1 / track.fps
    return _first_middle(track.starts[0]), _first_middle(end)


def mouth_movement(lips: NDArray[np.float32], track: FaceTrack) -> float:
    """Return the standard deviation of the mouth opening, inter-ocular units.

    Args:
        lips: (T, L, 3) from `TrackLips.shapes`.
    """
    scheme = track.scheme
    points = np.zeros((len(lips), scheme.point_count, 2), np.float32)
    points[:, list(scheme.lips)] = lips[..., :2]
    return float(aperture(points, scheme).std())


def _first_middle(time: Fraction) -> int:
    """Return the first frame at 25 fps whose middle is at or after a time in seconds."""
    return -int(-(time * MOTION_FPS - Fraction(1, 2)) // 1)
