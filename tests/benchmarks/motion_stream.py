"""Latency, time, accuracy and memory of streamed motion.

    python tests/benchmarks/motion_stream.py [WEIGHTS]

Repeats the speech of the sample clips. Prints a table by block and context, with the largest error
of a point relative to the full context, and a table by length: time and peak resident memory, which
must not grow.
"""

import resource
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from mytalk_core.data.model_store import pull
from mytalk_core.data.samples import sample_footage
from mytalk_core.dubbing.models import shipped_weights
from mytalk_core.media.audio import read_audio
from mytalk_core.media.clock import MOTION_FPS
from mytalk_core.motion.known_face import KnownFace
from mytalk_core.motion.model import SpeechToMotion, load_model
from mytalk_core.motion.stream import MotionStream
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.speech.per_frame import speech_frames

BLOCKS = (5, 25, 100)
CONTEXTS = (6, 12, 25, 35, None)
MINUTES = (1, 5, 20)
COMPARED = 500  # frames

Array = NDArray[np.float32]


def new_stream(model: SpeechToMotion, block: int, context: int | None) -> MotionStream:
    still = np.zeros((32, 3 * len(model.scheme.moving)), np.float32)
    face = KnownFace(still, still[0])
    return MotionStream(model, face, seed=0, block=block, context=context)


def upper_face(model: SpeechToMotion, frames: int) -> Array:
    return np.zeros((frames, 3 * len(model.scheme.pose_context)), np.float32)


def moved(stream: MotionStream, speech: Array, upper: Array) -> tuple[Array, float]:
    """Return the motion of speech fed frame by frame, and the seconds per minute of it."""
    start = time.monotonic()
    parts = []
    for frame in range(len(speech)):
        parts += stream.feed(speech[frame : frame + 1], upper[frame : frame + 1])
    parts += stream.finish()
    minutes = len(speech) / float(MOTION_FPS) / 60
    return np.concatenate(parts), (time.monotonic() - start) / minutes


def main(weights: Path) -> None:
    """Print the two tables."""
    console = Console(width=100)
    model = load_model(weights)
    audio = [read_audio(clip.path) for clip in sample_footage()]
    encoder = SpeechEncoder(pull("whisper-base"), threads=1)
    features = np.concatenate(list(speech_frames(encoder.encode_blocks(audio))))
    speech = np.resize(features, (COMPARED, features.shape[1])).astype(np.float32)
    upper = upper_face(model, COMPARED)
    exact, _ = moved(new_stream(model, 500, None), speech, upper)

    table = Table(title="frame by frame")
    for heading in ("block", "context", "delay, frames", "delay, s", "s per minute", "error"):
        table.add_column(heading, justify="right")
    for block in BLOCKS:
        for context in CONTEXTS:
            stream = new_stream(model, block, context)
            motion, seconds = moved(stream, speech, upper)
            error = np.linalg.norm(motion - exact, axis=-1).max()
            table.add_row(
                str(block),
                "all" if context is None else str(context),
                str(stream.delay),
                f"{stream.delay / float(MOTION_FPS):.2f}",
                f"{seconds:.2f}",
                f"{error:.1e}",
            )
    console.print(table)

    table = Table(title="by length, blocks of 500 frames")
    for heading in ("minutes", "seconds", "largest resident MB"):
        table.add_column(heading, justify="right")
    for minutes in MINUTES:
        stream = new_stream(model, 500, None)
        start = time.monotonic()
        for _ in range(int(minutes * 60 * MOTION_FPS) // COMPARED):
            for _ in stream.feed(speech, upper):
                pass
        for _ in stream.finish():
            pass
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        table.add_row(str(minutes), f"{time.monotonic() - start:.1f}", f"{peak:.0f}")
    console.print(table)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else shipped_weights("motion"))
