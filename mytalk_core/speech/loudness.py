"""Loudness per frame, and how well a mouth's opening follows it."""

import numpy as np
from numpy.typing import NDArray

from mytalk_core.media.clock import SPEECH_SAMPLE_RATE

_FLOOR_DBFS = -80.0


def loudness_dbfs(
    audio: NDArray[np.float32], frame_starts: NDArray[np.float64], frame_seconds: float
) -> NDArray[np.float32]:
    """Root-mean-square level of the sound under each frame, in dB below full scale.

    Args:
        audio: (N,) 16 kHz mono, -1..1; what lies past its end counts as silence.
        frame_starts: (T,) seconds, rising.
        frame_seconds: how long a frame lasts.

    Returns:
        (T,), from -80 (silence) to 0.
    """
    energy = np.concatenate([[0.0], np.cumsum(np.square(audio, dtype=np.float64))])
    starts = np.clip(np.rint(frame_starts * SPEECH_SAMPLE_RATE).astype(int), 0, len(audio))
    length = max(round(frame_seconds * SPEECH_SAMPLE_RATE), 1)
    ends = np.clip(starts + length, 0, len(audio))
    level = np.sqrt((energy[ends] - energy[starts]) / length)
    floor = 10 ** (_FLOOR_DBFS / 20)
    decibels: NDArray[np.float32] = (20 * np.log10(np.maximum(level, floor))).astype(np.float32)
    return decibels


def opening_offset(
    opening: NDArray[np.float32], loudness: NDArray[np.float32], reach: int = 10
) -> tuple[int, float]:
    """The lag at which mouth opening and loudness agree best.

    Args:
        opening: (T,) mouth opening, any unit.
        loudness: (T,) dB of the same frames.
        reach: frames searched on either side; T must be larger than twice of it.

    Returns:
        (offset, correlation): offset in frames, positive where the sound is late;
        (0, 0.0) where one of the two does not move.
    """
    best = (0, 0.0)
    for lag in sorted(range(-reach, reach + 1), key=abs):
        mouth = opening[max(0, -lag) : len(opening) - max(0, lag)]
        sound = loudness[max(0, lag) : len(loudness) - max(0, -lag)]
        if mouth.std() == 0 or sound.std() == 0:
            continue
        correlation = float(np.corrcoef(mouth, sound)[0, 1])
        if correlation > best[1]:
            best = (lag, correlation)
    return best
