"""A truncated encoder outputs the layer it was truncated at; other file versions are refused."""

from pathlib import Path

import ctranslate2
import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.errors import ModelError
from mytalk_core.speech.whisper_layers import truncated_encoder


def encoded(model_dir: Path, files: dict[str, bytes] | None) -> NDArray[np.float32]:
    """Encode two seconds of a fixed spectrum."""
    model = ctranslate2.models.Whisper(str(model_dir), files=files, compute_type="float32")
    spectrum = np.random.default_rng(0).normal(0, 0.5, (1, 80, 200)).astype(np.float32)
    view = ctranslate2.StorageView.from_array(spectrum)
    return np.array(model.encode(view, to_cpu=True))[0]


def test_all_layers_equal_the_whole_encoder_up_to_gain_and_bias(whisper_dir: Path):
    whole = encoded(whisper_dir, None)
    cut = encoded(whisper_dir, truncated_encoder(whisper_dir, 6))

    assert cut.shape == whole.shape
    np.testing.assert_allclose(cut.mean(axis=1), 0, atol=1e-3)
    np.testing.assert_allclose(cut.std(axis=1), 1, atol=1e-3)
    # The final norm has a gain and a bias per column: fit a line through every column.
    for column in range(0, 512, 37):
        gain, bias = np.polyfit(cut[:, column], whole[:, column], 1)
        np.testing.assert_allclose(gain * cut[:, column] + bias, whole[:, column], atol=2e-3)


def test_fewer_layers_give_a_smaller_model_and_other_features(whisper_dir: Path):
    two, six = truncated_encoder(whisper_dir, 2), truncated_encoder(whisper_dir, 6)

    assert len(two["model.bin"]) < len(six["model.bin"]) < 60e6
    early, late = (encoded(whisper_dir, files) for files in (two, six))
    likeness = (early * late).sum(axis=1) / 512  # cosine similarity: both are normalised
    assert np.abs(likeness).max() < 0.8


def test_another_format_is_refused(tmp_path: Path):
    (tmp_path / "model.bin").write_bytes(b"\5\0\0\0 of another version")
    with pytest.raises(ModelError, match="version 6"):
        truncated_encoder(tmp_path, 2)
