"""Encode the frozen values that stages return as JSON, so that they can be stored and sent.

A value is a dataclass of numbers, texts, fractions, enums, tuples, sets, mappings, arrays and
further such dataclasses. Arrays are stored bit for bit; those of `StoredArray` stay in their files,
which are named relative to a folder. Equal values give equal text; sets are sorted.
"""

import base64
import json
from collections.abc import Callable
from contextvars import ContextVar
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_origin

import cattrs
import numpy as np
from cattrs.cols import is_any_set
from cattrs.preconf.json import make_converter
from numpy.typing import NDArray

from mytalk_core.data.media_file import MediaFile

V = TypeVar("V")

NameOf = Callable[[Path], str]
"""Returns the name under which a value stores the path of a file."""

PathOf = Callable[[str], Path]
"""Returns the path of a file that a value names."""

_name_of: ContextVar[NameOf] = ContextVar("name_of")
_path_of: ContextVar[PathOf] = ContextVar("path_of")


def dump_value(value: Any, kind: Any, folder: Path) -> str:
    """Encode a value as JSON.

    Args:
        kind: its type, as in an annotation, such as `tuple[TrackMotion, ...]`.
        folder: of the files that the value refers to; paths in it become relative.
    """

    def name_of(path: Path) -> str:
        return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)

    return dump_named(value, kind, name_of)


def load_value(text: str, kind: type[V], folder: Path) -> V:
    """Decode what `dump_value` returned.

    Args:
        folder: where the files are now.

    Raises:
        ValueError: where the text is no value of this type.
    """
    return load_named(text, kind, lambda name: folder / name)  # an absolute name replaces it


def dump_named(value: Any, kind: Any, name_of: NameOf) -> str:
    """Encode a value as JSON, with its files under the names that `name_of` gives."""
    return json.dumps(_unstructured(_value_converter(), value, kind, name_of))


def load_named(text: str, kind: type[V], path_of: PathOf) -> V:
    """Decode what `dump_named` returned; `path_of` gives the files of the names.

    Raises:
        ValueError: where the text is no value of this type.
    """
    before = _path_of.set(path_of)
    try:
        loaded: V = _value_converter().structure(json.loads(text), kind)
    except (cattrs.BaseValidationError, ValueError) as error:
        raise ValueError(f"no {kind}: {error}") from error
    finally:
        _path_of.reset(before)
    return loaded


def key_text(value: Any, kind: Any, name_of: NameOf) -> str:
    """Return a text that is equal for equal values, for a key.

    A `MediaFile` counts by its content. The order of a mapping does not matter.
    """
    return json.dumps(_unstructured(_key_converter(), value, kind, name_of), sort_keys=True)


def _unstructured(converter: cattrs.Converter, value: Any, kind: Any, name_of: NameOf) -> Any:
    before = _name_of.set(name_of)
    try:
        return converter.unstructure(value, kind)
    finally:
        _name_of.reset(before)


@cache
def _value_converter() -> cattrs.Converter:
    return _converter()


@cache
def _key_converter() -> cattrs.Converter:
    converter = _converter()
    converter.register_unstructure_hook(MediaFile, lambda file: file.sha256)
    return converter


def _converter() -> cattrs.Converter:
    converter = make_converter()
    converter.register_unstructure_hook(Fraction, str)
    converter.register_structure_hook(Fraction, lambda text, _: Fraction(text))
    converter.register_unstructure_hook(Path, lambda path: _name_of.get()(path))
    converter.register_structure_hook(Path, lambda name, _: _path_of.get()(name))
    converter.register_unstructure_hook_func(_is_array, _array_out)
    converter.register_structure_hook_func(_is_array, _array_in)
    converter.register_unstructure_hook_factory(is_any_set, _sorted_out)
    return converter


def _sorted_out(kind: Any, converter: cattrs.BaseConverter) -> Callable[[Any], list[Any]]:
    """Iteration over a set depends on the process."""
    (item,) = getattr(kind, "__args__", (Any,))

    def out(members: Any) -> list[Any]:
        plain = (converter.unstructure(member, item) for member in members)
        return sorted(plain, key=lambda member: json.dumps(member, sort_keys=True))

    return out


def _is_array(kind: Any) -> bool:
    return (get_origin(kind) or kind) in (np.ndarray, np.memmap)


def _array_out(array: NDArray[Any]) -> dict[str, Any]:
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
    return {"dtype": array.dtype.str, "shape": list(array.shape), "data": data}


def _array_in(fields: dict[str, Any], _: Any) -> NDArray[Any]:
    data = base64.b64decode(fields["data"])
    return np.frombuffer(data, np.dtype(fields["dtype"])).reshape(fields["shape"]).copy()
