"""Speech features: the third layer of Whisper's encoder, 512 values at 50 Hz."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import ctranslate2
import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray

from mytalk_core.media.clock import SPEECH_FEATURE_FPS, SPEECH_SAMPLE_RATE
from mytalk_core.speech.whisper_layers import truncated_encoder

FEATURES = "whisper-base-3"
"""Identifier of the features; models and samples with different ones are incompatible."""

FEATURES_ENTRY = "speech-features"
"""Key of the identifier in a sample's versions."""

FEATURE_SIZE = 512
SAMPLES_PER_FEATURE = int(SPEECH_SAMPLE_RATE / SPEECH_FEATURE_FPS)
_SPECTRA_PER_SECOND = 100
# Layers of the encoder that are kept, of six. A linear prediction of mouth opening on natural
# speech of six people correlates with it by 0.62 on the third alone and 0.57 on the sum of the
# second and the sixth.
_LAYERS = 3


@dataclass(frozen=True)
class WindowConfig:
    """Windows in which the encoder processes speech.

    Features depend on the window length (cosine 0.97), so training and dubbing must use the same.
    Whisper was trained on 30 seconds; windows of ten, core and margins, serve as well for motion
    and take a sixth of the time. Ten seconds is also the longest training clip.
    """

    # Seconds of features kept from one window.
    core_seconds: int = 8
    # Seconds of context on either side of the core.
    margin_seconds: int = 1


class SpeechEncoder:
    """Compute speech features window by window."""

    def __init__(
        self, model_dir: Path, window: WindowConfig | None = None, threads: int = 0
    ) -> None:
        """Load the CTranslate2 Whisper in `model_dir`; `threads` 0 uses its default."""
        self._window = window or WindowConfig()
        self._seconds = self._window.core_seconds + 2 * self._window.margin_seconds
        self._encoder = ctranslate2.models.Whisper(
            str(model_dir),
            files=truncated_encoder(model_dir, _LAYERS),
            device="auto",
            compute_type="float32",
            intra_threads=threads,
        )
        self._spectrum = FeatureExtractor(feature_size=self._encoder.n_mels)

    def encode(self, audio: NDArray[np.float32]) -> NDArray[np.float16]:
        """Compute the features of a whole recording.

        Args:
            audio: (N,) 16 kHz mono, -1..1.

        Returns:
            (ceil(N / 320), 512) at 50 Hz; row k describes the 20 ms that start at k / 50 s.
        """
        rows = list(self.encode_blocks([audio]))
        return np.concatenate(rows) if rows else np.zeros((0, FEATURE_SIZE), np.float16)

    def encode_blocks(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float16]]:
        """Compute the features of a stream of audio blocks of any length, in constant memory.

        The windows, and so the features, are independent of the block boundaries.
        """
        margin = self._window.margin_seconds * SPEECH_SAMPLE_RATE
        core = self._window.core_seconds * SPEECH_SAMPLE_RATE
        pending = np.zeros(0, np.float32)
        before = 0  # samples of `pending` that are context before the next core
        for block in _pieces(blocks, core):
            pending = np.concatenate([pending, block])
            while len(pending) >= before + core + margin:
                yield self._encode_window(pending[: before + core + margin], before, core)
                keep = before + core - margin
                pending, before = pending[keep:], margin
        if len(pending) > before:
            yield self._encode_window(pending, before, len(pending) - before)

    def _encode_window(
        self, audio: NDArray[np.float32], start: int, length: int
    ) -> NDArray[np.float16]:
        """Return the features of samples [start, start + length) of a window."""
        padded = np.zeros(self._seconds * SPEECH_SAMPLE_RATE, np.float32)
        padded[: len(audio)] = audio
        spectrum = self._spectrum(padded, padding=0)[:, : self._seconds * _SPECTRA_PER_SECOND]
        view = ctranslate2.StorageView.from_array(
            np.ascontiguousarray(spectrum[None], dtype=np.float32)
        )
        encoded = np.array(self._encoder.encode(view, to_cpu=True))[0]
        first = start // SAMPLES_PER_FEATURE
        count = -(-length // SAMPLES_PER_FEATURE)
        features: NDArray[np.float16] = encoded[first : first + count].astype(np.float16)
        return features


def _pieces(blocks: Iterable[NDArray[np.float32]], longest: int) -> Iterator[NDArray[np.float32]]:
    """Split the blocks into pieces of at most `longest` samples, which bounds the copying."""
    for block in blocks:
        for first in range(0, len(block), longest):
            yield block[first : first + longest]
