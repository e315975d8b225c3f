"""The renderer on disk: weights and configuration as one safetensors file."""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from mytalk_core.appearance.renderer import Renderer, RendererConfig
from mytalk_core.errors import ModelError, Reason


def save_renderer(model: Renderer, path: Path) -> None:
    """Write weights and configuration."""
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    path.write_bytes(save(tensors, metadata={"renderer_config": json.dumps(asdict(model.config))}))


def load_renderer(path: Path) -> Renderer:
    """Read what `save_renderer` wrote; nothing is unpickled.

    Raises:
        ModelError: where the file is missing or is no such model.
    """
    try:
        with safe_open(path, framework="pt") as file:
            fields = json.loads((file.metadata() or {})["renderer_config"])
            fields["widths"] = tuple(fields["widths"])
            model = Renderer(RendererConfig(**fields))
            model.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except (OSError, SafetensorError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ModelError(
            f"this is not a renderer ({type(error).__name__}).",
            reason=Reason.MODEL_CORRUPT,
            where=str(path),
            remedy="Give an appearance.safetensors that `mytalk train appearance` wrote.",
        ) from error
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's gap
    return model.eval()
