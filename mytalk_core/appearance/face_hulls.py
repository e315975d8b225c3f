"""What of a frame a drawing must show alone, and beyond what it has nothing to show."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import LandmarkScheme


@dataclass(frozen=True)
class FaceHulls:
    """Points of one frame whose hulls count, in pixels.

    They are of the face as it was and as it shall be: whatever of the old one shone through would
    be seen twice.
    """

    speaking: NDArray[np.float32]  # (K, 2) lips and chin
    whole: NDArray[np.float32]  # (Q, 2) the faces from the brow to the jaw

    def beside(self, corner: NDArray[np.float32]) -> "FaceHulls":
        """The same in a part of the picture that begins at `corner` (2,), x and y."""
        return FaceHulls(self.speaking - corner, self.whole - corner)


def face_hulls(
    own: NDArray[np.float32],
    asked: NDArray[np.float32],
    face_points: NDArray[np.float32],
    scheme: LandmarkScheme,
) -> FaceHulls:
    """The hulls of a frame.

    Args:
        own, asked: (M, 2) moving points as they were, and as they shall be.
        face_points: (Q, 2) of the upper face.
    """
    both = (own, asked)
    return FaceHulls(
        np.concatenate([lips_and_chin(points, scheme) for points in both]),
        np.concatenate([*both, face_points]),
    )


def lips_and_chin(moving: NDArray[np.float32], scheme: LandmarkScheme) -> NDArray[np.float32]:
    """Of moving points (M, 2) those whose hull a drawing must show alone, (K, 2).

    The sides of the jaw hardly move with speech, and over cheeks there is to be room to fade.
    """
    lips, third = len(scheme.lips), len(scheme.jaw) // 3
    return np.concatenate([moving[:lips], moving[lips + third : -third]])
