"""Choice of reference frames for training examples."""

import numpy as np
from numpy.typing import NDArray

# Least distance in frames of a reference from a training frame.
TOO_NEAR = 3
# Share of the candidates nearest in pose, and share of these farthest in mouth opening.
_SIMILAR_POSE, _OTHER_MOUTH = 0.6, 0.6
# Random candidates among which the most similar references are found.
_AMONG = 64


def spread_by_opening(opening: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Select `count` frames evenly over the sorted mouth opening (IP_LAP's choice).

    Args:
        opening: (T,) any unit; NaN where the frame cannot be used.

    Returns:
        (count,) frame numbers, closed to open; fewer where there are no more.
    """
    usable = np.flatnonzero(np.isfinite(opening))
    order = usable[np.argsort(opening[usable], kind="stable")]
    # The middle of each of `count` equal shares: the extremes are often detection errors.
    count = min(count, len(order))
    places = ((np.arange(count) + 0.5) / count * len(order)).astype(int)
    chosen: NDArray[np.int64] = order[places]
    return chosen


def training_references(
    opening: NDArray[np.float32],
    pose: NDArray[np.float32],
    targets: NDArray[np.int64],
    count: int,
    random: np.random.Generator,
) -> NDArray[np.int64]:
    """Select references for training frames, excluding these and their neighbours.

    Half of the time they are similar to the first target in pose and different in the mouth
    (MuseTalk's choice), so that the renderer learns to change the mouth; else they are spread by
    opening. A clip of neighbours only gives the farthest ones.

    Args:
        opening: (T,) of the mouth, any unit.
        pose: (T, N) description of the head's rotation.
        targets: consecutive frames.

    Returns:
        (count,) frame numbers; fewer distinct ones where T is small.
    """
    candidates = _not_nearly(targets, len(opening), TOO_NEAR)
    if random.random() < 0.5:
        subset = random.choice(candidates, min(len(candidates), 8 * count), replace=False)
        thinned = np.full(len(opening), np.nan, np.float32)
        thinned[subset] = opening[subset]
        return np.resize(spread_by_opening(thinned, count), count)
    turned = np.linalg.norm(pose[candidates] - pose[targets[0]], axis=1)
    similar = candidates[np.argsort(turned)[: max(int(_SIMILAR_POSE * len(turned)), count)]]
    other = np.argsort(-np.abs(opening[similar] - opening[targets[0]]))
    far = similar[other[: max(int(_OTHER_MOUTH * len(similar)), count)]]
    return random.choice(far, count, replace=len(far) < count)


def alike_references(
    distances: NDArray[np.float32],
    targets: NDArray[np.int64],
    count: int,
    random: np.random.Generator,
    apart: int,
) -> NDArray[np.int64]:
    """Select the references nearest to the target out of random candidates, as in a dub.

    Frames within `apart` of the targets are excluded unless there are no others.

    Args:
        distances: (T,) landmark distance of each frame from the first target.
        targets: consecutive frames.
        apart: least distance from the targets, frames.

    Returns:
        (count,) frame numbers; fewer distinct ones where T is small.
    """
    candidates = _not_nearly(targets, len(distances), apart)
    shown = random.choice(candidates, min(len(candidates), _AMONG), replace=False)
    return np.resize(shown[np.argsort(distances[shown])], count)


def _not_nearly(targets: NDArray[np.int64], frames: int, apart: int) -> NDArray[np.int64]:
    """Return the frames at least `apart` from the targets, or else the farthest ones."""
    every = np.arange(frames)
    distance = np.maximum(targets[0] - every, every - targets[-1])
    others: NDArray[np.int64] = every[distance >= min(apart, distance.max())]
    return others
