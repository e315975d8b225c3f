"""Which face of one frame is which of another."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.shape import face_height


def displacement(
    before: NDArray[np.float32], after: NDArray[np.float32], scheme: LandmarkScheme
) -> float:
    """Mean distance in the picture between the points of two faces, in heights of the first.

    Args:
        before, after: (P, 2 or 3) pixels.
    """
    moved = np.linalg.norm(after[:, :2] - before[:, :2], axis=1).mean()
    return float(moved / face_height(before[None], scheme)[0])


def cheapest_pairs(cost: NDArray[np.float64]) -> list[tuple[int, int]]:
    """The pairs (row, column) of least total cost; infinite costs are pairs that cannot be.

    As many rows and columns are paired as can be, each at most once.
    """
    possible = np.isfinite(cost)
    # Dearer than all possible pairs together, so that none is given up for an impossible one.
    dear = cost[possible].sum() + 1
    rows, columns = linear_sum_assignment(np.where(possible, cost, dear))
    return [pair for pair in zip(rows.tolist(), columns.tolist(), strict=True) if possible[pair]]
