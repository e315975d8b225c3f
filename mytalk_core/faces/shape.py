"""Measurements on landmarks: face height and mouth opening."""

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import LandmarkScheme


def aperture(points: NDArray[np.float32], scheme: LandmarkScheme) -> NDArray[np.float32]:
    """Return the mouth opening, (T,), in the unit of `points` (T, P, D), as a mean over pairs."""
    upper, lower = (list(side) for side in zip(*scheme.aperture_pairs, strict=True))
    gaps = np.linalg.norm(points[:, upper, :2] - points[:, lower, :2], axis=-1)
    opening: NDArray[np.float32] = gaps.mean(axis=1)
    return opening


def face_height(points: NDArray[np.float32], scheme: LandmarkScheme) -> NDArray[np.float32]:
    """Return the height of the bounding box, (T,), in the unit of `points` (T, P, D), or NaN."""
    height: NDArray[np.float32] = np.ptp(points[..., 1], axis=1)
    return height


def moving_positions(scheme: LandmarkScheme, group: tuple[int, ...]) -> list[int]:
    """Return the positions of the points of `group` among the scheme's moving points."""
    return [scheme.moving.index(point) for point in group]


def aperture_positions(scheme: LandmarkScheme) -> tuple[list[int], list[int]]:
    """Return `moving_positions` of the upper and of the lower points of the aperture pairs."""
    upper, lower = zip(*scheme.aperture_pairs, strict=True)
    return moving_positions(scheme, upper), moving_positions(scheme, lower)


def signed_opening(lips: NDArray[np.float32], scheme: LandmarkScheme) -> NDArray[np.float32]:
    """Return the vertical mouth opening, (T,), negative where predicted lips overlap.

    Args:
        lips: (T, L, D) moving points, lips first, aligned: y points down the face.
    """
    upper, lower = aperture_positions(scheme)
    opening: NDArray[np.float32] = (lips[:, lower, 1] - lips[:, upper, 1]).mean(axis=1)
    return opening
