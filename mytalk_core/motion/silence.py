"""Speech features of non-speech sounds, as training examples of a shut mouth."""

import numpy as np
from numpy.typing import NDArray

from mytalk_core.media.clock import MOTION_FPS, SPEECH_SAMPLE_RATE
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.speech.other_sounds import TRAINING_SOUNDS, Sound, other_sound, room
from mytalk_core.speech.per_frame import speech_per_frame

_SECONDS = 8
# Levels of room noise and of other sounds, RMS relative to full scale.
_ROOM_LEVELS = (1e-4, 1e-3, 5e-3)
_SOUND_LEVELS = (5e-3, 5e-2)


def quiet_features(encoder: SpeechEncoder) -> NDArray[np.float32]:
    """Encode silence, room noise and other sounds at the motion rate, (S, F)."""
    silence: Sound = np.zeros(_SECONDS * SPEECH_SAMPLE_RATE, np.float32)
    rooms = [other_sound(room, _SECONDS, level, seed=0) for level in _ROOM_LEVELS]
    others = [
        other_sound(source, _SECONDS, level, seed)
        for seed, source in enumerate(TRAINING_SOUNDS)
        for level in _SOUND_LEVELS
    ]
    frames = int(_SECONDS * MOTION_FPS)
    features = [
        speech_per_frame(encoder.encode(sound), frames) for sound in [silence, *rooms, *others]
    ]
    return np.concatenate(features)
