"""Speech features at the motion frame rate."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from mytalk_core.media.clock import MOTION_FPS, SPEECH_FEATURE_FPS

_ROWS_PER_FRAME = int(SPEECH_FEATURE_FPS / MOTION_FPS)


def speech_per_frame(speech: NDArray[np.float16], frames: int) -> NDArray[np.float32]:
    """Average features (M, F) at 50 Hz over each of `frames` motion frames: (T, F).

    Beyond the end of the speech the last row is repeated.
    """
    if not len(speech):
        return np.zeros((frames, speech.shape[1]), np.float32)
    rows = np.clip(np.arange(frames * _ROWS_PER_FRAME), 0, len(speech) - 1)
    grouped = speech[rows].astype(np.float32).reshape(frames, _ROWS_PER_FRAME, -1)
    mean: NDArray[np.float32] = grouped.mean(axis=1)
    return mean


def speech_frames(blocks: Iterable[NDArray[np.float16]]) -> Iterator[NDArray[np.float16]]:
    """Convert a stream of feature blocks (m, F) at 50 Hz to motion frames, (t, F) per block.

    Every block but the last must end with a motion frame, as in `SpeechEncoder.encode_blocks`.
    """
    for block in blocks:
        frames = -(-len(block) // _ROWS_PER_FRAME)
        yield speech_per_frame(block, frames).astype(np.float16)
