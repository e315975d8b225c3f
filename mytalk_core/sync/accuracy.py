"""Accuracy of a sync expert as a classifier of offsets, by the duration of the evidence."""

import numpy as np
from numpy.typing import NDArray

from mytalk_core.sync.offsets import MAX_OFFSET, pair_distances

TOLERANCE = 1
"""Largest error of a correct offset, frames, as in the SyncNet paper."""

_LEAST_SHARE = 1 / 3  # of the lip windows of a run that must have sound at an offset


def within_tolerance(
    lips: NDArray[np.float32], sound: NDArray[np.float32], windows: int, late: int
) -> NDArray[np.bool_]:
    """Return for each run of successive lip windows whether its best offset is correct, (runs,).

    Offsets -15..15 are compared. Only runs with sound at all offsets are used; a clip too short for
    such a run uses all, without the offsets at which most of the sound is missing.

    Args:
        lips, sound: (W, E) unit vectors of lip and sound windows.
        windows: lip windows of a run, at most W.
        late: true offset, frames by which the sound is late.
    """
    pairs = pair_distances(lips, sound)
    count = len(pairs)
    # By offset and lip window; NaN without a sound window.
    distances = np.full((2 * MAX_OFFSET + 1, count), np.nan)
    for row, offset in enumerate(range(-MAX_OFFSET, MAX_OFFSET + 1)):
        places = np.arange(max(0, -offset), min(count, count - offset))
        distances[row, places] = pairs[places, places + offset]
    known = ~np.isnan(distances)
    compared = _run_sums(known.astype(np.float64), windows)
    sums = _run_sums(np.where(known, distances, 0), windows)
    whole = (compared == windows).all(axis=0)
    if whole.any():
        compared, sums = compared[:, whole], sums[:, whole]
    enough = compared >= max(1, windows * _LEAST_SHARE)
    means = np.where(enough, sums / np.maximum(compared, 1), np.inf)
    correct: NDArray[np.bool_] = np.abs(means.argmin(axis=0) - MAX_OFFSET - late) <= TOLERANCE
    return correct


def _run_sums(rows: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Return sums of every `length` neighbours, (N, W) to (N, W - length + 1)."""
    totals = np.cumsum(np.pad(rows, ((0, 0), (1, 0))), axis=1)
    return totals[:, length:] - totals[:, :-length]
