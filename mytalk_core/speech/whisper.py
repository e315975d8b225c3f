"""Whisper in the CTranslate2 format: the language and the text of stretches of speech.

The engine is that of whisperx, whose own pipeline is not used here: importing it takes as long as
recognising a short dub.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from ctranslate2 import StorageView
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from numpy.typing import NDArray

from mytalk_core.media.clock import SPEECH_SAMPLE_RATE

LONGEST_STRETCH = Fraction(30)
"""Seconds of speech that Whisper processes at once."""

SAMPLES_PER_MEL = 160
"""Samples between two frames of the spectrum."""

_BEAMS = 5  # hypotheses of the decoder, as in Whisper's own command
# Seconds of silence behind speech of which only word times are wanted. Whisper was trained on 30 s
# in all, but with two of silence its encoder gives the same word times in a ninth of the time (40
# clips of GRID: mean error 54 ms, with 30 s 57 ms). Language and text need the whole 30 s.
_SHORT_SILENCE = 2


class Whisper:
    """Recognises speech; `threads` 0 uses the default of CTranslate2."""

    def __init__(self, model_dir: Path, threads: int = 0) -> None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model = WhisperModel(
            str(model_dir),
            device,
            compute_type="float16" if device == "cuda" else "float32",
            cpu_threads=threads,
            local_files_only=True,
        )

    @property
    def languages(self) -> Sequence[str]:
        """The codes of the languages that it recognises."""
        languages: Sequence[str] = self.model.supported_languages
        return languages

    def encoded(self, stretches: Sequence[NDArray[np.float32]]) -> StorageView:
        """Encode stretches of speech together; this takes longer than reading their texts.

        Args:
            stretches: each (N,) 16 kHz mono, -1..1, at most LONGEST_STRETCH.

        Returns:
            (stretches, 1500, 512): 50 frames a second.
        """
        spectra = [_spectrum(self.model, speech, int(LONGEST_STRETCH)) for speech in stretches]
        return self.model.encode(np.stack(spectra))

    def language(self, encoded: StorageView) -> tuple[str, float]:
        """Return the code of the language of the first encoded stretch, its probability, 0..1."""
        token, probability = self.model.model.detect_language(encoded)[0][0]
        return token.strip("<|>"), float(probability)

    def texts(self, encoded: StorageView, language: str) -> list[str]:
        """Return the texts of encoded stretches; `language` is one of `languages`."""
        tokenizer = Tokenizer(
            self.model.hf_tokenizer, self.model.model.is_multilingual, "transcribe", language
        )
        prompt = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        results = self.model.model.generate(
            encoded,
            [prompt] * encoded.shape[0],
            beam_size=_BEAMS,
            max_length=self.model.max_length,
        )
        return [tokenizer.decode(result.sequences_ids[0]).strip() for result in results]


def short_spectrum(model: WhisperModel, speech: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the spectrum of speech with little silence behind it, for word times.

    Args:
        speech: (N,) 16 kHz mono, -1..1, at most LONGEST_STRETCH.

    Returns:
        (mels, frames), 100 frames a second.
    """
    seconds = -(-len(speech) // SPEECH_SAMPLE_RATE) + _SHORT_SILENCE
    return _spectrum(model, speech, min(seconds, int(LONGEST_STRETCH)))


def _spectrum(
    model: WhisperModel, speech: NDArray[np.float32], seconds: int
) -> NDArray[np.float32]:
    padded = np.zeros(seconds * SPEECH_SAMPLE_RATE, np.float32)
    padded[: len(speech)] = speech[: len(padded)]
    spectrum: NDArray[np.float32] = model.feature_extractor(padded, padding=SAMPLES_PER_MEL)
    return spectrum[:, : seconds * SPEECH_SAMPLE_RATE // SAMPLES_PER_MEL]
