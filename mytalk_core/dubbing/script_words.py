"""The words of a script in a stem: the lines of each minute are aligned on their own.

A changed line or a changed part of the sound so aligns one minute again, and not the whole stem.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from mytalk_core.dubbing.stage import Pending, Runner, Stage, StageContext
from mytalk_core.films.stored_array import StoredArray
from mytalk_core.media.clock import SPEECH_SAMPLE_RATE, sample_at
from mytalk_core.speech.recognition import AlignedLines, HeardLanguage
from mytalk_core.speech.transcript import (
    UNKNOWN_LANGUAGE,
    Interval,
    Segment,
    Transcript,
)
from mytalk_core.speech.word_times import within

_BLOCK = Fraction(60)  # seconds
_AROUND = Fraction(1, 2)  # seconds of sound that are kept on both sides of a block's lines


@dataclass(frozen=True)
class HeardRequest:
    """A stem whose language is wanted."""

    sound: StoredArray  # (N,) float32, 16 kHz mono
    voice: tuple[Interval, ...]  # of the stem; not empty
    models: str  # digest of the recogniser


def hear_language(request: HeardRequest, context: StageContext) -> HeardLanguage:
    """Detect the language of a stem."""
    return context.tools.recogniser.heard(np.array(request.sound.read()), request.voice)


HEARD = Stage("heard", 1, HeardRequest, HeardLanguage, hear_language, background=True)


@dataclass(frozen=True)
class AlignRequest:
    """Lines of a stem, with the sound around them."""

    sound: NDArray[np.float32]  # (N,) 16 kHz mono
    voice: tuple[Interval, ...]  # seconds of `sound`
    lines: tuple[Segment, ...]  # seconds of `sound`
    language: str  # BCP 47; where it is empty or not known, that of `sound`
    models: str  # digest of the recogniser


def align_lines(request: AlignRequest, context: StageContext) -> AlignedLines:
    """Align the words of lines to the voice in their slots; times are seconds of their sound."""
    return context.tools.recogniser.aligned(
        request.sound, request.lines, request.voice, request.language
    )


ALIGN = Stage("align", 1, AlignRequest, AlignedLines, align_lines, background=True)


@dataclass(frozen=True)
class ScriptWords:
    """A `Pending` transcript of a stem whose blocks are being aligned."""

    script: tuple[Segment, ...]
    voice: tuple[Interval, ...]  # of the stem; not empty
    heard: Pending[HeardLanguage]
    # Of each block: the places of its lines in the script, seconds of its start, its lines.
    blocks: tuple[tuple[tuple[int, ...], Fraction, Pending[AlignedLines]], ...]

    def result(self) -> Transcript:
        """Wait for all blocks.

        Raises:
            MytalkError: what a stage raised.
        """
        lines = list(self.script)
        used: dict[str, str] = {}  # aligners by language, of the blocks with voice
        for places, start, pending in self.blocks:
            found = pending.result()
            if found.aligner:
                used[found.language] = found.aligner
            for place, line in zip(places, found.lines, strict=True):
                lines[place] = line.later(start)
        heard = self.heard.result()
        language, aligner = next(iter(used.items()), (UNKNOWN_LANGUAGE, ""))
        return Transcript(
            language, tuple(lines), self.voice, aligner, heard.language, heard.probability
        )


def start_words(
    runner: Runner,
    sound: StoredArray,
    script: Sequence[Segment],
    voice: tuple[Interval, ...],
    language: str,
    models: str,
) -> ScriptWords:
    """Begin to align the lines of a script to a stem that has voice.

    Args:
        sound: of the stem, (N,) float32, 16 kHz mono.
        script: lines without words, by start.
        voice: of the stem, not empty.
        language: BCP 47 tag of the stem; empty where unknown.
        models: digest of the recogniser.
    """
    samples = sound.read()
    blocks = []
    for places in _blocks(script):
        lines = [script[place] for place in places]
        start = max(lines[0].start - _AROUND, Fraction(0))
        end = max(line.end for line in lines) + _AROUND
        first, last = (sample_at(time, SPEECH_SAMPLE_RATE) for time in (start, end))
        start = Fraction(first, SPEECH_SAMPLE_RATE)
        request = AlignRequest(
            np.array(samples[first:last]),
            tuple(part.later(-start) for part in within(voice, Interval(start, end))),
            tuple(line.later(-start) for line in lines),
            language,
            models,
        )
        blocks.append((places, start, runner.start(ALIGN, request)))
    heard = runner.start(HEARD, HeardRequest(sound, voice, models))
    return ScriptWords(tuple(script), voice, heard, tuple(blocks))


def _blocks(script: Sequence[Segment]) -> Iterator[tuple[int, ...]]:
    """The places of the lines that start in each minute."""
    for _, places in groupby(range(len(script)), lambda place: script[place].start // _BLOCK):
        yield tuple(places)
