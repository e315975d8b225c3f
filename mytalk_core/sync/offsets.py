"""Distances of embedded lips and sound by offset, and the sync score. Needs no torch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_OFFSET = 15
"""Largest offset compared, frames in both directions: 0.6 s."""


@dataclass(frozen=True)
class SyncScore:
    """LSE-D and LSE-C as of SyncNet, comparable only between scores of the same expert."""

    distance: float  # mean distance of the embeddings at the best offset, 0..2; lower is better
    confidence: float  # median over offsets minus minimum of the distance; higher is better
    offset: int  # best offset in frames at 25 fps; positive: the sound is late


def offset_distances(lips: NDArray[np.float32], sound: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean embedding distance at each offset -15..15, (31,).

    Args:
        lips, sound: (W, E) unit vectors of simultaneous lip and sound windows; W > 15. The mean at
            an offset is over the lip windows that have a sound window.
    """
    pairs = pair_distances(lips, sound)
    offsets = range(-MAX_OFFSET, MAX_OFFSET + 1)
    return np.array([np.diagonal(pairs, offset).mean() for offset in offsets])


def pair_distances(lips: NDArray[np.float32], sound: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the distance of every lip window to every sound window, (W, W), of unit vectors."""
    similarity = lips.astype(np.float64) @ sound.astype(np.float64).T
    distances: NDArray[np.float64] = np.sqrt(np.maximum(2 - 2 * similarity, 0))
    return distances


def score(distances: NDArray[np.float64]) -> SyncScore:
    """Compute the score from the distances at the offsets -15..15, (31,)."""
    best = int(distances.argmin())
    return SyncScore(
        distance=float(distances[best]),
        confidence=float(np.median(distances) - distances[best]),
        offset=best - MAX_OFFSET,
    )
