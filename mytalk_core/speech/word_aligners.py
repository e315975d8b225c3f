"""Align the words of a known text to audio, with either of two offline aligners."""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from math import isfinite
from typing import Any, Protocol
from unicodedata import category

import numpy as np
import torch
from faster_whisper.tokenizer import Tokenizer
from numpy.typing import NDArray

from mytalk_core.media.clock import SPEECH_SAMPLE_RATE
from mytalk_core.speech.aligner_store import ALIGNERS, aligner_path
from mytalk_core.speech.offline_whisperx import quiet, whisperx_module
from mytalk_core.speech.transcript import Word, is_spaced
from mytalk_core.speech.whisper import SAMPLES_PER_MEL, short_spectrum

_LEAST_FRAMES = 2  # of the spectrum: one frame of the encoder
_MOST_TOKENS = 440  # Whisper's decoder holds 448, including a few special ones
_ATTENTION_STEP = Fraction(1, 50)  # seconds; the encoder's frames
# Whisper attends to a word before it is spoken: 60 ms on GRID (17 speakers, 45 to 110 ms).
_ATTENTION_LEAD = Fraction(3, 50)
_CLOSING = "?!:;»…%"  # some languages put a space before these


class Aligner(Protocol):
    """Assigns times to the words of a text."""

    name: str  # for reports

    def __call__(self, audio: NDArray[np.float32], text: str) -> tuple[Word, ...]:
        """Return the words of `text` in order, in seconds of `audio`; any may lack times.

        Args:
            audio: (N,) 16 kHz mono, the speech of `text`, at most 30 s.
            text: not blank.

        Returns:
            The words; empty where the text cannot be aligned at all.
        """


class AttentionAligner:
    """Aligns by the cross-attention of Whisper's decoder while it is forced to the text."""

    name = "whisper attention"

    def __init__(self, whisper: Any, language: str) -> None:
        """`whisper` is a faster_whisper.WhisperModel, `language` one that it supports."""
        self._whisper = whisper
        self._language = language
        self._tokenizer = Tokenizer(
            whisper.hf_tokenizer, whisper.model.is_multilingual, "transcribe", language
        )

    def __call__(self, audio: NDArray[np.float32], text: str) -> tuple[Word, ...]:
        tokens = self._tokenizer.encode(f" {text.strip()}")
        if len(tokens) > _MOST_TOKENS:
            return ()
        frames = len(audio) // SAMPLES_PER_MEL
        if frames < _LEAST_FRAMES:
            return ()
        encoded = self._whisper.encode(short_spectrum(self._whisper, audio))
        try:
            pieces = self._whisper.find_alignment(self._tokenizer, [tokens], encoded, frames)[0]
        except IndexError:  # faster-whisper expects a path; without speech there may be none
            return ()
        duration = Fraction(len(audio), SPEECH_SAMPLE_RATE)
        timed = [
            Word(
                piece["word"],
                start=_attended(piece["start"], duration),
                end=_attended(piece["end"], duration),
                score=round(float(piece["probability"]), 3),
            )
            for piece in pieces
        ]
        return join_pieces(timed, is_spaced(self._language))


class PhoneticAligner:
    """Aligns with whisperx and a wav2vec2 model of the language; more exact than attention."""

    def __init__(self, model: torch.nn.Module, metadata: dict[str, Any], device: str) -> None:
        """`model` and `metadata` are those of whisperx.load_align_model."""
        self.name = f"whisperx {metadata['type']} wav2vec2"
        self._model = model
        self._metadata = metadata
        self._device = device

    def __call__(self, audio: NDArray[np.float32], text: str) -> tuple[Word, ...]:
        duration = len(audio) / SPEECH_SAMPLE_RATE
        aligned = whisperx_module("alignment").align(
            [{"text": text, "start": 0.0, "end": duration}],
            self._model,
            self._metadata,
            audio,
            self._device,
        )
        return tuple(_from_whisperx(word) for word in aligned["word_segments"])


def cached_phonetic_aligner(language: str, device: str) -> PhoneticAligner | None:
    """Return the wav2vec2 aligner of `language` from the local caches, or None.

    It needs the language's model and whisperx's sentence splitter. Nothing is downloaded.
    """
    spec = ALIGNERS.get(language)
    if spec is None or aligner_path(spec) is None or not _has_sentence_splitter(language):
        return None
    alignment = whisperx_module("alignment")
    try:
        with quiet():
            model, metadata = alignment.load_align_model(language, device, model_cache_only=True)
    except ValueError:  # no model of this language, or not in the cache
        return None
    return PhoneticAligner(model, metadata, device)


def join_pieces(pieces: Iterable[Word], spaced: bool) -> tuple[Word, ...]:
    """Join the pieces of a tokenizer to whole words.

    Punctuation joins its word without changing its time. In a `spaced` language a piece without a
    leading space continues the word before.
    """
    words: list[Word] = []
    for piece in pieces:
        starts_word = piece.text.startswith(" ") or not spaced
        joins = not starts_word if _is_spoken(piece) else not _opens(piece.text)
        if words and (joins or not _is_spoken(words[-1])):
            words[-1] = _joined(words[-1], piece)
        else:
            words.append(piece)
    whole = (replace(word, text=word.text.strip()) for word in words)
    return tuple(word for word in whole if word.text)


def _joined(word: Word, rest: Word) -> Word:
    text = word.text + rest.text
    if not _is_spoken(rest):
        return replace(word, text=text)
    if not _is_spoken(word):
        return replace(rest, text=text)
    scores = [score for score in (word.score, rest.score) if score is not None]
    return Word(text, word.start, rest.end, min(scores, default=None))


def _is_spoken(piece: Word) -> bool:
    return any(letter.isalnum() for letter in piece.text)


def _opens(mark: str) -> bool:
    """Return whether punctuation belongs to the next word: brackets, quotes, a free dash."""
    sign = mark.strip()[:1]
    if sign and category(sign) in ("Ps", "Pi"):
        return True
    return mark.startswith(" ") and sign not in _CLOSING


def _attended(seconds: float, duration: Fraction) -> Fraction:
    time = round(seconds / float(_ATTENTION_STEP)) * _ATTENTION_STEP + _ATTENTION_LEAD
    return min(time, duration)


def _from_whisperx(word: dict[str, Any]) -> Word:
    start, end, score = (word.get(key) for key in ("start", "end", "score"))
    return Word(
        text=word["word"],
        start=_milliseconds(start),
        end=_milliseconds(end),
        score=float(score) if score is not None and isfinite(score) else None,
    )


def _milliseconds(seconds: float | None) -> Fraction | None:
    if seconds is None or not isfinite(seconds):
        return None
    return Fraction(round(float(seconds) * 1000), 1000)


def _has_sentence_splitter(language: str) -> bool:
    name = whisperx_module("utils").PUNKT_LANGUAGES.get(language, "english")
    try:
        whisperx_module("alignment").nltk.data.find(f"tokenizers/punkt_tab/{name}/")
    except LookupError:
        return False
    return True
