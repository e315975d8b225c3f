"""A face over time, separated into shape and pose."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.alignment import Pose, canonical_rigid, fit_pose, to_shape
from mytalk_core.faces.landmark_scheme import LandmarkScheme


@dataclass(frozen=True)
class FaceMotion:
    """The shape of a face over time in aligned coordinates, inter-ocular units, and its pose."""

    shape: NDArray[np.float32]  # (T, P, 3) all points, pose removed
    pose: Pose  # of T frames


def face_motion(landmarks: NDArray[np.float32], scheme: LandmarkScheme) -> FaceMotion:
    """Separate landmarks (T, P, 3), pixels, finite, into shape and pose."""
    pose = fit_pose(landmarks, canonical_rigid(landmarks, scheme), scheme)
    return FaceMotion(to_shape(landmarks, pose), pose)


def resting_shape(shape: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean face (P, 3) of (T, P, 3), the origin of displacements."""
    mean: NDArray[np.float32] = shape.mean(axis=0)
    return mean
