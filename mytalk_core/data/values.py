"""Encode the frozen values that stages return as JSON, so that they can be stored and sent.

A value is a dataclass of numbers, texts, fractions, enums, tuples, mappings, arrays and further
such dataclasses. Arrays are stored bit for bit; those of `StoredArray` stay in their files, whose
paths are relative to a folder.
"""

import base64
import json
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar, get_origin

import cattrs
import numpy as np
from cattrs.preconf.json import make_converter
from numpy.typing import NDArray

V = TypeVar("V")


def dump_value(value: Any, kind: Any, folder: Path) -> str:
    """Encode a value as JSON.

    Args:
        kind: its type, as in an annotation, such as `tuple[TrackMotion, ...]`.
        folder: of the files that the value refers to; paths in it become relative.
    """
    return json.dumps(_converter(folder).unstructure(value, kind))


def load_value(text: str, kind: type[V], folder: Path) -> V:
    """Decode what `dump_value` returned.

    Args:
        folder: where the files are now.

    Raises:
        ValueError: where the text is no value of this type.
    """
    try:
        loaded: V = _converter(folder).structure(json.loads(text), kind)
    except (cattrs.BaseValidationError, ValueError) as error:
        raise ValueError(f"no {kind}: {error}") from error
    return loaded


def _converter(folder: Path) -> cattrs.Converter:
    converter = make_converter()
    converter.register_unstructure_hook(Fraction, str)
    converter.register_structure_hook(Fraction, lambda text, _: Fraction(text))
    converter.register_unstructure_hook(
        Path,
        lambda path: str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path),
    )
    # An absolute path replaces the folder.
    converter.register_structure_hook(Path, lambda text, _: folder / text)
    converter.register_unstructure_hook_func(_is_array, _array_out)
    converter.register_structure_hook_func(_is_array, _array_in)
    return converter


def _is_array(kind: Any) -> bool:
    return (get_origin(kind) or kind) in (np.ndarray, np.memmap)


def _array_out(array: NDArray[Any]) -> dict[str, Any]:
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
    return {"dtype": array.dtype.str, "shape": list(array.shape), "data": data}


def _array_in(fields: dict[str, Any], _: Any) -> NDArray[Any]:
    data = base64.b64decode(fields["data"])
    return np.frombuffer(data, np.dtype(fields["dtype"])).reshape(fields["shape"]).copy()
