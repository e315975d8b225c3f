"""Truncate a CTranslate2 Whisper encoder after a given layer.

Lip motion is predicted best from the middle of Whisper's encoder; the last layer is specialised for
the text decoder. CTranslate2 outputs the last layer only, so it is given a truncated model. The
model file is a list of named arrays
(https://opennmt.net/CTranslate2/conversion.html, "binary version 6").
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mytalk_core.errors import ModelError, Reason

_VERSION = 6
_FINAL_NORM = "encoder/layer_norm/"
_EMBEDDINGS = "decoder/embeddings/weight"


# Rows kept of the decoder's word embeddings, which are not used; saves 100 MB.
_WORDS = 8


@dataclass(frozen=True)
class _Variable:
    """An array of the model."""

    name: str
    shape: tuple[int, ...]
    kind: int  # element type, numbered as in the format
    data: bytes


def truncated_encoder(model_dir: Path, layers: int) -> dict[str, bytes]:
    """Return the files of a model whose encoder ends after `layers` layers, for `ctranslate2`.

    Output rows are normalised to zero mean and unit deviation, without the gain and bias that the
    final norm learned for the last layer. CTranslate2 requires a decoder; one layer is kept.

    Raises:
        ModelError: where `model.bin` has another version of the format.
    """
    files = {
        file.name: file.read_bytes() for file in model_dir.iterdir() if file.name != "model.bin"
    }
    with (model_dir / "model.bin").open("rb") as file:
        head = _read_head(file, model_dir)
        (count,) = struct.unpack("<I", file.read(4))
        kept = [
            _entry(_truncated(variable))
            for variable in _variables(file, count)
            if _is_kept(variable.name, layers)
        ]
        aliases = _kept_aliases(file, layers)
    whole = [head, struct.pack("<I", len(kept)), *kept, aliases]
    return files | {"model.bin": b"".join(whole)}


def _is_kept(name: str, layers: int) -> bool:
    side, _, rest = name.partition("/")
    if not rest.startswith("layer_") or rest.startswith("layer_norm"):
        return True
    number = int(rest.partition("/")[0].removeprefix("layer_"))
    return number < (layers if side == "encoder" else 1)


def _read_head(file: BinaryIO, model_dir: Path) -> bytes:
    version = file.read(4)
    if struct.unpack("<I", version) != (_VERSION,):
        raise ModelError(
            f"this is not version {_VERSION} of CTranslate2's format.",
            reason=Reason.MODEL_CORRUPT,
            where=str(model_dir / "model.bin"),
            remedy="mytalk models pull whisper-base",
        )
    return version + _read_text(file) + file.read(4)


def _read_text(file: BinaryIO) -> bytes:
    length = file.read(2)
    return length + file.read(*struct.unpack("<H", length))


def _text(field: bytes) -> str:
    return field[2:].rstrip(b"\0").decode()


def _variables(file: BinaryIO, count: int) -> Iterator[_Variable]:
    for _ in range(count):
        name = _text(_read_text(file))
        (rank,) = file.read(1)
        shape = struct.unpack(f"<{rank}I", file.read(4 * rank))
        kind, size = struct.unpack("<BI", file.read(5))
        yield _Variable(name, shape, kind, file.read(size))


def _entry(variable: _Variable) -> bytes:
    """Return the bytes of a variable in the file; the inverse of reading it."""
    name = variable.name.encode() + b"\0"
    rank = len(variable.shape)
    shape = struct.pack(f"<B{rank}I", rank, *variable.shape)
    kind = struct.pack("<BI", variable.kind, len(variable.data))
    return struct.pack("<H", len(name)) + name + shape + kind + variable.data


def _truncated(variable: _Variable) -> _Variable:
    """Return the variable as stored in the truncated model."""
    if variable.name.startswith(_FINAL_NORM):
        plain = np.full(variable.shape, variable.name.endswith("gamma"), np.float16)
        return replace(variable, data=plain.tobytes())
    if variable.name == _EMBEDDINGS:
        row = len(variable.data) // variable.shape[0]
        shape = (_WORDS, *variable.shape[1:])
        return replace(variable, shape=shape, data=variable.data[: _WORDS * row])
    return variable


def _kept_aliases(file: BinaryIO, layers: int) -> bytes:
    """Return the file's table of aliases without those of removed variables."""
    (count,) = struct.unpack("<I", file.read(4))
    pairs = [(_read_text(file), _read_text(file)) for _ in range(count)]
    kept = [
        second + name
        for second, name in pairs
        if _is_kept(_text(second), layers) and _is_kept(_text(name), layers)
    ]
    return struct.pack("<I", len(kept)) + b"".join(kept)
