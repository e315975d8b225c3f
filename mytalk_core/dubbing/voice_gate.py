"""The gate of a mouth: it may move while its person has voice, and is shut otherwise."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from mytalk_core.media.clock import MOTION_FPS, frame_time
from mytalk_core.speech.transcript import Interval
from mytalk_core.speech.voice_activity import speech_mask

# Standard deviation, in motion frames, of the ramp between speaking and a shut mouth.
_GATE_RAMP = 1.5


def speaking_gate(voice: tuple[Interval, ...], frames: int) -> NDArray[np.float32]:
    """How far a mouth may move, (T,) 0..1 per motion frame: 0 where there is no speech."""
    middles = [frame_time(2 * frame + 1, 2 * MOTION_FPS) for frame in range(frames)]
    speaking = speech_mask(voice, middles).astype(np.float32)
    # Mouths open before and close after the sound: widen by the ramp, then soften.
    reach = 2 * int(2 * _GATE_RAMP) + 1
    widened = np.convolve(speaking, np.ones(reach), "same") > 0
    gate: NDArray[np.float32] = gaussian_filter1d(widened.astype(np.float32), _GATE_RAMP)
    return gate
