"""How well the lips and the sound of a clip fit together, and by how much one is late."""

import numpy as np
import torch
from numpy.typing import NDArray

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.sync.clip import log_mel
from mytalk_core.sync.expert import SyncExpert
from mytalk_core.sync.offsets import SyncScore, offset_distances, score

SHORTEST = 25
"""Frames below which hardly anything is compared."""


def lse_like(
    lips: NDArray[np.float32], audio: NDArray[np.float32], expert: SyncExpert
) -> SyncScore:
    """Score a clip by an expert that hears spectra.

    Args:
        lips: (T, 40, 2) from `lip_motion` or (T, 48, 48) from `mouth_motion`, as the expert sees;
            25 fps, T >= 25.
        audio: (N,) 16 kHz mono from the same moment; silence stands where it is shorter.

    Raises:
        BadInputError: TOO_SHORT.
    """
    if len(lips) < SHORTEST:
        raise BadInputError(
            f"{len(lips)} frames are too few to judge sync.",
            remedy="It takes a second, 25 frames.",
            reason=Reason.TOO_SHORT,
        )
    return score(offset_distances(*embedded(lips, log_mel(audio, len(lips)), expert)))


def embedded(
    lips: NDArray[np.float32], sound: NDArray[np.float32], expert: SyncExpert
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The windows of one clip's lips and of its sound as unit vectors, (W, E) each.

    Args:
        lips, sound: one clip as the expert takes them, without the dimension of batches.
    """
    with torch.inference_mode():
        seen = expert.embed_lips(torch.from_numpy(lips)[None])[0]
        heard = expert.embed_sound(torch.from_numpy(sound)[None])[0]
    return seen.numpy(), heard.numpy()
