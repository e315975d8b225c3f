"""Which frames of a person the renderer is shown while it learns."""

import numpy as np
from numpy.typing import NDArray

# Frames from a training frame at which another one is no longer nearly it.
TOO_NEAR = 3
# Of the candidates, the share that is nearest in pose, and of these the share farthest in lips.
_SIMILAR_POSE, _OTHER_MOUTH = 0.6, 0.6
# Frames at random among which those most like an example are found.
_AMONG = 64


def spread_by_opening(opening: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """`count` frames evenly over sorted mouth opening, shut to wide open (IP_LAP's choice).

    Args:
        opening: (T,) any unit; NaN where the frame cannot be used.

    Returns:
        (count,) frame numbers, shut to open; fewer where there are no more.
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
    """References for training frames: never they or their neighbours, which would be the answer.

    Half the time like the first of them in pose and unlike it in the mouth (MuseTalk's choice), so
    that the renderer learns to change the mouth; else spread by opening, as in dubbing. A clip that
    is all neighbours gives what it has.

    Args:
        opening: (T,) of the mouth, any unit.
        pose: (T, N) numbers that tell how the head is turned.
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
    unlike: NDArray[np.float32],
    targets: NDArray[np.int64],
    count: int,
    random: np.random.Generator,
    apart: int,
) -> NDArray[np.int64]:
    """References as a dub looks at them: of some frames at random those most like the target.

    Never the targets or what is nearly they, unless there are no others.

    Args:
        unlike: (T,) how unlike the landmarks of each frame are to those of the first target.
        targets: consecutive frames.
        apart: frames from a target at which another one is no longer nearly it.

    Returns:
        (count,) frame numbers; fewer distinct ones where T is small.
    """
    candidates = _not_nearly(targets, len(unlike), apart)
    shown = random.choice(candidates, min(len(candidates), _AMONG), replace=False)
    return np.resize(shown[np.argsort(unlike[shown])], count)


def _not_nearly(targets: NDArray[np.int64], frames: int, apart: int) -> NDArray[np.int64]:
    """The frames that are not targets, nor nearly; where there are none, those farthest away."""
    every = np.arange(frames)
    distance = np.maximum(targets[0] - every, every - targets[-1])
    others: NDArray[np.int64] = every[distance >= min(apart, distance.max())]
    return others
