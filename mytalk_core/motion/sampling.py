"""The motion of a whole film, block after block."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.motion.stream import MotionStream

# Frames generated at a time; memory grows with it, the result does not depend on it.
_BLOCK = 500
# Shapes of the person that the identity extractor looks at.
IDENTITY_FRAMES = 32


def generate_motion(
    model: SpeechToMotion,
    speech: NDArray[Any],
    upper_face: NDArray[np.float32],
    identity_shapes: NDArray[np.float32],
    seed: int,
    guidance: float = 1.0,
) -> Iterator[NDArray[np.float32]]:
    """Displacements of the moving points from the person's mean, block after block.

    Args:
        speech: (T, F) features per frame at 25 Hz, float16 or float32, maybe mapped from disk.
        upper_face: (T, 3 C) from `context.upper_face`.
        identity_shapes, seed, guidance: as of `MotionStream`.

    Yields:
        (t, M, 3) inter-ocular units; T frames in all.
    """
    stream = MotionStream(model, identity_shapes, seed, guidance, _BLOCK)
    for first in range(0, len(speech), _BLOCK):
        yield from stream.feed(speech[first : first + _BLOCK], upper_face[first : first + _BLOCK])
    yield from stream.finish()


def identity_shapes(shapes: NDArray[np.float32]) -> NDArray[np.float32]:
    """A fixed number of frames, evenly chosen, from (T, 3 M) moving points of a person."""
    chosen = np.linspace(0, len(shapes) - 1, IDENTITY_FRAMES).round().astype(int)
    return np.ascontiguousarray(shapes[chosen])
