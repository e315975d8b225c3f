"""Hulls of a face: the part that must be fully drawn, and the limit of the drawing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import LandmarkScheme


@dataclass(frozen=True)
class FaceHulls:
    """Points of one frame whose hulls limit the blend, in pixels.

    They cover both the original and the target face, because any visible remainder of the original
    mouth would appear as a second one.
    """

    speaking: NDArray[np.float32]  # (K, 2) lips and chin, to be fully drawn
    whole: NDArray[np.float32]  # (Q, 2) the faces from the brow to the jaw

    def beside(self, corner: NDArray[np.float32]) -> "FaceHulls":
        """Return the hulls relative to `corner` (2,), x and y."""
        return FaceHulls(self.speaking - corner, self.whole - corner)


def face_hulls(
    own: NDArray[np.float32],
    target: NDArray[np.float32],
    face_points: NDArray[np.float32],
    scheme: LandmarkScheme,
) -> FaceHulls:
    """Return the hulls of a frame.

    Args:
        own, target: (M, 2) original and target moving points.
        face_points: (Q, 2) of the upper face.
    """
    both = (own, target)
    return FaceHulls(
        np.concatenate([lips_and_chin(points, scheme) for points in both]),
        np.concatenate([*both, face_points]),
    )


def lips_and_chin(moving: NDArray[np.float32], scheme: LandmarkScheme) -> NDArray[np.float32]:
    """Select from moving points (M, 2) the lips and the middle third of the jaw, (K, 2).

    The sides of the jaw hardly move with speech, and the blend needs room over the cheeks.
    """
    lips, third = len(scheme.lips), len(scheme.jaw) // 3
    return np.concatenate([moving[:lips], moving[lips + third : -third]])
