"""Trained weights and the configuration of their network as one safetensors file."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from mytalk_core.errors import ModelError, Reason

Network = TypeVar("Network", bound=nn.Module)


def write_weights(
    path: Path,
    network: nn.Module,
    entry: str,
    config: dict[str, Any],
    notes: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write the weights of `network`, and its `config` (JSON values) as metadata `entry`.

    Equal weights give equal bytes.

    Args:
        notes: further metadata.
    """
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    path.write_bytes(save(tensors, metadata={**notes, entry: json.dumps(config)}))


def read_notes(path: Path) -> dict[str, str]:
    """Return the metadata of a weights file.

    Raises:
        OSError, SafetensorError: the file is missing or is no safetensors file.
    """
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata() or {})


def read_weights(
    path: Path, entry: str, build: Callable[[dict[str, Any]], Network], what: str, remedy: str
) -> Network:
    """Read a network written by `write_weights`, in evaluation mode.

    Args:
        build: creates the network from its configuration.
        what, remedy: for the error: what the file should be, and what to give instead.

    Raises:
        ModelError: the file is missing or holds something else.
    """
    try:
        with safe_open(path, framework="pt") as file:
            network = build(json.loads((file.metadata() or {})[entry]))
            network.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except (OSError, SafetensorError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ModelError(
            f"this is not {what} ({type(error).__name__}).",
            reason=Reason.MODEL_CORRUPT,
            where=str(path),
            remedy=remedy,
        ) from error
    return network.eval()
