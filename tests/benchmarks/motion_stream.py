"""What streamed motion costs: delay, time, what less context changes, and memory over the hours.

    python tests/benchmarks/motion_stream.py [WEIGHTS]

Speech is that of the sample clips, over and over. Prints a table of blocks and contexts, with the
largest distance of a point from where the whole context puts it, and one of growing lengths: time,
and the largest resident memory so far, which must not grow.
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
    person = np.zeros((32, 3 * len(model.scheme.moving)), np.float32)
    return MotionStream(model, person, seed=0, block=block, context=context)


def upper_face(model: SpeechToMotion, frames: int) -> Array:
    return np.zeros((frames, 3 * len(model.scheme.pose_context)), np.float32)


def moved(stream: MotionStream, speech: Array, seen: Array) -> tuple[Array, float]:
    """Motion of speech that comes frame by frame, and the seconds that a minute of it takes."""
    start = time.monotonic()
    parts = []
    for frame in range(len(speech)):
        parts += stream.feed(speech[frame : frame + 1], seen[frame : frame + 1])
    parts += stream.finish()
    minutes = len(speech) / float(MOTION_FPS) / 60
    return np.concatenate(parts), (time.monotonic() - start) / minutes


def main(weights: Path) -> None:
    """Print the two tables."""
    console = Console(width=100)
    model = load_model(weights)
    audio = [read_audio(clip.path) for clip in sample_footage()]
    encoder = SpeechEncoder(pull("whisper-base"), threads=1)
    heard = np.concatenate(list(speech_frames(encoder.encode_blocks(audio))))
    speech = np.resize(heard, (COMPARED, heard.shape[1])).astype(np.float32)
    seen = upper_face(model, COMPARED)
    exact, _ = moved(new_stream(model, 500, None), speech, seen)

    table = Table(title="frame by frame")
    for heading in ("block", "context", "delay, frames", "delay, s", "s per minute", "off by"):
        table.add_column(heading, justify="right")
    for block in BLOCKS:
        for context in CONTEXTS:
            stream = new_stream(model, block, context)
            motion, seconds = moved(stream, speech, seen)
            off = np.linalg.norm(motion - exact, axis=-1).max()
            table.add_row(
                str(block),
                "all" if context is None else str(context),
                str(stream.delay),
                f"{stream.delay / float(MOTION_FPS):.2f}",
                f"{seconds:.2f}",
                f"{off:.1e}",
            )
    console.print(table)

    table = Table(title="by length, blocks of 500 frames")
    for heading in ("minutes", "seconds", "largest resident MB"):
        table.add_column(heading, justify="right")
    for minutes in MINUTES:
        stream = new_stream(model, 500, None)
        start = time.monotonic()
        for _ in range(int(minutes * 60 * MOTION_FPS) // COMPARED):
            for _ in stream.feed(speech, seen):
                pass
        for _ in stream.finish():
            pass
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        table.add_row(str(minutes), f"{time.monotonic() - start:.1f}", f"{peak:.0f}")
    console.print(table)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else shipped_weights("motion"))
