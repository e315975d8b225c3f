"""Real-time factor of speech features and lip motion.

    python tests/benchmarks/motion_speed.py [WEIGHTS]

Processes two minutes of the sample clips' speech three times. Prints the median seconds of both and
the real-time factors.
"""

import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console

from mytalk_core.data.model_store import pull
from mytalk_core.data.samples import sample_footage
from mytalk_core.dubbing.models import shipped_weights
from mytalk_core.media.audio import read_audio
from mytalk_core.media.clock import SPEECH_SAMPLE_RATE
from mytalk_core.motion.known_face import KnownFace
from mytalk_core.motion.model import load_model
from mytalk_core.motion.sampling import generate_motion
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.speech.per_frame import speech_per_frame

SECONDS = 120
FRAMES = SECONDS * 25


def main(weights: Path) -> None:
    """Print the line."""
    clips = np.concatenate([read_audio(clip.path) for clip in sample_footage()])
    audio = np.resize(clips, SECONDS * SPEECH_SAMPLE_RATE)
    encoder, model = SpeechEncoder(pull("whisper-base")), load_model(weights)
    still = np.zeros((32, 3 * len(model.scheme.moving)), np.float32)
    face = KnownFace(still, still[0])
    upper = np.zeros((FRAMES, 3 * len(model.scheme.pose_context)), np.float32)
    encoding, moving = [], []
    for _ in range(3):
        start = time.perf_counter()
        speech = speech_per_frame(encoder.encode(audio), FRAMES)
        encoded = time.perf_counter()
        made = sum(len(block) for block in generate_motion(model, speech, upper, face, seed=0))
        encoding.append(encoded - start)
        moving.append(time.perf_counter() - encoded)
        assert made == FRAMES
    features, motion = median(encoding), median(moving)
    Console(width=120).print(
        f"{SECONDS} s of speech: features {features:.2f} s, motion {motion:.2f} s;"
        f" {SECONDS / (features + motion):.0f} x real time with features,"
        f" {SECONDS / motion:.0f} x without"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else shipped_weights("motion"))
