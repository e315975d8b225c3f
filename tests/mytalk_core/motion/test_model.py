"""The model file, and windows of speech."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mytalk_core.errors import ModelError, Reason
from mytalk_core.motion.model import (
    SIZES,
    Conditions,
    MotionConfig,
    SpeechToMotion,
    load_model,
    save_model,
    windows,
)

Lively = Callable[..., SpeechToMotion]


def test_a_saved_model_predicts_the_same(lively_model: Lively, tmp_path: Path) -> None:
    model = lively_model(speech_context=1)
    save_model(model, tmp_path / "motion.safetensors")
    loaded = load_model(tmp_path / "motion.safetensors")
    assert loaded.config == model.config
    assert not loaded.training
    scheme = model.scheme
    inputs = (
        torch.randn(2, 9, model.config.space.components),
        torch.tensor([0.3, 0.8]),
        Conditions(
            torch.randn(2, 9, 3 * len(scheme.pose_context)),
            torch.randn(2, 9, 512),
            torch.randn(2, 512),
            torch.randn(2, 4, model.config.denoiser.width),
            torch.randn(2, model.config.space.components),
        ),
    )
    with torch.no_grad():
        torch.testing.assert_close(loaded(*inputs), model(*inputs), atol=0, rtol=0)


def test_equal_weights_give_equal_bytes(lively_model: Lively, tmp_path: Path) -> None:
    for name in ("one", "two"):
        save_model(lively_model(), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("config", SIZES.values(), ids=SIZES)
def test_configurations_survive_the_round_trip(config: MotionConfig) -> None:
    assert MotionConfig.from_dict(asdict(config)) == config


def test_weights_of_earlier_versions_take_the_defaults_of_newer_fields() -> None:
    fields = asdict(SIZES["cpu"])
    del fields["diffusion"]["solver"]
    assert MotionConfig.from_dict(fields) == SIZES["cpu"]


def test_weights_for_other_speech_features_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "motion.safetensors"
    save_model(SpeechToMotion(replace(SIZES["tiny"], features="whisper-base-2+6")), path)
    with pytest.raises(ModelError, match=r"whisper-base-2\+6") as refused:
        load_model(path)
    assert refused.value.reason == Reason.BAD_CONFIGURATION
    earlier = asdict(SIZES["tiny"])
    del earlier["features"]
    assert MotionConfig.from_dict(earlier).features == "whisper-base-2+6"


def spoken(frames: int, seed: int) -> torch.Tensor:
    """Return standardised speech, (1, T, 512)."""
    return torch.randn(1, frames, 512, generator=torch.Generator().manual_seed(seed))


def test_a_constant_difference_between_voices_has_no_effect_on_motion(lively_model: Lively) -> None:
    """The longer the utterance, the less of it remains."""
    model = lively_model(voice_prior=0.0)
    model.closure_map.zero_()
    closed = torch.zeros(1, model.config.space.components)
    speech, accent = spoken(80, 0), 2 * spoken(1, 1)

    def read(model: SpeechToMotion, heard: torch.Tensor) -> torch.Tensor:
        return model.estimate(heard, model.voice(heard), closed)

    torch.testing.assert_close(read(model, speech + accent), read(model, speech), atol=1e-4, rtol=0)
    model.config = replace(model.config, voice_prior=15.0)
    remains = [
        float((model.voice(part + accent) - model.voice(part) - accent).norm())
        for part in (speech[:, :5], speech[:, :20], speech)
    ]
    assert remains[0] > 1.5 * remains[1] > 3 * remains[2] > 0


def test_silence_around_an_utterance_does_not_change_its_voice(lively_model: Lively) -> None:
    model = lively_model()
    silence = -3 * torch.ones(1, 60, 512)
    model.closure_map.fill_(-0.01)  # shut in silence, open in speech
    model.closure_offset.fill_(-6.0)
    speech = 1 + spoken(200, 2)
    alone, around = (
        model.voice(heard) for heard in (speech, torch.cat([silence, speech, silence], dim=1))
    )
    assert (around - alone).norm() < 0.05 * alone.norm()


def text(path: Path) -> None:
    path.write_text("not a weights file")


def nothing(path: Path) -> None:
    path.touch()


def folder(path: Path) -> None:
    path.mkdir()


def other_tensors(path: Path) -> None:
    save_file({"weight": torch.zeros(2)}, path)


def other_fields(path: Path) -> None:
    config = json.dumps(asdict(SIZES["tiny"]) | {"depth": 3})
    save_file({"weight": torch.zeros(2)}, path, metadata={"motion_config": config})


def no_json(path: Path) -> None:
    save_file({"weight": torch.zeros(2)}, path, metadata={"motion_config": "depth 3"})


def truncated(path: Path) -> None:
    save_model(SpeechToMotion(SIZES["tiny"]), path)
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    "write", [text, nothing, folder, other_tensors, other_fields, no_json, truncated]
)
def test_a_file_that_is_no_model_is_refused(write: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "motion.safetensors"
    write(path)
    with pytest.raises(ModelError) as refused:
        load_model(path)
    assert refused.value.reason == Reason.MODEL_CORRUPT
    assert refused.value.where == str(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        load_model(tmp_path / "absent.safetensors")


def test_windows_hold_the_neighbours_in_order() -> None:
    speech = torch.arange(5.0)[None, :, None] * torch.tensor([1.0, 10.0])
    found = windows(speech, 1)
    assert found.shape == (1, 5, 6)
    assert found[0, 2].tolist() == [1, 10, 2, 20, 3, 30]
    assert found[0, 0].tolist() == [0, 0, 0, 0, 1, 10]
    assert found[0, 4].tolist() == [3, 30, 4, 40, 4, 40]
    torch.testing.assert_close(windows(speech, 0), speech)
