"""Association of faces between frames."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.shape import face_height


def displacement(
    before: NDArray[np.float32], after: NDArray[np.float32], scheme: LandmarkScheme
) -> float:
    """Return the mean 2D distance between the points of two faces, in heights of the first.

    Args:
        before, after: (P, 2 or 3) pixels.
    """
    moved = np.linalg.norm(after[:, :2] - before[:, :2], axis=1).mean()
    return float(moved / face_height(before[None], scheme)[0])


def cheapest_pairs(cost: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return the largest set of pairs (row, column) of least total cost; infinite costs exclude.

    Each row and column is in at most one pair.
    """
    possible = np.isfinite(cost)
    # Above the sum of all possible costs, so that no possible pair is lost to an excluded one.
    excluded = cost[possible].sum() + 1
    rows, columns = linear_sum_assignment(np.where(possible, cost, excluded))
    return [pair for pair in zip(rows.tolist(), columns.tolist(), strict=True) if possible[pair]]
