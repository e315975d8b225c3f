"""How well lips and sound fit together, and by how much one is late."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.sync.clip import log_mel
from mytalk_core.sync.expert import SyncExpert

MAX_OFFSET = 15
"""Offsets compared, in frames either way: 0.6 s."""


@dataclass(frozen=True)
class SyncScore:
    """Like SyncNet's LSE-D and LSE-C, but of this project's own expert: compare only with it."""

    distance: float  # mean distance of the embeddings at the best offset, 0..2; less is better
    confidence: float  # median over offsets of the distance minus the least, more is better
    offset: int  # the best offset in frames at 25 fps; positive: the sound is late


def lse_like(
    lips: NDArray[np.float32], audio: NDArray[np.float32], expert: SyncExpert
) -> SyncScore:
    """Score a clip.

    Args:
        lips: (T, L, 2) from `lip_motion`, 25 fps, T >= 25 (shorter clips compare almost nothing).
        audio: (N,) 16 kHz mono from the same moment; silence stands where it is shorter.

    Raises:
        BadInputError: TOO_SHORT.
    """
    distances = offset_distances(lips, audio, expert)
    best = int(distances.argmin())
    return SyncScore(
        distance=float(distances[best]),
        confidence=float(np.median(distances) - distances[best]),
        offset=best - MAX_OFFSET,
    )


def offset_distances(
    lips: NDArray[np.float32], audio: NDArray[np.float32], expert: SyncExpert
) -> NDArray[np.float64]:
    """Mean embedding distance at each offset -15..15, (31,); arguments as `lse_like`.

    At each offset the mean is over the windows for which there is sound.
    """
    frames = len(lips)
    if frames < 25:
        raise BadInputError(
            f"{frames} frames are too few to judge sync.",
            remedy="It takes a second, 25 frames.",
            reason=Reason.TOO_SHORT,
        )
    with torch.inference_mode():
        seen = expert.embed_lips(torch.from_numpy(lips[None]))[0].double().numpy()
        heard = expert.embed_sound(torch.from_numpy(log_mel(audio, frames)[None]))[0]
    # |a - b| of unit vectors, for every pair of a lip window and a sound window.
    pairs = np.sqrt(np.maximum(2 - 2 * seen @ heard.double().numpy().T, 0))
    offsets = range(-MAX_OFFSET, MAX_OFFSET + 1)
    return np.array([np.diagonal(pairs, offset).mean() for offset in offsets])
