"""How well lips and sound fit together at each offset. Plain arrays, for whoever embeds them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_OFFSET = 15
"""Offsets compared, in frames either way: 0.6 s."""


@dataclass(frozen=True)
class SyncScore:
    """Like SyncNet's LSE-D and LSE-C, but of this project's own expert: compare only with it."""

    distance: float  # mean distance of the embeddings at the best offset, 0..2; less is better
    confidence: float  # median over offsets of the distance minus the least, more is better
    offset: int  # the best offset in frames at 25 fps; positive: the sound is late


def offset_distances(seen: NDArray[np.float32], heard: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean embedding distance at each offset -15..15, (31,).

    Args:
        seen, heard: (W, E) unit vectors of lip and sound windows, in step; W > 15. At each offset
            the mean is over the lip windows for which there is a sound window.
    """
    pairs = pair_distances(seen, heard)
    offsets = range(-MAX_OFFSET, MAX_OFFSET + 1)
    return np.array([np.diagonal(pairs, offset).mean() for offset in offsets])


def pair_distances(seen: NDArray[np.float32], heard: NDArray[np.float32]) -> NDArray[np.float64]:
    """|a - b| for every pair of a lip window and a sound window, (W, W), from unit vectors."""
    similarity = seen.astype(np.float64) @ heard.astype(np.float64).T
    distances: NDArray[np.float64] = np.sqrt(np.maximum(2 - 2 * similarity, 0))
    return distances


def score(distances: NDArray[np.float64]) -> SyncScore:
    """What the distances at the offsets -15..15, (31,), say."""
    best = int(distances.argmin())
    return SyncScore(
        distance=float(distances[best]),
        confidence=float(np.median(distances) - distances[best]),
        offset=best - MAX_OFFSET,
    )
