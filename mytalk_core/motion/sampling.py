"""Motion of a whole utterance, generated in blocks."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mytalk_core.motion.known_face import KnownFace
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.motion.stream import MotionStream, utterance_voice

# Frames generated at a time; sets memory use, not the result.
_BLOCK = 500


def generate_motion(
    model: SpeechToMotion,
    speech: NDArray[Any],
    upper_face: NDArray[np.float32],
    face: KnownFace,
    seed: int,
    guidance: float = 1.0,
) -> Iterator[NDArray[np.float32]]:
    """Generate displacements of the moving points from the person's mean.

    Args:
        speech: (T, F) features per frame at 25 Hz of one utterance, float16 or float32; its voice
            is the mean of all of it.
        upper_face: (T, 3 C) from `context.upper_face`.
        face, seed, guidance: as of `MotionStream`.

    Yields:
        (t, M, 3) inter-ocular units; T frames in all.
    """
    if not len(speech):
        return
    stream = MotionStream(model, face, seed, utterance_voice(model, speech), guidance, _BLOCK)
    for first in range(0, len(speech), _BLOCK):
        yield from stream.feed(speech[first : first + _BLOCK], upper_face[first : first + _BLOCK])
    yield from stream.finish()
