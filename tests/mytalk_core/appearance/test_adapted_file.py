"""The file of an adapted renderer, which is also a plain renderer file."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mytalk_core.appearance.adaptation import AdaptationRecord, Adapted, ValidationPoint
from mytalk_core.appearance.adaptation_scores import Scores
from mytalk_core.appearance.adapted_file import load_adapted, save_adapted
from mytalk_core.appearance.checkpoint import load_renderer, save_renderer
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.errors import ModelError, OutputError, Reason

RECORD = AdaptationRecord(
    before=Scores(30.0, 0.1),
    after=Scores(31.5, 0.08),
    helped=True,
    steps=80,
    chosen_step=40,
    seconds=61.5,
    learnt_frames=100,
    reporting_frames=24,
    looks=(
        ValidationPoint(0, 0.5, Scores(29.0, 0.1)),
        ValidationPoint(40, 31.0, Scores(30.0, 0.09)),
    ),
)


def test_weights_and_record_survive_a_round_trip(
    tiny_renderer: Callable[..., Renderer], tmp_path: Path
) -> None:
    path = tmp_path / "actor.safetensors"
    renderer = tiny_renderer()
    save_adapted(Adapted(renderer, RECORD), path)
    back = load_adapted(path)
    assert back.record == RECORD
    for name, value in back.renderer.state_dict().items():
        assert torch.equal(value, renderer.state_dict()[name])
    assert load_renderer(path).config == renderer.config  # readable as a plain renderer


def test_a_renderer_without_a_record_is_rejected(
    tiny_renderer: Callable[..., Renderer], tmp_path: Path
) -> None:
    path = tmp_path / "shipped.safetensors"
    save_renderer(tiny_renderer(), path)
    with pytest.raises(ModelError, match="holds no valid record of adaptation") as refusal:
        load_adapted(path)
    assert refusal.value.reason is Reason.MODEL_CORRUPT


def test_a_failed_write_leaves_nothing(
    tiny_renderer: Callable[..., Renderer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(model: Renderer, path: Path, notes: object) -> None:
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mytalk_core.appearance.adapted_file.save_renderer", full)
    with pytest.raises(OutputError) as refusal:
        save_adapted(Adapted(tiny_renderer(), RECORD), tmp_path / "actor.safetensors")
    assert refusal.value.reason is Reason.DISK_FULL
    assert list(tmp_path.iterdir()) == []
