"""Recognition of dub speech: language, words with their times, and voice activity."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from ctranslate2 import StorageView
from numpy.typing import NDArray

from mytalk_core.errors import ModelError, Reason
from mytalk_core.speech.languages import recogniser_code
from mytalk_core.speech.stretches import samples_of, speech_stretches
from mytalk_core.speech.transcript import (
    UNKNOWN_LANGUAGE,
    Interval,
    Segment,
    Transcript,
    Word,
    is_spaced,
)
from mytalk_core.speech.voice_activity import voice_intervals
from mytalk_core.speech.whisper import LONGEST_STRETCH, Whisper
from mytalk_core.speech.word_aligners import (
    Aligner,
    AttentionAligner,
    cached_phonetic_aligner,
)
from mytalk_core.speech.word_times import clip_to_voice, distribute_words, group_by_voice, within

Advance = Callable[[float], object]
"""Receives each further share of the work that is done; the shares sum to 1."""

_MODEL_FILES = ("model.bin", "config.json", "tokenizer.json")
_BATCH = 8  # stretches recognised at once
_KEPT_ALIGNERS = 4  # up to a gigabyte each, for languages with a model of their own
# Seconds that one stretch may bridge. Whisper hears words better among others, and every stretch
# costs as much as thirty seconds: a minute of GRID with pauses of up to two seconds takes 10 s of
# processor time in two stretches, and 33 s in eighteen.
_LONGEST_PAUSE = Fraction(2)


@dataclass(frozen=True)
class HeardLanguage:
    """The language of a speech, as the recogniser detects it."""

    language: str  # the recogniser's code
    probability: float  # 0..1


@dataclass(frozen=True)
class AlignedLines:
    """Lines of a script with the times of their words."""

    lines: tuple[Segment, ...]
    language: str  # of the aligner, the recogniser's code; UNKNOWN_LANGUAGE without voice
    aligner: str  # its name; empty without voice


class Recogniser:
    """Whisper, after a voice detector and before a word aligner.

    Memory beyond the recording and its transcript is bounded: five minutes of audio for the
    detector and eight stretches of at most 30 s for Whisper.
    """

    def __init__(self, model_dir: Path, threads: int = 0) -> None:
        """Use the CTranslate2 Whisper in `model_dir`, loaded on first use; `threads` 0: default.

        Raises:
            ModelError: where files of the model are missing.
        """
        missing = [name for name in _MODEL_FILES if not (model_dir / name).is_file()]
        if missing:
            raise ModelError(
                f"files of the speech model are missing: {', '.join(missing)}.",
                reason=Reason.MODEL_MISSING,
                where=str(model_dir),
                remedy="Run `mytalk models pull`.",
            )
        self._model_dir = model_dir
        self._aligners: dict[str, Aligner] = {}  # by language, the last used at the end
        self._threads = threads
        self._device = "cuda" if torch.cuda.is_available() else "cpu"

    def transcribe(
        self,
        audio: NDArray[np.float32],
        script: Sequence[Segment] = (),
        advance: Advance = lambda share: None,
        language: str = "",
    ) -> Transcript:
        """Transcribe a recording with word times.

        A script replaces recognition: the words of each line are aligned to the voice between the
        line's start and end, and have no times where there is no voice. Without a script, a segment
        is the speech between two pauses.

        Args:
            audio: (N,) 16 kHz mono, -1..1, of any length.
            script: lines without words, by start.
            advance: receives progress.
            language: BCP 47 tag of the speech. Where it is empty or not supported, the detected
                language is used.

        Returns:
            The transcript. Without voice its language is UNKNOWN_LANGUAGE, and its segments are
            those of the script.
        """
        voice = voice_intervals(audio)
        if not voice:
            untimed = tuple(_without_times(line) for line in script)
            return Transcript(UNKNOWN_LANGUAGE, untimed, voice, aligner="")
        stretches, longest, encoded = self._longest_encoded(audio, voice)
        detected, probability = self._whisper.language(encoded)
        language = self._known(language) or detected
        aligner = self._aligner(language)
        if script:
            found = _script_segments(audio, script, voice, aligner, advance)
        else:
            known = {longest: self._whisper.texts(encoded, language)[0]}
            texts = self._texts(audio, stretches, language, known)
            share = 1 / len(stretches)
            found = _segments(audio, texts, voice, language, aligner, lambda: advance(share))
        return Transcript(language, tuple(found), voice, aligner.name, detected, probability)

    def heard(self, audio: NDArray[np.float32], voice: Sequence[Interval]) -> HeardLanguage:
        """Detect the language of a recording with voice, in its longest stretch.

        Args:
            audio: (N,) 16 kHz mono, -1..1, of any length.
            voice: intervals with speech in seconds, by start, disjoint; not empty.
        """
        _, _, encoded = self._longest_encoded(audio, voice)
        return HeardLanguage(*self._whisper.language(encoded))

    def aligned(
        self,
        audio: NDArray[np.float32],
        script: Sequence[Segment],
        voice: Sequence[Interval],
        language: str,
    ) -> AlignedLines:
        """Find the times of the words of a script, as `transcribe` does.

        Args:
            audio: (N,) 16 kHz mono, -1..1, of any length.
            script: lines without words, by start.
            voice: intervals with speech in seconds, by start, disjoint.
            language: BCP 47 tag; where it is empty or not supported, the detected one is used.
        """
        if not voice:
            return AlignedLines(tuple(map(_without_times, script)), UNKNOWN_LANGUAGE, "")
        code = self._known(language) or self.heard(audio, voice).language
        aligner = self._aligner(code)
        lines = _script_segments(audio, script, voice, aligner, lambda share: None)
        return AlignedLines(tuple(lines), code, aligner.name)

    def _longest_encoded(
        self, audio: NDArray[np.float32], voice: Sequence[Interval]
    ) -> tuple[Sequence[Interval], Interval, StorageView]:
        """Return the stretches of a recording, the longest of them, and the encoding of that one.

        The language of a recording is that of its longest stretch.
        """
        stretches = speech_stretches(voice, audio, LONGEST_STRETCH, _LONGEST_PAUSE)
        longest = max(stretches, key=lambda stretch: stretch.length)
        return stretches, longest, self._whisper.encoded([samples_of(audio, longest)])

    def _known(self, language: str) -> str:
        """Return the recogniser's code of a BCP 47 tag; empty where it does not know it."""
        code = recogniser_code(language) if language else ""
        return code if code in self._whisper.languages else ""

    @cached_property
    def _whisper(self) -> Whisper:
        return Whisper(self._model_dir, self._threads)

    def _aligner(self, language: str) -> Aligner:
        """Return the aligner of a language. The last few are cached: catalogues mix languages."""
        aligner = self._aligners.pop(language, None)
        if aligner is None:
            phonetic = cached_phonetic_aligner(language, self._device)
            aligner = phonetic or AttentionAligner(self._whisper.model, language)
        self._aligners[language] = aligner
        if len(self._aligners) > _KEPT_ALIGNERS:
            del self._aligners[next(iter(self._aligners))]
        return aligner

    def _texts(
        self,
        audio: NDArray[np.float32],
        stretches: Sequence[Interval],
        language: str,
        known: Mapping[Interval, str],
    ) -> Iterator[tuple[Interval, str]]:
        """Yield the stretches with their texts; those of some are known."""
        for first in range(0, len(stretches), _BATCH):
            batch = stretches[first : first + _BATCH]
            texts = dict(known)
            if unknown := [stretch for stretch in batch if stretch not in known]:
                encoded = self._whisper.encoded([samples_of(audio, each) for each in unknown])
                found = self._whisper.texts(encoded, language)
                texts.update(zip(unknown, found, strict=True))
            for stretch in batch:
                yield stretch, texts[stretch]


def _segments(
    audio: NDArray[np.float32],
    texts: Iterable[tuple[Interval, str]],
    voice: Sequence[Interval],
    language: str,
    aligner: Aligner,
    advance: Callable[[], object],
) -> Iterator[Segment]:
    for stretch, text in texts:
        parts = within(voice, stretch)
        words = _timed_words(audio, text, parts, aligner)
        for part, spoken in group_by_voice(words, parts):
            yield _segment(part, spoken, language)
        advance()


def _script_segments(
    audio: NDArray[np.float32],
    script: Sequence[Segment],
    voice: Sequence[Interval],
    aligner: Aligner,
    advance: Advance,
) -> Iterator[Segment]:
    for line in script:
        parts = within(voice, Interval(line.start, line.end))
        if parts:
            yield replace(line, words=_timed_words(audio, line.text, parts, aligner))
        else:
            yield _without_times(line)
        advance(1 / len(script))


def _timed_words(
    audio: NDArray[np.float32], text: str, parts: Sequence[Interval], aligner: Aligner
) -> tuple[Word, ...]:
    """Return the words of `text`, aligned within `parts`."""
    span = Interval(parts[0].start, parts[-1].end)
    words: tuple[Word, ...] = ()
    if text and span.length <= LONGEST_STRETCH:
        words = aligner(samples_of(audio, span), text)
    if not words:
        return distribute_words(text.split(), parts)
    return clip_to_voice([word.later(span.start) for word in words], parts)


def _segment(part: Interval, words: tuple[Word, ...], language: str) -> Segment:
    text = (" " if is_spaced(language) else "").join(word.text for word in words)
    return Segment(text, part.start, part.end, words)


def _without_times(line: Segment) -> Segment:
    return replace(line, words=tuple(Word(text) for text in line.text.split()))
