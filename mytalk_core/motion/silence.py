"""What the speech encoder makes of rooms in which nobody speaks: training examples of silence."""

import numpy as np
from numpy.typing import NDArray

from mytalk_core.media.clock import MOTION_FPS, SPEECH_SAMPLE_RATE
from mytalk_core.motion.context import speech_per_frame
from mytalk_core.speech.features import SpeechEncoder

_SECONDS = 8
# Levels of the room's noise, root mean square against full scale; 0 is digital silence.
_LEVELS = (0.0, 1e-4, 1e-3, 5e-3)


def silence_features(encoder: SpeechEncoder) -> NDArray[np.float32]:
    """Features at the motion rate, (S, F), of digital silence and of rooms from still to noisy."""
    random = np.random.default_rng(0)
    samples = _SECONDS * SPEECH_SAMPLE_RATE
    frames = int(_SECONDS * MOTION_FPS)
    rooms = []
    for level in _LEVELS:
        white = random.standard_normal(samples)
        # Rooms rumble: half of the noise is white, half falls with frequency.
        brown = np.cumsum(white) - np.convolve(np.cumsum(white), np.ones(999) / 999, "same")
        noise = level * (white + brown / max(brown.std(), 1e-9)) / 2
        rooms.append(speech_per_frame(encoder.encode(noise.astype(np.float32)), frames))
    return np.concatenate(rooms)
