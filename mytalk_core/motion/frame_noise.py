"""The initial noise of sampling, a function of seed and frame number."""

import numpy as np
from numpy.typing import NDArray

# Frames whose noise is drawn together.
_BLOCK = 250


def frame_noise(first: int, end: int, components: int, seed: int) -> NDArray[np.float32]:
    """Return unit Gaussian noise (end - first, components) of frames [first, end).

    The noise of a frame does not depend on the range. `end` > `first` >= 0.
    """
    blocks = []
    for block in range(first // _BLOCK, -(-end // _BLOCK)):
        random = np.random.default_rng([seed, block])
        noise = random.standard_normal((_BLOCK, components), dtype=np.float32)
        start = block * _BLOCK
        blocks.append(noise[max(first - start, 0) : end - start])
    return np.concatenate(blocks)
