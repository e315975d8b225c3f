"""The noise that motion starts from: each frame of a film has its own, whoever asks for it."""

import numpy as np
from numpy.typing import NDArray

# Frames whose noise is drawn together.
_BLOCK = 250


def noise_of(first: int, end: int, components: int, seed: int) -> NDArray[np.float32]:
    """Unit noise (end - first, components) of frames [first, end); the same for any first and end.

    `end` > `first` >= 0.
    """
    blocks = []
    for block in range(first // _BLOCK, -(-end // _BLOCK)):
        random = np.random.default_rng([seed, block])
        noise = random.standard_normal((_BLOCK, components), dtype=np.float32)
        start = block * _BLOCK
        blocks.append(noise[max(first - start, 0) : end - start])
    return np.concatenate(blocks)
