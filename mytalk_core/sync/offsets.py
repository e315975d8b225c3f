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
    offset: int  # nearest frame at 25 fps by which the sound is late


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


def score(distances: NDArray[np.float64], in_step: float = 0.0) -> SyncScore:
    """Compute the score from the distances at the offsets -15..15, (31,).

    Args:
        in_step: of the configuration of the expert.
    """
    least = float(distances.min())
    return SyncScore(
        distance=least,
        confidence=float(np.median(distances)) - least,
        offset=round(late_by(distances, in_step)),
    )


def late_by(distances: NDArray[np.float64], in_step: float) -> float:
    """Return the frames by which sound is late, to a fraction of a frame.

    The minimum of the distances at the offsets -15..15, (31,), by the parabola through it and its
    neighbours, less `in_step`, which the expert finds in sound that is in step.
    """
    best = int(distances.argmin())
    late = float(best - MAX_OFFSET)
    if 0 < best < len(distances) - 1:
        before, least, after = distances[best - 1 : best + 2].tolist()
        late += (before - after) / (before - 2 * least + after) / 2
    return late - in_step
