"""Audio-visual offset of footage by the sync expert, and the shift that corrects it."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mytalk_core.media.clock import MOTION_FPS
from mytalk_core.sync.clip import log_mel
from mytalk_core.sync.light_expert import LightExpert
from mytalk_core.sync.offsets import MAX_OFFSET, late_by, offset_distances

SYNC_ENTRY = "sync"
"""Key in a sample's versions for the method that measured its offset."""

SYNC_MEASURE = "expert-3"

# Large offsets are rare: distance that one frame from `in_step` costs, squared, times the seconds.
_RARITY = 0.01
# Smaller shifts are within the error, which falls with the root of the duration: of clips of three
# seconds that are in step, one in seven is found half a frame off, and one in forty a frame.
_LEAST_SHIFT = 0.5  # frames, at any duration
_LEAST_AT_SECOND = 1.75  # frames; the same for one second
_SHIFT_STEPS = 4  # shifts in a frame
# Thresholds of larger shifts, chosen on footage in sync that was shifted by known amounts.
_LARGE_SHIFT = 2.5  # frames
_SHORTEST = 40  # frames of a clip
_RIVAL_DISTANCE = 3  # frames; nearer offsets belong to the same minimum
_LEAST_MARGIN = 0.08  # of distance to the best rival, at any duration
_MARGIN_AT_SECOND = 0.27  # the same for one second; noise falls with the root of the duration

_OFFSETS = np.arange(-MAX_OFFSET, MAX_OFFSET + 1)


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


def trusted_shift(
    curves: Sequence[NDArray[np.float64]], frames: Sequence[int], in_step: float
) -> Fraction:
    """Return the frames by which to move the sound of a source earlier, in quarters.

    The curves of all clips are averaged, weighted by duration. Small offsets are more likely than
    large ones, the more so the shorter the sound. A shift of 2.5 frames or more needs evidence: the
    minimum must be lower than every offset three or more frames away by a margin, which is larger
    for shorter sound. Shifts within the error, a frame for three seconds and never less than half a
    frame, are not made.

    Args:
        curves: (31,) of each clip, from `offset_curve`.
        frames: duration of each clip. Clips shorter than 40 frames are ignored.
        in_step: of the expert.
    """
    used = [(curve, long) for curve, long in zip(curves, frames, strict=True) if long >= _SHORTEST]
    if not used:
        return Fraction(0)
    weights = [long for _, long in used]
    pooled = np.average([curve for curve, _ in used], axis=0, weights=weights)
    seconds = sum(weights) / float(MOTION_FPS)
    late = late_by(pooled + _RARITY / seconds * (_OFFSETS - in_step) ** 2, in_step)
    shift = Fraction(round(late * _SHIFT_STEPS), _SHIFT_STEPS)
    least = max(_LEAST_SHIFT, _LEAST_AT_SECOND / np.sqrt(seconds))
    if abs(late) < least or abs(shift) >= MAX_OFFSET - 1:
        return Fraction(0)
    return shift if abs(shift) < _LARGE_SHIFT or _is_clear(pooled, seconds) else Fraction(0)


def _is_clear(pooled: NDArray[np.float64], seconds: float) -> bool:
    """Return whether the minimum is lower than all others by the margin of this duration."""
    best = int(pooled.argmin())
    rivals = np.abs(np.arange(len(pooled)) - best) >= _RIVAL_DISTANCE
    margin = max(_LEAST_MARGIN, _MARGIN_AT_SECOND / np.sqrt(seconds))
    return bool(pooled[rivals].min() - pooled[best] >= margin)
