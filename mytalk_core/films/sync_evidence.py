"""Is a face in step with a sound: against the same face under other sounds.

In natural speech, people who move their mouths differ from the one who is recorded only by
comparison in step, at the one offset of the film. How similar a face is to sounds that are not its
own differs from face to face, so that each face has its own null distribution.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mytalk_core.media.clock import MOTION_FPS
from mytalk_core.sync.offsets import MAX_OFFSET

Array = NDArray[np.float32]

STEP = 1
"""Frames at 25 fps around the film's offset that count as in step."""

_NULL_SOUNDS = 64  # other sounds that a face is compared with
_APART = 10  # frames; sounds nearer to the face's own are too similar to it
# Least spread of the null, of mean similarities over one window and over many.
_LEAST_SPREAD, _LEAST_SPREAD_ONE = 0.01, 0.25

_RIVAL_DISTANCE = 3  # frames; nearer offsets belong to the same maximum
_LEAST_OFFSET = 2  # frames; a shift of one is within the step
_LEAST_MARGIN = 0.06  # of similarity to the best rival, at any duration
_MARGIN_AT_SECOND = 0.3  # the same for one second; noise falls with the root of the duration


@dataclass(frozen=True)
class SyncSample:
    """A face under a sound, as mean similarities of embeddings of lips and sound, -1..1."""

    windows: int  # of 0.2 s, one a frame at 25 fps
    similarity: float  # the largest in step
    null_mean: float  # under other sounds
    null_spread: float  # standard deviation under other sounds

    @property
    def score(self) -> float:
        """Return the similarity in step in standard deviations above other sounds."""
        return (self.similarity - self.null_mean) / self.null_spread


def offset_curve(lips: Array, sound: Array) -> NDArray[np.float64]:
    """Return the mean similarity at the offsets -15..15 frames, (31,).

    Args:
        lips: (W, E) unit vectors.
        sound: (W + 30, E) unit vectors; lip window k is simultaneous with sound window k + 15.
    """
    similarity = lips.astype(np.float64) @ sound.astype(np.float64).T
    count = 2 * MAX_OFFSET + 1
    return np.array([np.diagonal(similarity, each).mean() for each in range(count)])


def film_offset(curves: Sequence[NDArray[np.float64]], windows: Sequence[int]) -> int:
    """Return the frames by which a film's sound is late; 0 without strong evidence of another.

    Args:
        curves: (31,) each, one of every stretch: of the face with the highest maximum.
        windows: number of windows of each.
    """
    if not curves:
        return 0
    pooled = np.average(curves, axis=0, weights=windows)
    best = int(pooled.argmax())
    rivals = np.abs(np.arange(len(pooled)) - best) >= _RIVAL_DISTANCE
    seconds = sum(windows) / float(MOTION_FPS)
    margin = max(_LEAST_MARGIN, _MARGIN_AT_SECOND / np.sqrt(seconds))
    offset = best - MAX_OFFSET
    is_clear = pooled[best] - pooled[rivals].max() >= margin
    return offset if is_clear and abs(offset) >= _LEAST_OFFSET else 0


def in_step(curve: NDArray[np.float64], offset: int) -> float:
    """Return the largest similarity within a frame of the film's offset."""
    middle = offset + MAX_OFFSET
    return float(curve[max(middle - STEP, 0) : middle + STEP + 1].max())


def sync_sample(similarity: float, lips: Array, others: Array, own: int) -> SyncSample:
    """Compare a similarity in step with those of the same lips under other sounds.

    Args:
        similarity: from `in_step`.
        lips: (W, E) unit vectors.
        others: (N, E) unit vectors of all voiced sound of the film, one stretch after the other.
        own: the row of `others` that belongs to the first lip window.
    """
    null = _null(lips, others, own)
    least = max(_LEAST_SPREAD, _LEAST_SPREAD_ONE / np.sqrt(len(lips)))
    if len(null) < 2:
        return SyncSample(len(lips), similarity, 0.0, float(least))
    spread = max(float(null.std()), float(least))
    return SyncSample(len(lips), similarity, float(null.mean()), spread)


def _null(lips: Array, others: Array, own: int) -> NDArray[np.float64]:
    """Return the similarities in step, (K,), at rows of `others` spread evenly over all of it."""
    length = len(others)
    starts = np.unique(np.linspace(0, length, _NULL_SOUNDS, endpoint=False).astype(int))
    distance = np.abs(starts - own % max(length, 1))
    starts = starts[np.minimum(distance, length - distance) >= _APART]
    if not len(starts):
        return np.zeros(0)
    steps = range(-STEP, STEP + 1)
    rows = starts[:, None] + np.arange(len(lips))
    shifted = [
        np.einsum("we,kwe->k", lips, others[(rows + step) % length], optimize=True) / len(lips)
        for step in steps
    ]
    null: NDArray[np.float64] = np.max(shifted, axis=0)
    return null
