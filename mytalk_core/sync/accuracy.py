"""The expert as a classifier of offsets: how often it is right, by how long it looks."""

import numpy as np
from numpy.typing import NDArray

from mytalk_core.sync.offsets import MAX_OFFSET, pair_distances

TOLERANCE = 1
"""Frames by which an offset may be off and still count as right, as in the SyncNet paper."""

_LEAST_SHARE = 1 / 3  # of the lip windows that must have sound for an offset to be compared


def placed(
    seen: NDArray[np.float32], heard: NDArray[np.float32], windows: int, late: int
) -> NDArray[np.bool_]:
    """Whether each run of lip windows of a clip is put within a frame of where its sound is.

    Offsets -15..15 are compared. Runs that have all of the sound asked for are taken; in a clip
    too short for any such run, all of them, and offsets at which most of the sound is missing are
    not compared.

    Args:
        seen, heard: (W, E) unit vectors of lip and sound windows.
        windows: successive lip windows of a run, at most W.
        late: frames by which the sound of this clip is late.

    Returns:
        (runs,)
    """
    pairs = pair_distances(seen, heard)
    count = len(pairs)
    # By offset and lip window; NaN where there is no sound window.
    distances = np.full((2 * MAX_OFFSET + 1, count), np.nan)
    for row, offset in enumerate(range(-MAX_OFFSET, MAX_OFFSET + 1)):
        lips = np.arange(max(0, -offset), min(count, count - offset))
        distances[row, lips] = pairs[lips, lips + offset]
    known = ~np.isnan(distances)
    compared = _run_sums(known.astype(np.float64), windows)
    sums = _run_sums(np.where(known, distances, 0), windows)
    whole = (compared == windows).all(axis=0)
    if whole.any():
        compared, sums = compared[:, whole], sums[:, whole]
    enough = compared >= max(1, windows * _LEAST_SHARE)
    means = np.where(enough, sums / np.maximum(compared, 1), np.inf)
    right: NDArray[np.bool_] = np.abs(means.argmin(axis=0) - MAX_OFFSET - late) <= TOLERANCE
    return right


def _run_sums(rows: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Sums of every `length` neighbours, (N, W) to (N, W - length + 1)."""
    totals = np.cumsum(np.pad(rows, ((0, 0), (1, 0))), axis=1)
    return totals[:, length:] - totals[:, :-length]
