"""Voice embeddings: one speaker's are nearer than two speakers'."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mytalk_core.data.model_store import pull
from mytalk_core.errors import ModelError, MytalkError, Reason
from mytalk_core.media.audio import read_audio
from mytalk_core.speech.voice_embedding import EMBEDDING_SIZE, VoiceEmbedder, _VoiceNet

RATE = 16_000


@pytest.fixture(scope="module")
def embedder() -> VoiceEmbedder:
    try:
        return VoiceEmbedder(pull("voice-embedding"))
    except MytalkError as error:
        pytest.skip(f"no voice-embedding here: {error}")


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in the form of the published one, with weights that were not trained."""
    path = tmp_path_factory.mktemp("voice") / "pretrained.pt"
    torch.manual_seed(0)
    torch.save({"model_state": _VoiceNet().state_dict()}, path)
    return path


def noise(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    samples = np.random.default_rng(seed).standard_normal(int(RATE * seconds)) * 0.01
    return samples.astype(np.float32)


@pytest.mark.parametrize("seconds", [0.0, 0.03, 0.4, 1.6, 5.3])
def test_sound_of_any_length_gives_a_unit_vector(random_weights: Path, seconds: float) -> None:
    vector = VoiceEmbedder(random_weights).embed(noise(seconds))
    assert vector.shape == (EMBEDDING_SIZE,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_the_level_of_quiet_sound_has_no_effect(random_weights: Path) -> None:
    embedder, sound = VoiceEmbedder(random_weights), noise(1)
    np.testing.assert_allclose(embedder.embed(sound), embedder.embed(sound / 8), atol=1e-5)


def test_another_file_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "pretrained.pt"
    path.write_bytes(b"no weights")
    with pytest.raises(ModelError, match=r"pretrained\.pt") as error:
        VoiceEmbedder(path)
    assert error.value.reason is Reason.MODEL_CORRUPT


def test_one_speaker_is_nearer_than_two(embedder: VoiceEmbedder, shared_data: Path) -> None:
    voices = {
        speaker: [
            embedder.embed(read_audio(clip))
            for clip in sorted((shared_data / "grid" / speaker).iterdir())[:3]
        ]
        for speaker in ("s5", "s26", "s33")
    }
    names = list(voices)
    same = [voices[name][a] @ voices[name][b] for name in names for a in range(3) for b in range(a)]
    other = [
        x @ y
        for one in names
        for two in names
        if one < two
        for x in voices[one]
        for y in voices[two]
    ]
    assert min(same) > max(other)
