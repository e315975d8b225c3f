"""How far a voice stands out from what sounds beneath it."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mytalk_core.media.clock import SPEECH_SAMPLE_RATE
from mytalk_core.speech.stretches import samples_of
from mytalk_core.speech.transcript import Interval

_AROUND = Fraction(5)  # seconds before and after, in which the background is measured
_BLOCK = SPEECH_SAMPLE_RATE // 20  # samples: levels are measured over 50 ms
_QUIET = 0.2  # share of the blocks that are taken for background
_FLOOR = 1e-8  # power, about -80 dB relative to full scale


def speech_clarity(sound: NDArray[np.float32], interval: Interval) -> float:
    """Return the level of a stretch over that of the quietest fifth around it, in dB.

    Speech alone has at least 15 dB, because it is full of short pauses; with music as loud as the
    voice it has about 5 dB.

    Args:
        sound: (N,) 16 kHz mono; may be memory-mapped.
    """
    voice = _powers(samples_of(sound, interval))
    around = Interval(max(interval.start - _AROUND, Fraction(0)), interval.end + _AROUND)
    background = np.quantile(_powers(samples_of(sound, around)), _QUIET)
    return float(10 * np.log10((voice.mean() + _FLOOR) / (background + _FLOOR)))


def _powers(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    if len(samples) < _BLOCK:
        return np.array([np.square(samples, dtype=np.float64).mean() if len(samples) else 0.0])
    blocks = samples[: len(samples) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    powers: NDArray[np.float64] = np.square(blocks, dtype=np.float64).mean(axis=1)
    return powers
