"""Sizes read off landmarks: how high a face is, how far a mouth is open."""

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import LandmarkScheme


def aperture(points: NDArray[np.float32], scheme: LandmarkScheme) -> NDArray[np.float32]:
    """Opening of the inner lips, (T,), in the unit of `points` (T, P, D): mean over the pairs."""
    upper, lower = (list(side) for side in zip(*scheme.aperture_pairs, strict=True))
    gaps = np.linalg.norm(points[:, upper, :2] - points[:, lower, :2], axis=-1)
    opening: NDArray[np.float32] = gaps.mean(axis=1)
    return opening


def face_height(points: NDArray[np.float32], scheme: LandmarkScheme) -> NDArray[np.float32]:
    """Height of the face's bounding box, (T,), in the unit of `points` (T, P, D); NaN stays."""
    height: NDArray[np.float32] = np.ptp(points[..., 1], axis=1)
    return height


def moving_positions(scheme: LandmarkScheme, group: tuple[int, ...]) -> list[int]:
    """Where the points of `group` stand among the scheme's moving points.

    Stage 1 predicts only the moving points, so groups must be found again by position.
    """
    return [scheme.moving.index(point) for point in group]


def aperture_positions(scheme: LandmarkScheme) -> tuple[list[int], list[int]]:
    """The upper and the lower points of the aperture's pairs among the scheme's moving points."""
    upper, lower = zip(*scheme.aperture_pairs, strict=True)
    return moving_positions(scheme, upper), moving_positions(scheme, lower)


def signed_opening(lips: NDArray[np.float32], scheme: LandmarkScheme) -> NDArray[np.float32]:
    """How far the inner lips are apart, (T,): mean over the aperture's pairs.

    Negative where they lie across each other, as predicted lips may: that is shut, not open.

    Args:
        lips: (T, L, D) moving points, lips first, aligned, so that y points down the face.
    """
    upper, lower = aperture_positions(scheme)
    opening: NDArray[np.float32] = (lips[:, lower, 1] - lips[:, upper, 1]).mean(axis=1)
    return opening
