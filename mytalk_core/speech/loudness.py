"""Loudness per frame, and its correlation with mouth opening."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from mytalk_core.media.clock import SPEECH_SAMPLE_RATE

_FLOOR_DBFS = -80.0
_BLOCK = 30 * SPEECH_SAMPLE_RATE  # samples whose energies are summed at a time

# Parameters of the comparison, chosen on footage in sync.
_AUDIBLE_DB = 30.0  # below the loudest frame; quieter frames count as silence
_SLOW_FRAMES = 2.0  # standard deviation in frames of the moving average subtracted from both
_MOUTH_DELAY = 0.23  # frames by which mouths open after the sound; 191 clips in sync, pooled
_FRAME_RATE = 25  # frames a second
_REACH = 12  # frames searched on either side
_SHORTEST_CLIP = 50  # frames
_LEAST_TOTAL = 250  # frames of all clips
_RIVAL_DISTANCE = 3  # frames; nearer lags belong to the same peak
_LEAST_SHIFT = 2  # frames
_LEAST_CORRELATION = 0.2
_LEAST_MARGIN = 0.08  # of correlation over the best rival, for any duration
_MARGIN_OF_SECOND = 0.433  # the same for one second; noise falls with the square root of time


def loudness_dbfs(
    audio: NDArray[np.float32], frame_starts: NDArray[np.float64], frame_seconds: float
) -> NDArray[np.float32]:
    """Return the RMS level of the audio under each frame, in dBFS.

    Needs a few megabytes besides the audio, whatever its length.

    Args:
        audio: (N,) 16 kHz mono, -1..1; beyond its end it counts as silence.
        frame_starts: (T,) seconds, rising.
        frame_seconds: duration of a frame.

    Returns:
        (T,), from -80 (silence) to 0.
    """
    starts = np.clip(np.rint(frame_starts * SPEECH_SAMPLE_RATE).astype(int), 0, len(audio))
    length = max(round(frame_seconds * SPEECH_SAMPLE_RATE), 1)
    ends = np.clip(starts + length, 0, len(audio))
    energy = np.zeros(len(starts))
    first = 0
    while first < len(starts):
        begin = starts[first]
        last = max(int(np.searchsorted(starts, begin + _BLOCK)), first + 1)
        block = audio[begin : ends[last - 1]]
        summed = np.concatenate([[0.0], np.cumsum(np.square(block, dtype=np.float64))])
        energy[first:last] = summed[ends[first:last] - begin] - summed[starts[first:last] - begin]
        first = last
    level = np.sqrt(energy / length)
    floor = 10 ** (_FLOOR_DBFS / 20)
    decibels: NDArray[np.float32] = (20 * np.log10(np.maximum(level, floor))).astype(np.float32)
    return decibels


def opening_offset(
    opening: NDArray[np.float32], loudness: NDArray[np.float32], reach: int = 10
) -> tuple[int, float]:
    """Return the lag at which mouth opening and loudness correlate best.

    For four in five three-second clips in sync it is -2 to 1, for the others another lag of the
    syllable rhythm. Do not shift audio by it; use `loudness_shift`.

    Args:
        opening: (T,) mouth opening, any unit, 25 frames a second.
        loudness: (T,) dB of the same frames.
        reach: frames searched on either side; T must exceed twice this.

    Returns:
        (offset, correlation): offset in frames, positive where the audio is late;
        (0, 0.0) where one of the two is constant.
    """
    agreement = _agreement(opening, loudness, reach)
    best = max(range(-reach, reach + 1), key=lambda lag: (agreement[lag + reach], -abs(lag)))
    correlation = float(agreement[best + reach])
    return (best, correlation) if correlation > 0 else (0, 0.0)


def loudness_shift(pairs: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]) -> int:
    """Return the frames by which to shift a source's audio earlier; 0 without strong evidence.

    The correlations of all clips are pooled, weighted by length. The best lag must exceed all lags
    at least three frames away by a margin that grows as the total duration shrinks, and a single
    frame is never shifted. On three-second clips of 21 GRID speakers in sync it shifted none of 275
    sources of five or of ten clips. For sources with audio 3, 5 or 8 frames early or late it
    corrected 76 % (five clips) and 91 % (ten clips) to the frame, and shifted none wrongly. Less
    than ten seconds is insufficient: on single clips it would correct 20 % and damage 0.5 % of
    those in sync.

    Args:
        pairs: for each clip the mouth opening (T,), any unit, and the loudness (T,), dB, of the
            same frames, 25 a second. Clips shorter than two seconds are ignored.
    """
    long_enough = [(o, s) for o, s in pairs if len(o) >= _SHORTEST_CLIP]
    weights = [len(opening) for opening, _ in long_enough]
    if sum(weights) < _LEAST_TOTAL:
        return 0
    correlations = [_agreement(*pair, _REACH) for pair in long_enough]
    pooled = np.average(correlations, axis=0, weights=weights)
    best = int(pooled[1:-1].argmax()) + 1
    rivals = np.abs(np.arange(len(pooled)) - best) >= _RIVAL_DISTANCE
    margin = max(_LEAST_MARGIN, _MARGIN_OF_SECOND / np.sqrt(sum(weights) / _FRAME_RATE))
    if pooled[best] < max(_LEAST_CORRELATION, pooled[rivals].max() + margin):
        return 0
    # Sub-frame peak: the vertex of the parabola through the best lag and its neighbours.
    before, top, after = pooled[best - 1 : best + 2]
    between = (before - after) / (2 * (before - 2 * top + after)) if top > max(before, after) else 0
    shift = round(best - _REACH + between + _MOUTH_DELAY)
    return shift if abs(shift) >= _LEAST_SHIFT else 0


def _agreement(
    opening: NDArray[np.float32], loudness: NDArray[np.float32], reach: int
) -> NDArray[np.float64]:
    """Return the correlation of opening and loudness at lags -reach to reach; 0 where constant.

    Only syllable-rate changes are compared: on the scale of sentences a mouth opens before the
    sound starts, and sounds far below the speech level carry no information.
    """
    mouth_moves = _fast_part(opening)
    sound_moves = _fast_part(np.maximum(loudness, loudness.max() - _AUDIBLE_DB))
    agreement = np.zeros(2 * reach + 1)
    for lag in range(-reach, reach + 1):
        mouth = mouth_moves[max(0, -lag) : len(mouth_moves) - max(0, lag)]
        sound = sound_moves[max(0, lag) : len(sound_moves) - max(0, -lag)]
        if mouth.std() > 0 and sound.std() > 0:
            agreement[lag + reach] = np.corrcoef(mouth, sound)[0, 1]
    return agreement


def _fast_part(curve: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = curve.astype(np.float64)
    fast: NDArray[np.float64] = wide - gaussian_filter1d(wide, _SLOW_FRAMES, mode="nearest")
    return fast
