"""Audio-visual offset of footage by the sync expert, and the shift that corrects it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mytalk_core.media.clock import MOTION_FPS
from mytalk_core.sync.clip import log_mel
from mytalk_core.sync.light_expert import LightExpert
from mytalk_core.sync.offsets import MAX_OFFSET, offset_distances

SYNC_ENTRY = "sync"
"""Key in a sample's versions for the method that measured its offset."""

SYNC_MEASURE = "expert-1"

# Thresholds chosen on footage in sync that was shifted by known amounts.
_SHORTEST = 40  # frames of a clip
_RIVAL_DISTANCE = 3  # frames; nearer offsets belong to the same minimum
_LEAST_SHIFT = 2  # frames
_LEAST_MARGIN = 0.08  # of distance to the best rival, at any duration
_MARGIN_AT_SECOND = 0.27  # the same for one second; noise falls with the root of the duration


def offset_curve(
    lips: NDArray[np.float32], audio: NDArray[np.float32], expert: LightExpert
) -> NDArray[np.float64]:
    """Compute the distance of lips and sound at the offsets -15..15 frames, (31,).

    Args:
        lips: (T, 40, 2) from `lip_motion`, 25 fps, T >= 25.
        audio: (N,) 16 kHz mono with the same start time.
    """
    lip_embeddings = expert.embed_lips(lips)
    sound_embeddings = expert.embed_sound(log_mel(audio, len(lips)))
    return offset_distances(lip_embeddings, sound_embeddings)


def trusted_shift(curves: Sequence[NDArray[np.float64]], frames: Sequence[int]) -> int:
    """Return the frames by which to move the sound of a source earlier; 0 without strong evidence.

    The curves of all clips are averaged, weighted by duration. The minimum must be lower than every
    offset three or more frames away by a margin, which is larger for shorter sound. Shifts of one
    frame are never made.

    Args:
        curves: (31,) of each clip, from `offset_curve`.
        frames: duration of each clip. Clips shorter than 40 frames are ignored.
    """
    used = [(curve, long) for curve, long in zip(curves, frames, strict=True) if long >= _SHORTEST]
    if not used:
        return 0
    weights = [long for _, long in used]
    pooled = np.average([curve for curve, _ in used], axis=0, weights=weights)
    best = int(pooled.argmin())
    rivals = np.abs(np.arange(len(pooled)) - best) >= _RIVAL_DISTANCE
    seconds = sum(weights) / float(MOTION_FPS)
    margin = max(_LEAST_MARGIN, _MARGIN_AT_SECOND / np.sqrt(seconds))
    shift = best - MAX_OFFSET
    is_clear = pooled[rivals].min() - pooled[best] >= margin
    return shift if is_clear and _LEAST_SHIFT <= abs(shift) < MAX_OFFSET else 0
