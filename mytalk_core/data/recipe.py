"""What decides a kept result beside its input and settings: versions of software, bytes of models.

Every key under which a result is kept or continued takes both from here, so that no key forgets
one of them.
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
    """A part of the work whose results are kept under a key."""

    FOOTAGE = "footage"  # footage to samples
    CURATION = "curation"  # samples to training shards
    TRAINING = "training"  # shards to weights
    ADAPTATION = "adaptation"  # a film to a renderer of its actor
    DUBBING = "dubbing"  # a title to its film and report


@dataclass(frozen=True)
class Recipe:
    """The packages that the modules of a stage import, by name in the package index."""

    packages: tuple[str, ...]
    """Another version of one of these may give another result."""

    without_effect: tuple[str, ...]
    """Imported by the stage, but no version of these changes a value of a result."""


# They store, move and lock files, and write pages.
_HANDLING = (
    "aiohttp",
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
        (*_PICTURE, *_SOUND, "pyarrow", "ray", "torch", "webdataset"),
        # The way to a cluster, curves, and the judges of a finished run.
        (
            *_HANDLING,
            *_LANDMARKS,
            "dlib-bin",
            "grpcio",
            "pocketsphinx",
            "pysubs2",
            "scikit-image",
            "tensorboardX",
        ),
    ),
    ResultKind.ADAPTATION: Recipe(
        (*_PICTURE, *_SOUND, *_LANDMARKS, "scenedetect", "torch"),
        (*_HANDLING, "pyarrow", "webdataset"),
    ),
    ResultKind.DUBBING: Recipe(
        (
            *_PICTURE,
            *_SOUND,
            *_LANDMARKS,
            "pysubs2",
            "scenedetect",
            "torch",
            "transformers",
            "whisperx",
        ),
        (*_HANDLING, "pyarrow", "webdataset"),
    ),
}


@lru_cache
def _versions(kind: ResultKind) -> tuple[tuple[str, str], ...]:
    packages = RECIPES[kind].packages
    found = {"mytalk": mytalk_core.__version__}
    found |= {package: version(package) for package in sorted(packages)}
    # The same wheel may use another FFmpeg, built or installed on the machine.
    if "av" in packages:
        found["ffmpeg libraries"] = str(av.ffmpeg_version_info)
    if "imageio-ffmpeg" in packages:
        found["ffmpeg program"] = str(imageio_ffmpeg.get_ffmpeg_version())
    return tuple(found.items())


def made_with(kind: ResultKind) -> dict[str, str]:
    """The version, on this machine, of every package and program that can change the result."""
    return dict(_versions(kind))


def checksums(path: Path | str | None) -> dict[str, str]:
    """The SHA-256 of a model file, or of every file below a folder, by its name there.

    A text is the name of a model of the store, whose checksums are known without its files. None
    gives no entry. The place and the name of a single file do not count.
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
