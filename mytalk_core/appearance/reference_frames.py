"""Which frames of a person the renderer is shown."""

import numpy as np
from numpy.typing import NDArray


def spread_by_opening(opening: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """`count` frames evenly over sorted mouth opening, shut to wide open (IP_LAP's choice).

    Args:
        opening: (T,) any unit; NaN where the frame cannot be used.

    Returns:
        (count,) frame numbers; fewer distinct ones where T is small.
    """
    usable = np.flatnonzero(np.isfinite(opening))
    order = usable[np.argsort(opening[usable], kind="stable")]
    # The middle of each of `count` equal shares: the extremes are often detection errors.
    places = ((np.arange(count) + 0.5) / count * len(order)).astype(int)
    chosen: NDArray[np.int64] = order[places]
    return chosen


def training_references(
    opening: NDArray[np.float32], target: int, count: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """References for a training frame: never it or its neighbours, which would be the answer.

    Half the time spread by opening as in dubbing, else any.
    """
    allowed = opening.astype(np.float32).copy()
    allowed[max(target - 2, 0) : target + 3] = np.nan
    candidates = np.flatnonzero(np.isfinite(allowed))
    if random.random() < 0.5:
        subset = random.choice(candidates, min(len(candidates), 8 * count), replace=False)
        thinned = np.full_like(allowed, np.nan)
        thinned[subset] = allowed[subset]
        return spread_by_opening(thinned, count)
    return random.choice(candidates, count, replace=len(candidates) < count)
