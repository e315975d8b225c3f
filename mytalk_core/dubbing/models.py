"""The model files of a dub, found in the model store."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from mytalk_core.data.model_store import pull
from mytalk_core.errors import ModelError, Reason


@dataclass(frozen=True)
class DubModels:
    """The model files of a dub."""

    landmarker: Path  # face_landmarker.task
    speech_encoder: Path  # folder of a CTranslate2 Whisper
    motion: Path  # speech-to-motion weights
    renderer: Path  # renderer weights


def shipped_weights(name: str) -> Path:
    """Weights that come with the project."""
    return Path(str(files("mytalk_core") / "weights" / f"{name}.safetensors"))


def stored_models(motion: Path | None, renderer: Path | None) -> DubModels:
    """Pull what is missing; own weights may stand in for the shipped ones.

    Raises:
        ModelError: as `pull`; MODEL_MISSING where weights are named that do not exist.
    """
    return DubModels(
        landmarker=pull("face-landmarker"),
        speech_encoder=pull("whisper-base"),
        motion=_existing(motion or shipped_weights("motion")),
        renderer=_existing(renderer or shipped_weights("appearance")),
    )


def _existing(weights: Path) -> Path:
    if not weights.is_file():
        raise ModelError(
            "there are no weights here.",
            reason=Reason.MODEL_MISSING,
            where=str(weights),
            remedy="Name a safetensors file that `mytalk train` wrote.",
        )
    return weights
