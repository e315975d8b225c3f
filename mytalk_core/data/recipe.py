"""Versions of packages and checksums of models that determine a stored result.

Every key under which a result is stored or continued includes both, besides input and settings.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import av
import imageio_ffmpeg

import mytalk_core
from mytalk_core.data.checked_file import sha256_of
from mytalk_core.data.model_store import model


class ResultKind(StrEnum):
    """A stage whose results are stored under a key."""

    FOOTAGE = "footage"  # footage -> samples
    CURATION = "curation"  # samples -> training shards
    TRAINING = "training"  # shards -> weights
    DUBBING = "dubbing"  # title -> film and report


@dataclass(frozen=True)
class Recipe:
    """The packages that a stage imports, by their name in the package index."""

    packages: tuple[str, ...]
    """Packages whose version may change a result."""

    without_effect: tuple[str, ...]
    """Packages whose version does not change a result."""


# Storage, values, file locks and pages.
_HANDLING = (
    "aiohttp",
    "cattrs",
    "filelock",
    "fsspec",
    "jinja2",
    "matplotlib",
    "platformdirs",
    "safetensors",
    "tenacity",
)

_PICTURE = ("av", "ffmpeg-python", "imageio-ffmpeg", "numpy", "opencv-contrib-python", "scipy")
# faster-whisper runs its voice detector on onnxruntime.
_SOUND = ("ctranslate2", "faster-whisper", "onnxruntime", "tokenizers")
_LANDMARKS = ("mediapipe",)
# Readers of scripts.
_SCRIPTS = (
    "charset-normalizer",
    "lxml",
    "pysubs2",
    "python-calamine",
    "python-docx",
    "ttconv",
    "webvtt-py",
)

RECIPES: Mapping[ResultKind, Recipe] = {
    ResultKind.FOOTAGE: Recipe(
        (
            *_PICTURE,
            *_SOUND,
            *_LANDMARKS,
            "dlib-bin",
            "face-alignment",
            "scenedetect",
            "torch",
            "webdataset",
        ),
        (*_HANDLING, "onnx", "pyarrow"),
    ),
    ResultKind.CURATION: Recipe(
        ("apache-beam", "numpy", "pyarrow", "scipy"),
        # The last three draw pictures of the dataset card.
        (*_HANDLING, "av", "imageio-ffmpeg", "opencv-contrib-python"),
    ),
    ResultKind.TRAINING: Recipe(
        # pocketsphinx labels speech without pictures.
        (*_PICTURE, *_SOUND, "pocketsphinx", "pyarrow", "ray", "torch", "webdataset"),
        # Cluster access, training curves, and the evaluation after training.
        (
            *_HANDLING,
            *_LANDMARKS,
            "dlib-bin",
            "face-alignment",
            "grpcio",
            *_SCRIPTS,
            "scikit-image",
            "tensorboardX",
        ),
    ),
    ResultKind.DUBBING: Recipe(
        (
            *_PICTURE,
            *_SOUND,
            *_LANDMARKS,
            *_SCRIPTS,
            "dlib-bin",
            "nltk",
            "python-stretch",
            "scenedetect",
            "torch",
            "torchaudio",
            "transformers",
            "whisperx",
        ),
        (*_HANDLING, "onnx", "pyarrow", "webdataset"),
    ),
}


@lru_cache
def _versions(kind: ResultKind) -> tuple[tuple[str, str], ...]:
    packages = RECIPES[kind].packages
    found = {"mytalk": mytalk_core.__version__}
    found |= {package: version(package) for package in sorted(packages)}
    # PyAV and imageio-ffmpeg may use another FFmpeg that is built or installed on the machine.
    if "av" in packages:
        found["ffmpeg libraries"] = str(av.ffmpeg_version_info)
    if "imageio-ffmpeg" in packages:
        found["ffmpeg program"] = str(imageio_ffmpeg.get_ffmpeg_version())
    return tuple(found.items())


def made_with(kind: ResultKind) -> dict[str, str]:
    """Return the installed versions of the packages and programs that can change a result."""
    return dict(_versions(kind))


def checksums(path: Path | str | None) -> dict[str, str]:
    """Return the SHA-256 of a model file, or of every file below a folder, by relative name.

    A string names a model of the store; its checksums are known without reading its files. None
    gives no entry. A single file has the empty name, whatever its path.
    """
    if path is None:
        return {}
    if isinstance(path, str):
        spec = model(path)
        found = {file.name: file.sha256 or "" for file in spec.files}
        return found if len(found) > 1 else {"": found[spec.files[0].name]}
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return {file.relative_to(path).as_posix(): sha256_of(file) for file in files}
    return {"": sha256_of(path)}
