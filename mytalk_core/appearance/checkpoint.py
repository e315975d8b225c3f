"""The file of a renderer."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from mytalk_core.appearance.renderer import Renderer, RendererConfig
from mytalk_core.training.weights_file import read_weights, write_weights

_ENTRY = "renderer_config"


def save_renderer(
    model: Renderer, path: Path, notes: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Write weights and configuration as one safetensors file; `notes` as of `write_weights`."""
    write_weights(path, model, _ENTRY, asdict(model.config), notes)


def load_renderer(path: Path) -> Renderer:
    """Read a file of `save_renderer`; nothing is unpickled.

    Raises:
        ModelError: where the file is missing or holds no renderer.
    """
    model = read_weights(
        path,
        _ENTRY,
        _built,
        "a renderer",
        "Give an appearance.safetensors that `mytalk train appearance` wrote.",
    )
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's gap
    return model


def _built(fields: dict[str, Any]) -> Renderer:
    return Renderer(RendererConfig(**(fields | {"widths": tuple(fields["widths"])})))
