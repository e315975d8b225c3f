"""Speech features on the motion clock."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from mytalk_core.media.clock import MOTION_FPS, SPEECH_FEATURE_FPS

_ROWS_PER_FRAME = int(SPEECH_FEATURE_FPS / MOTION_FPS)


def speech_per_frame(speech: NDArray[np.float16], frames: int) -> NDArray[np.float32]:
    """Features (M, F) at 50 Hz as their means under each of `frames` motion frames, (T, F).

    What lies past the end of the speech repeats its last row.
    """
    if not len(speech):
        return np.zeros((frames, speech.shape[1]), np.float32)
    rows = np.clip(np.arange(frames * _ROWS_PER_FRAME), 0, len(speech) - 1)
    grouped = speech[rows].astype(np.float32).reshape(frames, _ROWS_PER_FRAME, -1)
    mean: NDArray[np.float32] = grouped.mean(axis=1)
    return mean


def speech_frames(blocks: Iterable[NDArray[np.float16]]) -> Iterator[NDArray[np.float16]]:
    """Features on the motion clock, (t, F) per block, of a stream of features (m, F) at 50 Hz.

    Every block but the last ends with a motion frame, as those of `SpeechEncoder.encode_blocks` do.
    """
    for block in blocks:
        frames = -(-len(block) // _ROWS_PER_FRAME)
        yield speech_per_frame(block, frames).astype(np.float16)
