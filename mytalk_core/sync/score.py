"""The sync score of a clip: distance, confidence and offset."""

import numpy as np
import torch
from numpy.typing import NDArray

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.sync.clip import log_mel
from mytalk_core.sync.expert import SyncExpert
from mytalk_core.sync.offsets import SyncScore, offset_distances, score

SHORTEST = 25
"""Least number of frames for a score."""


def lse_like(
    lips: NDArray[np.float32], audio: NDArray[np.float32], expert: SyncExpert
) -> SyncScore:
    """Score a clip with an expert on spectra.

    Args:
        lips: (T, 40, 2) from `lip_motion` or (T, 48, 48) from `mouth_motion`, as the expert takes;
            25 fps, T >= 25.
        audio: (N,) 16 kHz mono with the same start; padded with silence to the end of the lips.

    Raises:
        BadInputError: TOO_SHORT.
    """
    if len(lips) < SHORTEST:
        raise BadInputError(
            f"{len(lips)} frames are too few for a sync score.",
            remedy="Give at least a second, 25 frames.",
            reason=Reason.TOO_SHORT,
        )
    distances = offset_distances(*embedded(lips, log_mel(audio, len(lips)), expert))
    return score(distances, expert.config.in_step)


def embedded(
    lips: NDArray[np.float32], sound: NDArray[np.float32], expert: SyncExpert
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Embed the windows of lips and sound of one clip as unit vectors, (W, E) each.

    Args:
        lips, sound: inputs of the expert without the batch dimension.
    """
    with torch.inference_mode():
        lip_vectors = expert.embed_lips(torch.from_numpy(lips)[None])[0]
        sound_vectors = expert.embed_sound(torch.from_numpy(sound)[None])[0]
    return lip_vectors.numpy(), sound_vectors.numpy()
