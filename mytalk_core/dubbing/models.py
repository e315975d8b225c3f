"""The model files of a dub, found in the model store."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from mytalk_core.data.model_store import pull
from mytalk_core.data.recipe import checksums
from mytalk_core.errors import ModelError, Reason
from mytalk_core.sync.expert_file import Purpose, expert_path

JUDGE = "perceptual-alexnet"
"""The model of the store that decides whether learning an actor helped."""


@dataclass(frozen=True)
class DubModels:
    """The model files of a dub."""

    landmarker: Path  # face_landmarker.task
    speech_encoder: Path  # folder of a CTranslate2 Whisper
    motion: Path  # speech-to-motion weights
    renderer: Path  # renderer weights
    face_embedding: Path  # of dlib, tells people apart
    voice_embedding: Path  # of resemblyzer, tells voices apart


@dataclass(frozen=True)
class NamedModels:
    """The models of a dub by their names in the model store, and files of own weights."""

    motion: Path  # speech-to-motion weights
    renderer: Path  # renderer weights
    landmarker: str = "face-landmarker"
    speech_encoder: str = "whisper-base"
    face_embedding: str = "face-embedding"
    voice_embedding: str = "voice-embedding"

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
            face_embedding=pull(self.face_embedding),
            voice_embedding=pull(self.voice_embedding),
        )


def model_digests(models: NamedModels) -> dict[str, str]:
    """What identifies the models of a dub, by role: digests of their files.

    Models of the store are identified without reading them.
    """
    roles: dict[str, Path | str] = {
        "landmarker": models.landmarker,
        "speech_encoder": models.speech_encoder,
        "motion": models.motion,
        "renderer": models.renderer,
        "faces": models.face_embedding,
        "voices": models.voice_embedding,
        "sync": expert_path(Purpose.PREPROCESSING),
        "lip_judge": expert_path(Purpose.EVALUATION),
        "judge": JUDGE,
    }
    return {role: _digest(checksums(each)) for role, each in roles.items()}


def _digest(files: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(files), sort_keys=True).encode()).hexdigest()[:16]


def shipped_weights(name: str) -> Path:
    """Return the file of weights that are part of the package."""
    return Path(str(files("mytalk_core") / "weights" / f"{name}.safetensors"))


def named_models(motion: Path | None, renderer: Path | None) -> NamedModels:
    """Name the models of a dub; own weights replace the shipped ones."""
    return NamedModels(
        motion or shipped_weights("motion"), renderer or shipped_weights("appearance")
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
