"""Face-aligned coordinates in inter-ocular units: removal of the pose and its inverse."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import LandmarkScheme

Points = NDArray[np.float32]


@dataclass(frozen=True)
class Pose:
    """Similarity transforms from aligned shapes to pixels: x = scale * R @ shape + t."""

    rotation: NDArray[np.float32]  # (T, 3, 3)
    scale: NDArray[np.float32]  # (T,), pixels per inter-ocular unit
    translation: NDArray[np.float32]  # (T, 3), pixels

    def __getitem__(self, frames: slice) -> "Pose":
        return Pose(self.rotation[frames], self.scale[frames], self.translation[frames])


def fit_similarity(
    source: NDArray[np.floating[Any]], target: NDArray[np.floating[Any]]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Fit the least-squares similarity from `source` onto each frame of `target`.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    PAMI 1991, equations 40 to 42.

    Args:
        source: (N, D) one shape, D = 2 or 3.
        target: (T, N, D) shapes.

    Returns:
        rotation (T, D, D), scale (T,), translation (T, D), with
        target ~ scale * source @ rotation^T + translation.
    """
    source_mean = source.mean(axis=0)
    target_mean = target.mean(axis=1)
    centred = source - source_mean
    covariance = np.einsum("tnd,ne->tde", target - target_mean[:, None], centred) / len(source)
    left, singular, right = np.linalg.svd(covariance)
    sign = np.ones_like(singular)
    # Exclude reflections.
    sign[:, -1] = np.sign(np.linalg.det(left) * np.linalg.det(right))
    rotation = np.einsum("tde,te,tef->tdf", left, sign, right)
    scale = (singular * sign).sum(axis=1) / centred.var(axis=0).sum()
    translation = target_mean - scale[:, None] * np.einsum("tde,e->td", rotation, source_mean)
    return (
        rotation.astype(np.float32),
        scale.astype(np.float32),
        translation.astype(np.float32),
    )


def inter_ocular(landmarks: Points, scheme: LandmarkScheme) -> NDArray[np.float32]:
    """Return the distance of the outer eye corners, (T,), in the unit of `landmarks` (T, P, D)."""
    left, right = scheme.eye_corners
    distance: NDArray[np.float32] = np.linalg.norm(
        landmarks[:, left] - landmarks[:, right], axis=-1
    )
    return distance


def canonical_rigid(landmarks: Points, scheme: LandmarkScheme) -> Points:
    """Return the pose-free rigid points of one person, the reference of alignment.

    Generalised Procrustes mean of the rigid points over frames, with level eye corners, the origin
    between them and unit inter-ocular distance.

    Args:
        landmarks: (T, P, 3) pixels, finite.

    Returns:
        (len(scheme.rigid), 3) inter-ocular units.
    """
    rigid = np.asarray(scheme.rigid)
    left, right = (scheme.rigid.index(corner) for corner in scheme.eye_corners)
    points = landmarks[:, rigid].astype(np.float64)
    mean = points[0]
    for _ in range(5):
        rotation, scale, translation = fit_similarity(mean.astype(np.float32), points)
        back = np.einsum("tnd,tde->tne", points - translation[:, None], rotation)
        mean = np.median(back / scale[:, None, None], axis=0)
        mean = mean - (mean[left] + mean[right]) / 2
        mean = mean / np.linalg.norm(mean[left] - mean[right])
    upright: Points = (mean @ _upright(mean, scheme).T).astype(np.float32)
    return upright


def _upright(mean: NDArray[np.float64], scheme: LandmarkScheme) -> NDArray[np.float64]:
    """Return the rotation of the eye axis onto x and of the scheme's vertical into x-y."""
    left, right = (mean[scheme.rigid.index(corner)] for corner in scheme.eye_corners)
    upper, lower = (mean[scheme.rigid.index(point)] for point in scheme.vertical)
    x_axis = (right - left) / np.linalg.norm(right - left)
    down = (lower - upper) - ((lower - upper) @ x_axis) * x_axis
    y_axis = down / np.linalg.norm(down)
    return np.stack([x_axis, y_axis, np.cross(x_axis, y_axis)])


def fit_pose(landmarks: Points, rigid_shape: Points, scheme: LandmarkScheme) -> Pose:
    """Fit the pose of every frame relative to a person's rigid shape.

    Args:
        landmarks: (T, P, 3) pixels, finite.
        rigid_shape: (R, 3) from `canonical_rigid`.
    """
    return Pose(*fit_similarity(rigid_shape, landmarks[:, np.asarray(scheme.rigid)]))


def to_shape(landmarks: Points, pose: Pose) -> Points:
    """Map pixels (T, N, 3) to face-aligned inter-ocular units (T, N, 3)."""
    centred = landmarks - pose.translation[:, None]
    shape: Points = np.einsum("tnd,tde->tne", centred, pose.rotation) / pose.scale[:, None, None]
    return shape


def to_pixels(shape: Points, pose: Pose) -> Points:
    """Map face-aligned inter-ocular units (T, N, 3) to pixels; the inverse of `to_shape`."""
    turned = np.einsum("tnd,ted->tne", shape, pose.rotation)
    pixels: Points = turned * pose.scale[:, None, None] + pose.translation[:, None]
    return pixels


def head_turn(pose: Pose) -> NDArray[np.float32]:
    """Return the yaw in degrees, (T,): 0 faces the camera, positive turns to image right."""
    # The third axis points out of the back of the head.
    yaw: NDArray[np.float32] = -np.degrees(
        np.arctan2(pose.rotation[:, 0, 2], pose.rotation[:, 2, 2])
    ).astype(np.float32)
    return yaw
