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


@dataclass(frozen=True)
class NamedModels:
    """The models of a dub by their names in the model store, and files of own weights."""

    motion: Path  # speech-to-motion weights
    renderer: Path  # renderer weights
    landmarker: str = "face-landmarker"
    speech_encoder: str = "whisper-base"

    def here(self) -> DubModels:
        """Pull the models of the store; return all models as files of this machine.

        Raises:
            ModelError: as `pull`; MODEL_MISSING where own weights do not exist.
        """
        return DubModels(
            landmarker=pull(self.landmarker),
            speech_encoder=pull(self.speech_encoder),
            motion=_existing(self.motion),
            renderer=_existing(self.renderer),
        )


def shipped_weights(name: str) -> Path:
    """Return the file of weights that are part of the package."""
    return Path(str(files("mytalk_core") / "weights" / f"{name}.safetensors"))


def named_models(motion: Path | None, renderer: Path | None) -> NamedModels:
    """Name the models of a dub; own weights replace the shipped ones."""
    return NamedModels(
        motion or shipped_weights("motion"), renderer or shipped_weights("appearance")
    )


def stored_models(motion: Path | None, renderer: Path | None) -> DubModels:
    """Pull missing models; own weights replace the shipped ones.

    Raises:
        ModelError: as `NamedModels.here`.
    """
    return named_models(motion, renderer).here()


def _existing(weights: Path) -> Path:
    if not weights.is_file():
        raise ModelError(
            "there are no weights here.",
            reason=Reason.MODEL_MISSING,
            where=str(weights),
            remedy="Name a safetensors file that `mytalk train` wrote.",
        )
    return weights
