"""The fitted speech of a stem, from which each passage takes its own lines only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mytalk_core.dubbing.passages import SpokenLine
from mytalk_core.films.stored_array import StoredArray
from mytalk_core.media.clock import MOTION_FPS, SPEECH_SAMPLE_RATE, sample_at
from mytalk_core.speech.transcript import Interval


@dataclass(frozen=True)
class SpokenSound:
    """A stem on the film's clock, and when each of its lines has voice."""

    samples: StoredArray  # (N,) float32, 16 kHz mono, fitted
    lines: tuple[SpokenLine, ...]
    margin: float  # seconds around the voice of a passage that are its sound too

    def only(
        self, numbers: Sequence[int], voice: Sequence[Interval], span: tuple[int, int]
    ) -> NDArray[np.float32]:
        """The sound of some lines in motion frames [first, end), (M,); silent elsewhere.

        Args:
            numbers: of lines that follow each other.
            voice: of these lines, seconds of the film, by start.
            span: `first` may be negative.
        """
        start, end = (_sample(frame) for frame in span)
        result = np.zeros(end - start, np.float32)
        samples = self.samples.read()
        margin = int(self.margin * SPEECH_SAMPLE_RATE)
        low = max(sample_at(voice[0].start, SPEECH_SAMPLE_RATE) - margin, start, 0)
        high = min(sample_at(voice[-1].end, SPEECH_SAMPLE_RATE) + margin, end, len(samples))
        result[low - start : high - start] = samples[low:high]
        for line in self.lines:
            if line.number not in numbers:
                for part in line.voice:
                    first, last = (
                        sample_at(time, SPEECH_SAMPLE_RATE) for time in (part.start, part.end)
                    )
                    result[max(first - start, 0) : max(last - start, 0)] = 0
        return result


def _sample(frame: int) -> int:
    """The sample at the start of a motion frame, which may be negative."""
    return frame * SPEECH_SAMPLE_RATE // int(MOTION_FPS)
