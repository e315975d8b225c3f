"""Loudness per frame, and how well a mouth's opening follows it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from mytalk_core.media.clock import SPEECH_SAMPLE_RATE

_FLOOR_DBFS = -80.0
_BLOCK = 30 * SPEECH_SAMPLE_RATE  # samples of which energies are added up at a time

# How mouth and sound are compared; all numbers were chosen on footage in sync.
_HEARD_DB = 30.0  # below the loudest frame; what is quieter is silence
_SLOW_FRAMES = 2.0  # standard deviation, frames, of the average that is taken off both
_MOUTH_DELAY = 0.23  # frames by which mouths open after the sound; 191 clips in sync, together
_FRAME_RATE = 25  # frames a second
_REACH = 12  # frames searched on either side
_SHORTEST_HEARD = 50  # frames of a clip
_LEAST_HEARD = 250  # frames in all
_RIVAL_DISTANCE = 3  # frames; nearer lags belong to the same peak
_LEAST_SHIFT = 2  # frames
_LEAST_CORRELATION = 0.2
_LEAST_MARGIN = 0.08  # of correlation over the best rival, however much was heard
_MARGIN_OF_SECOND = 0.433  # the same where a second was heard; noise falls with the root of time


def loudness_dbfs(
    audio: NDArray[np.float32], frame_starts: NDArray[np.float64], frame_seconds: float
) -> NDArray[np.float32]:
    """Root-mean-square level of the sound under each frame, in dB below full scale.

    Takes a few megabytes beside the sound, however long that is.

    Args:
        audio: (N,) 16 kHz mono, -1..1; what lies past its end counts as silence.
        frame_starts: (T,) seconds, rising.
        frame_seconds: how long a frame lasts.

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
    """The lag at which mouth opening and loudness agree best.

    Of clips of three seconds in sync four in five give -2 to 1, one in five another lag of the
    rhythm of syllables: do not move sound by it, see `loudness_shift`.

    Args:
        opening: (T,) mouth opening, any unit, 25 frames a second.
        loudness: (T,) dB of the same frames.
        reach: frames searched on either side; T must be larger than twice of it.

    Returns:
        (offset, correlation): offset in frames, positive where the sound is late;
        (0, 0.0) where one of the two does not move.
    """
    agreement = _agreement(opening, loudness, reach)
    best = max(range(-reach, reach + 1), key=lambda lag: (agreement[lag + reach], -abs(lag)))
    correlation = float(agreement[best + reach])
    return (best, correlation) if correlation > 0 else (0, 0.0)


def loudness_shift(pairs: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]) -> int:
    """Frames by which to move the sound of a source earlier; 0 unless the evidence is strong.

    The correlations of all clips are pooled, weighted by length. The best lag must stand out from
    all that are three frames or more away from it, the more so the less there is to hear, and a
    single frame is never moved. Tried on clips of three seconds, of 21 speakers of the GRID corpus,
    whose sound is in sync: it moved none of 275 sources of five or of ten clips. Of sources with
    sound 3, 5 or 8 frames early or late it mended, to a frame, 76 % and 91 % with five and ten
    clips, and moved none by a wrong amount. Less than ten seconds prove nothing: of single clips it
    would mend 20 %, and spoil 0.5 % of those in sync.

    Args:
        pairs: of each clip the mouth opening (T,), any unit, and the loudness (T,), dB, of the
            same frames, 25 a second. Clips shorter than two seconds are left out.
    """
    heard = [(o, s) for o, s in pairs if len(o) >= _SHORTEST_HEARD]
    weights = [len(opening) for opening, _ in heard]
    if sum(weights) < _LEAST_HEARD:
        return 0
    pooled = np.average([_agreement(*pair, _REACH) for pair in heard], axis=0, weights=weights)
    best = int(pooled[1:-1].argmax()) + 1
    rivals = np.abs(np.arange(len(pooled)) - best) >= _RIVAL_DISTANCE
    margin = max(_LEAST_MARGIN, _MARGIN_OF_SECOND / np.sqrt(sum(weights) / _FRAME_RATE))
    if pooled[best] < max(_LEAST_CORRELATION, pooled[rivals].max() + margin):
        return 0
    # The parabola through the best lag and its neighbours has its top between frames.
    before, top, after = pooled[best - 1 : best + 2]
    between = (before - after) / (2 * (before - 2 * top + after)) if top > max(before, after) else 0
    shift = round(best - _REACH + between + _MOUTH_DELAY)
    return shift if abs(shift) >= _LEAST_SHIFT else 0


def _agreement(
    opening: NDArray[np.float32], loudness: NDArray[np.float32], reach: int
) -> NDArray[np.float64]:
    """Correlation of opening and loudness at lags -reach to reach, 0 where one does not move.

    Only what changes from syllable to syllable is compared: over whole sentences a mouth opens
    before the sound begins, and quiet sounds below the speech mean nothing.
    """
    mouth_moves = _fast_part(opening)
    sound_moves = _fast_part(np.maximum(loudness, loudness.max() - _HEARD_DB))
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
