"""The file of a sync expert: purpose, configuration and weights. Read without torch.

There is one copy per purpose, trained separately, and a file is rejected for any other purpose: a
copy that selected data or trained a model must not evaluate the result.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save

from mytalk_core.data.model_store import own_weights
from mytalk_core.errors import ModelError, Reason
from mytalk_core.media.output import atomic_path

_ENTRY = "sync_expert"  # metadata: purpose, configuration and provenance as JSON


class Purpose(StrEnum):
    """The only use of a copy of the expert."""

    PREPROCESSING = "preprocessing"  # offset and confidence of footage
    TRAINING = "training"  # loss of the motion model
    EVALUATION = "evaluation"  # metrics on landmarks
    PIXELS = "pixels"  # metrics on pictures


class LipInput(StrEnum):
    """The lip input of an expert."""

    LANDMARKS = "landmarks"
    PIXELS = "pixels"


class SoundInput(StrEnum):
    """The sound input of an expert."""

    SPECTRUM = "spectrum"  # log-mel
    SPEECH = "speech"  # the speech features of the motion model


@dataclass(frozen=True)
class ExpertConfig:
    """Inputs and sizes of the two encoders."""

    # Inputs of the encoders.
    lips: LipInput = LipInput.LANDMARKS
    sound: SoundInput = SoundInput.SPECTRUM
    # Video frames of a window.
    frames: int = 5
    # Width of the hidden layers.
    width: int = 64
    # Size of the embedding.
    embedding: int = 64
    # Probability of dropout.
    dropout: float = 0.4
    # Frames by which the expert finds sound late that is in step, measured at the end of training.
    # An expert that was trained on lips of another landmarker keeps the lag of that one.
    in_step: float = 0.0


@dataclass(frozen=True)
class ExpertFile:
    """The content of a file."""

    purpose: Purpose
    config: ExpertConfig
    weights: Mapping[str, NDArray[np.float32]]


def expert_path(purpose: Purpose) -> Path:
    """Return the path of the shipped weights."""
    return own_weights() / f"sync_{purpose}.safetensors"


def write_expert_file(path: Path, content: ExpertFile, about: Mapping[str, str]) -> None:
    """Write an expert as safetensors, with `about`, the provenance of its training.

    Equal experts give equal bytes.

    Raises:
        OutputError: the folder cannot be written.
    """
    # One entry, because safetensors writes several in random order.
    entry = {"purpose": content.purpose, "config": asdict(content.config), **about}
    metadata = {_ENTRY: json.dumps(entry, sort_keys=True)}
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(dict(content.weights), metadata))


def read_expert_file(purpose: Purpose, path: Path | None = None) -> ExpertFile:
    """Read the expert in `path` (None: the shipped one of this purpose).

    Raises:
        ModelError: the file is missing, is no sync expert, or has another purpose.
    """
    path = path or expert_path(purpose)
    if not path.is_file():
        raise ModelError(
            "the weights of the sync expert are missing.",
            reason=Reason.MODEL_MISSING,
            where=str(path),
        )
    try:
        with safe_open(path, "numpy") as stored:
            entry = json.loads(stored.metadata()[_ENTRY])
            fields = entry["config"]
            inputs = LipInput(fields.pop("lips")), SoundInput(fields.pop("sound"))
            content = ExpertFile(
                Purpose(entry["purpose"]),
                ExpertConfig(*inputs, **fields),
                {name: stored.get_tensor(name) for name in stored.keys()},  # noqa: SIM118
            )
    except Exception as error:
        # safetensors, json and the types raise many kinds.
        raise ModelError(
            f"this is no file of a sync expert ({error}).",
            reason=Reason.MODEL_CORRUPT,
            where=str(path),
        ) from error
    if content.purpose is not purpose:
        raise ModelError(
            f"this sync expert is for {content.purpose}, not for {purpose}.",
            reason=Reason.BAD_CONFIGURATION,
            where=str(path),
            remedy=f"Give the file that `mytalk train-sync {purpose}` wrote.",
        )
    return content
