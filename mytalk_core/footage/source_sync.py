"""The offset of sound and lips in footage by the sync expert, and the shift that mends it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mytalk_core.media.clock import MOTION_FPS
from mytalk_core.sync.clip import log_mel
from mytalk_core.sync.light_expert import LightExpert
from mytalk_core.sync.offsets import MAX_OFFSET, offset_distances

SYNC_ENTRY = "sync"
"""Under this name a sample's versions tell how its offset was measured."""

SYNC_MEASURE = "expert-1"

# When sound is moved; all numbers were chosen on footage in sync and moved by known amounts.
_SHORTEST = 40  # frames of a clip
_RIVAL_DISTANCE = 3  # frames; nearer offsets belong to the same dip
_LEAST_SHIFT = 2  # frames
_LEAST_MARGIN = 0.08  # of distance over the best rival, however much was heard
_MARGIN_OF_SECOND = 0.27  # the same where a second was heard; noise falls with the root of time


def offset_curve(
    lips: NDArray[np.float32], audio: NDArray[np.float32], expert: LightExpert
) -> NDArray[np.float64]:
    """Distance of lips and sound at the offsets -15..15, (31,).

    Args:
        lips: (T, 40, 2) from `lip_motion`, 25 fps, T >= 25.
        audio: (N,) 16 kHz mono from the same moment.
    """
    seen = expert.embed_lips(lips)
    heard = expert.embed_sound(log_mel(audio, len(lips)))
    return offset_distances(seen, heard)


def trusted_shift(curves: Sequence[NDArray[np.float64]], frames: Sequence[int]) -> int:
    """Frames by which to move the sound of a source earlier; 0 unless the evidence is strong.

    The curves of all clips are pooled, weighted by length. The best offset must stand out from all
    that are three frames or more away from it, the more so the less there is to hear, and a single
    frame is never moved.

    Args:
        curves: of each clip the distances of `offset_curve`; frames: its length.
            Clips shorter than 40 frames are left out.
    """
    heard = [(curve, long) for curve, long in zip(curves, frames, strict=True) if long >= _SHORTEST]
    if not heard:
        return 0
    weights = [long for _, long in heard]
    pooled = np.average([curve for curve, _ in heard], axis=0, weights=weights)
    best = int(pooled.argmin())
    rivals = np.abs(np.arange(len(pooled)) - best) >= _RIVAL_DISTANCE
    seconds = sum(weights) / float(MOTION_FPS)
    needed = max(_LEAST_MARGIN, _MARGIN_OF_SECOND / np.sqrt(seconds))
    shift = best - MAX_OFFSET
    stands_out = pooled[rivals].min() - pooled[best] >= needed
    return shift if stands_out and _LEAST_SHIFT <= abs(shift) < MAX_OFFSET else 0
