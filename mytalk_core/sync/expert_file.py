"""A sync expert on disk: what it is for, its sizes, its weights. Read without torch.

There is one copy for each purpose, trained apart from the others, and a file is refused for any
purpose but its own: who trains or chooses data with its judge learns nothing from the verdict.
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

_ENTRY = "sync_expert"  # of the file's metadata: purpose, configuration and origin as JSON


class Purpose(StrEnum):
    """What a copy of the expert is for; it serves nothing else."""

    PREPROCESSING = "preprocessing"  # offset and confidence of footage
    TRAINING = "training"  # a loss of the motion model
    EVALUATION = "evaluation"  # judges landmarks
    PIXELS = "pixels"  # judges pictures


class LipInput(StrEnum):
    """What an expert sees."""

    LANDMARKS = "landmarks"
    PIXELS = "pixels"


class SoundInput(StrEnum):
    """What an expert hears."""

    SPECTRUM = "spectrum"  # log-mel
    SPEECH = "speech"  # the speech features that the motion model hears, too


@dataclass(frozen=True)
class ExpertConfig:
    """Inputs and sizes of the two encoders."""

    # What is seen and heard.
    lips: LipInput = LipInput.LANDMARKS
    sound: SoundInput = SoundInput.SPECTRUM
    # Video frames of a window, the least that can be judged.
    frames: int = 5
    # Width of the hidden layers.
    width: int = 64
    # Size of the embedding.
    embedding: int = 64
    # Share of the hidden units left out in training.
    dropout: float = 0.4


@dataclass(frozen=True)
class ExpertFile:
    """What a file holds."""

    purpose: Purpose
    config: ExpertConfig
    weights: Mapping[str, NDArray[np.float32]]


def expert_path(purpose: Purpose) -> Path:
    """The weights that the project ships."""
    return own_weights() / f"sync_{purpose}.safetensors"


def write_expert_file(path: Path, content: ExpertFile, about: Mapping[str, str]) -> None:
    """Write an expert and `about` (what it was trained on, by what) as safetensors.

    The same expert gives the same bytes.

    Raises:
        OutputError: where the folder cannot be written.
    """
    # One entry, because safetensors writes several in an order of chance.
    entry = {"purpose": content.purpose, "config": asdict(content.config), **about}
    metadata = {_ENTRY: json.dumps(entry, sort_keys=True)}
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(dict(content.weights), metadata))


def read_expert_file(purpose: Purpose, path: Path | None = None) -> ExpertFile:
    """The expert in `path` (None: the shipped one of this purpose).

    Raises:
        ModelError: where the file is missing, is no sync expert, or serves another purpose.
    """
    path = path or expert_path(purpose)
    if not path.is_file():
        raise ModelError(
            "there are no sync expert's weights.", reason=Reason.MODEL_MISSING, where=str(path)
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
        # safetensors, json and the types each have their own way to say the same.
        raise ModelError(
            f"these are not a sync expert's weights ({error}).",
            reason=Reason.MODEL_CORRUPT,
            where=str(path),
        ) from error
    if content.purpose is not purpose:
        raise ModelError(
            f"this sync expert is for {content.purpose}, not for {purpose}; copies never mix.",
            reason=Reason.BAD_CONFIGURATION,
            where=str(path),
            remedy=f"Give the file that `mytalk train-sync {purpose}` wrote.",
        )
    return content
