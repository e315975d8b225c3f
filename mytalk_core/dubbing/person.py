"""What is known of the face of one track: its shape at rest, its shut mouth, its outlines."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.conditioning import Outlines, face_outlines
from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.faces.alignment import canonical_rigid, fit_pose, to_shape
from mytalk_core.faces.face_motion import resting_shape
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.motion.closed_mouth import closed_mouth
from mytalk_core.motion.known_face import KnownFace, known_face

# Frames of a track from which its person is studied; more change nothing.
_STUDIED = 1000


@dataclass(frozen=True)
class Person:
    """The face of one track."""

    rigid: NDArray[np.float32]  # (R, 3) from `canonical_rigid`
    rest: NDArray[np.float32]  # (P, 3) mean face, aligned inter-ocular units
    closed: NDArray[np.float32]  # (M, 3) displacement of the moving points when the mouth is shut
    known: KnownFace  # for the motion model
    outlines: Outlines


def study_person(track: FaceTrack, mask: MaskConfig) -> Person:
    """Measure the face of a track in frames spread over it."""
    scheme = track.scheme
    frames = np.unique(np.linspace(0, len(track) - 1, _STUDIED).round().astype(int))
    landmarks = np.asarray(track.found[frames])
    rigid = canonical_rigid(landmarks, scheme)
    shape = to_shape(landmarks, fit_pose(landmarks, rigid, scheme))
    rest = resting_shape(shape)
    moving = list(scheme.moving)
    closed = (closed_mouth(shape, scheme) - rest)[moving]
    return Person(
        rigid=rigid,
        rest=rest,
        closed=closed,
        known=known_face(shape[:, moving].reshape(len(shape), -1), closed.reshape(-1)),
        outlines=face_outlines(rest, mask, scheme),
    )
