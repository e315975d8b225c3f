"""A face over time with its pose taken out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.alignment import Pose, canonical_rigid, fit_pose, to_shape
from mytalk_core.faces.landmark_scheme import LandmarkScheme


@dataclass(frozen=True)
class FaceMotion:
    """One face over time in aligned coordinates (inter-ocular units) and its pose."""

    shape: NDArray[np.float32]  # (T, P, 3) all points, pose removed
    pose: Pose  # of T frames


def face_motion(landmarks: NDArray[np.float32], scheme: LandmarkScheme) -> FaceMotion:
    """Take the pose out of landmarks (T, P, 3), pixels, finite."""
    pose = fit_pose(landmarks, canonical_rigid(landmarks, scheme), scheme)
    return FaceMotion(to_shape(landmarks, pose), pose)


def resting_shape(shape: NDArray[np.float32]) -> NDArray[np.float32]:
    """The person's mean face (P, 3): the zero of displacements."""
    mean: NDArray[np.float32] = shape.mean(axis=0)
    return mean
