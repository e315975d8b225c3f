"""Decide which tracks of a segment become clips, and cut them into parts."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mytalk_core.data.schema import clip_key
from mytalk_core.errors import Reason
from mytalk_core.faces.alignment import Points, Pose, canonical_rigid, fit_pose, head_turn, to_shape
from mytalk_core.faces.crop import CropConfig, crop_boxes
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.plausibility import (
    CheckedFaces,
    MouthFlags,
    mouth_outside,
    track_fault,
)
from mytalk_core.faces.shape import face_height
from mytalk_core.faces.shots import ShotConfig
from mytalk_core.faces.steadying import steadied
from mytalk_core.faces.tracks import Track, TrackConfig
from mytalk_core.footage.units import Segment
from mytalk_core.media.clock import MOTION_FPS
from mytalk_core.sync.clip import lip_motion

_RATE = int(MOTION_FPS)
# Frames of a track on which its size and yaw are measured.
_MEASURED_FRAMES = 100
_MESSAGES = {
    Reason.IMPLAUSIBLE_FACE: "upside down, or its landmarks do not fit it",
    Reason.STILL_FACE: "it never moves, as in a photograph",
    Reason.MOUTH_OUTSIDE: "the mouth is outside the picture",
    Reason.MOUTH_COVERED: "text covers the mouth",
}


@dataclass(frozen=True)
class FootageConfig:
    """How footage is cut into clips."""

    crop: CropConfig = field(default_factory=CropConfig)
    shots: ShotConfig = field(default_factory=ShotConfig)
    tracks: TrackConfig = field(default_factory=TrackConfig)
    # Longest clip, seconds; a longer track is cut into parts of equal duration.
    clip_seconds: int = 10
    # Shortest track kept, seconds.
    shortest_seconds: int = 1
    # Smallest face kept, pixels from forehead to chin, median over a track.
    smallest_face: int = 48
    # Largest absolute yaw kept, degrees, median over a track.
    largest_turn: float = 60.0


@dataclass(frozen=True)
class DroppedTrack:
    """A track that gives no clip, with the reason."""

    key: str  # of the clip that its first part would have been
    first_frame: int
    frames: int
    face_height: float
    yaw_degrees: float
    faces: int
    reason: Reason
    message: str


@dataclass(frozen=True)
class TrackPart:
    """A part of a track that becomes a clip."""

    key: str
    first: int  # frame of the source at the canonical rate
    landmarks: NDArray[np.float32]  # (T, P, 3) as detected
    lips: NDArray[np.float32]  # (T, L, 2) from `lip_motion`
    seen: NDArray[np.bool_]  # (T,) whether the face was detected
    boxes: NDArray[np.float32]  # (T, 3, 2) crop boxes of the steadied face
    yaw: NDArray[np.float32]  # (T,) degrees
    faces: int  # most faces detected in one frame of the track

    @property
    def end(self) -> int:
        """The frame after its last."""
        return self.first + len(self.seen)


@dataclass(frozen=True)
class Observed:
    """Properties of a segment's frames that its tracks share."""

    width: int  # pixels
    height: int
    scheme: LandmarkScheme
    checked: CheckedFaces | None  # where the landmarker has a second detector


def judge_track(
    segment: Segment, track: Track, faces: int, observed: Observed, config: FootageConfig
) -> list[TrackPart] | DroppedTrack:
    """Cut a track into parts, or drop it with a reason.

    Args:
        faces: most faces detected in one frame of the track.
    """
    scheme = observed.scheme
    shot = segment.number * 1000 + track.shot
    some = track.landmarks[:: max(1, len(track.landmarks) // _MEASURED_FRAMES)]
    height = float(np.median(face_height(some, scheme)))
    yaw = float(np.median(np.abs(head_turn(_pose(some, scheme)))))
    shortest = config.shortest_seconds * _RATE
    message = ""
    if len(track.seen) < shortest:
        reason, message = Reason.TOO_SHORT, f"seen for less than {config.shortest_seconds} s"
    elif height < config.smallest_face:
        reason = Reason.FACE_TOO_SMALL
        message = f"{height:.0f} pixels high, less than {config.smallest_face}"
    elif yaw > config.largest_turn:
        reason = Reason.TOO_TURNED
        message = f"turned by {yaw:.0f} degrees, more than {config.largest_turn:g}"
    elif fault := _fault(track, observed):
        reason, message = fault, _MESSAGES[fault]
    if message:
        key = clip_key(segment.source.title, shot, track.number, 0)
        first = segment.first + track.first
        return DroppedTrack(key, first, len(track.seen), height, yaw, faces, reason, message)
    count = -(-len(track.seen) // (config.clip_seconds * _RATE))
    edges = [len(track.seen) * part // count for part in range(count + 1)]
    parts = []
    for number in range(count):
        piece = slice(edges[number], edges[number + 1])
        points = track.landmarks[piece]
        pose = _pose(points, scheme)
        steady = _pose(steadied(points, scheme, float(MOTION_FPS)), scheme)
        parts.append(
            TrackPart(
                key=clip_key(segment.source.title, shot, track.number, number),
                first=segment.first + track.first + piece.start,
                landmarks=points,
                lips=lip_motion(to_shape(points[:, list(scheme.lips)], pose)),
                seen=track.seen[piece],
                boxes=crop_boxes(steady, config.crop, float(MOTION_FPS)),
                yaw=head_turn(pose),
                faces=faces,
            )
        )
    return parts


def _fault(track: Track, observed: Observed) -> Reason | None:
    """Return the reason why a track cannot show a speaker; None where it can."""
    checked, scheme = observed.checked, observed.scheme
    outside = mouth_outside(track.landmarks, observed.width, observed.height, scheme)
    mouth = MouthFlags(outside, np.zeros(0, np.bool_))
    if checked is not None:
        hidden = checked.mouth(track)
        mouth = MouthFlags(outside | bool(hidden.outside.any()), hidden.written)
    return track_fault(checked, track, mouth, scheme, float(MOTION_FPS))


def _pose(landmarks: Points, scheme: LandmarkScheme) -> Pose:
    return fit_pose(landmarks, canonical_rigid(landmarks, scheme), scheme)
