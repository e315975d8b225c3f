"""Split a recording into stretches that a recogniser can process at once."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mytalk_core.media.clock import SPEECH_SAMPLE_RATE, sample_at
from mytalk_core.speech.transcript import Interval

_QUIET = SPEECH_SAMPLE_RATE // 20  # samples: the level at a cut is measured over 50 ms


def samples_of(audio: NDArray[np.float32], interval: Interval) -> NDArray[np.float32]:
    """Return a view of the samples of `audio` (N,) 16 kHz in `interval`."""
    start, end = (sample_at(time, SPEECH_SAMPLE_RATE) for time in (interval.start, interval.end))
    return audio[start:end]


def speech_stretches(
    voice: Sequence[Interval],
    audio: NDArray[np.float32],
    longest: Fraction,
    longest_pause: Fraction,
) -> tuple[Interval, ...]:
    """Return stretches of at most `longest` seconds that cover all of `voice`, by start.

    A stretch bridges pauses shorter than `longest_pause`. Voice longer than `longest` is cut where
    it is quietest.

    Args:
        voice: intervals with speech, by start, disjoint.
        audio: (N,) 16 kHz, the recording.
        longest: seconds.
        longest_pause: seconds.
    """
    stretches: list[Interval] = []
    for part in (piece for interval in voice for piece in _cut(interval, audio, longest)):
        last = stretches[-1] if stretches else None
        if (
            last is not None
            and part.start - last.end < longest_pause
            and part.end - last.start <= longest
        ):
            stretches[-1] = Interval(last.start, part.end)
        else:
            stretches.append(part)
    return tuple(stretches)


def _cut(interval: Interval, audio: NDArray[np.float32], longest: Fraction) -> Iterator[Interval]:
    while interval.length > longest:
        search = Interval(interval.start + longest * 2 / 3, interval.start + longest)
        cut = search.start + _quietest(samples_of(audio, search))
        yield Interval(interval.start, cut)
        interval = Interval(cut, interval.end)
    yield interval


def _quietest(samples: NDArray[np.float32]) -> Fraction:
    """Return the seconds from the start of `samples` to the middle of their quietest part."""
    blocks = samples[: len(samples) // _QUIET * _QUIET].reshape(-1, _QUIET)
    quietest = int(np.argmin(np.square(blocks).mean(axis=1)))
    return Fraction(quietest * _QUIET + _QUIET // 2, SPEECH_SAMPLE_RATE)
