"""The preprocessing copy of the expert without torch.

A worker that cuts footage has no other use for torch, which would take 450 MB of its memory and
three seconds of its start; this network is small enough for plain arrays.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from mytalk_core.sync.clip import LIP_SCALE, ROWS_PER_FRAME, SPECTRUM_SCALE
from mytalk_core.sync.expert_file import Purpose, read_expert_file

Array = NDArray[np.float32]


class LightExpert:
    """Embeds landmarks and spectra as `SyncExpert` does, within rounding."""

    def __init__(self, path: Path | None = None) -> None:
        """Load the preprocessing copy in `path` (None: the shipped one).

        Raises:
            ModelError: where the file is missing, is no sync expert, or serves another purpose.
        """
        stored = read_expert_file(Purpose.PREPROCESSING, path)
        self._weights = stored.weights
        self._frames = stored.config.frames

    def embed_lips(self, lips: Array) -> Array:
        """Unit vectors of the W windows of (T, 40, 2) lips from `lip_motion`, (W, E)."""
        hidden = _windows(lips.reshape(len(lips), -1) / LIP_SCALE, self._frames, 1)
        for layer in (0, 2):
            hidden = _gelu(self._conv("lips", layer, hidden, stride=1))
        return self._head("lips", 4, hidden)

    def embed_sound(self, spectrum: Array) -> Array:
        """Unit vectors of the W windows of a spectrum (4T, 80) from `log_mel`, (W, E)."""
        rows = self._frames * ROWS_PER_FRAME
        hidden = _windows(spectrum / SPECTRUM_SCALE, rows, ROWS_PER_FRAME)
        for layer, stride in ((0, 1), (2, 2), (4, 2)):
            hidden = _gelu(self._conv("sound", layer, hidden, stride))
        return self._head("sound", 6, hidden)

    def _conv(self, encoder: str, layer: int, rows: Array, stride: int) -> Array:
        """A convolution over (W, R, C) to (W, R', C'), padded as torch's are here."""
        weight = self._weights[f"{encoder}.{layer}.weight"]  # (C', C, K)
        kernel = weight.shape[2]
        padding = (kernel - 1) // 2
        padded = np.pad(rows, ((0, 0), (padding, padding), (0, 0)))
        taps = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=1)[:, ::stride]
        flat = taps.reshape(*taps.shape[:2], -1)
        mixed: Array = flat @ weight.reshape(len(weight), -1).T + self._bias(encoder, layer)
        return mixed

    def _head(self, encoder: str, flatten: int, hidden: Array) -> Array:
        """From (W, R, C) to unit vectors (W, E); `flatten` is the layer after the convolutions."""
        flat = hidden.transpose(0, 2, 1).reshape(len(hidden), -1)
        inner = _gelu(self._linear(encoder, flatten + 2, flat))
        embedded = self._linear(encoder, flatten + 4, inner)
        unit: Array = embedded / np.linalg.norm(embedded, axis=1, keepdims=True)
        return unit

    def _linear(self, encoder: str, layer: int, rows: Array) -> Array:
        mixed: Array = rows @ self._weights[f"{encoder}.{layer}.weight"].T
        return mixed + self._bias(encoder, layer)

    def _bias(self, encoder: str, layer: int) -> Array:
        return self._weights[f"{encoder}.{layer}.bias"]


def _windows(rows: Array, length: int, step: int) -> Array:
    """(R, C) to (W, length, C)."""
    view = np.lib.stride_tricks.sliding_window_view(rows, length, axis=0)[::step]
    return view.transpose(0, 2, 1)


def _gelu(x: Array) -> Array:
    half: Array = 0.5 * x * (1 + erf(x / np.float32(np.sqrt(2))))
    return half
