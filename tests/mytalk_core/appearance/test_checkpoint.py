"""The file of a renderer is reproducible and validated."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mytalk_core.appearance.checkpoint import load_renderer, save_renderer
from mytalk_core.appearance.renderer import SIZES, Renderer
from mytalk_core.errors import ModelError, Reason

FIELDS = asdict(SIZES["tiny"])


def test_a_renderer_survives_a_round_trip(tmp_path: Path) -> None:
    model = Renderer(SIZES["tiny"])
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's gap
    save_renderer(model, tmp_path / "appearance.safetensors")
    loaded = load_renderer(tmp_path / "appearance.safetensors")
    assert loaded.config == model.config
    assert not loaded.training
    for name, weight in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight)


def test_equal_weights_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        torch.manual_seed(0)
        save_renderer(Renderer(SIZES["tiny"]), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def text(path: Path) -> None:
    path.write_text("these are no weights")


def other_model(path: Path) -> None:
    save_file({"weight": torch.zeros(2)}, path, metadata={"motion_config": "{}"})


def other_fields(path: Path) -> None:
    config = json.dumps(FIELDS | {"depth": 3})
    save_file({"weight": torch.zeros(2)}, path, metadata={"renderer_config": config})


def no_json(path: Path) -> None:
    save_file({"weight": torch.zeros(2)}, path, metadata={"renderer_config": "depth 3"})


def other_tensors(path: Path) -> None:
    config = json.dumps(FIELDS)
    save_file({"weight": torch.zeros(2)}, path, metadata={"renderer_config": config})


def cut_off(path: Path) -> None:
    save_renderer(Renderer(SIZES["tiny"]), path)
    path.write_bytes(path.read_bytes()[:-100])


def nothing(path: Path) -> None:
    """No file at all."""


@pytest.mark.parametrize(
    "spoil", [text, other_model, other_fields, no_json, other_tensors, cut_off, nothing]
)
def test_a_file_that_is_no_renderer_is_rejected(
    spoil: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "appearance.safetensors"
    spoil(path)
    with pytest.raises(ModelError) as refused:
        load_renderer(path)
    assert refused.value.reason == Reason.MODEL_CORRUPT
    assert refused.value.where == str(path)
