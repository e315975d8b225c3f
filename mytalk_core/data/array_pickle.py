"""Weights that somebody published as a pickle of arrays, read without running what is in it.

A pickle is a program: loading one may call anything. This reader knows how arrays are written and
refuses the rest, and what it has read becomes a safetensors file, which can only be data.
"""

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy._core.multiarray import _reconstruct
from numpy.typing import NDArray
from safetensors.numpy import save_file

from mytalk_core.errors import ModelError, Reason

# What a pickled array refers to, by the names of NumPy 1 and 2. `_reconstruct` makes an empty
# array, whose state is then its type, shape and bytes.
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None


def read_array_pickle(path: Path) -> dict[str, NDArray[np.floating[Any]]]:
    """The arrays of a pickle that holds dictionaries of dictionaries of arrays.

    Returns:
        name -> array of floating point; the name is the keys on the way joined by ".".

    Raises:
        ModelError: where the file is no such pickle, or asks for anything but arrays.
    """
    try:
        with path.open("rb") as file:
            return dict(_leaves(_ArrayUnpickler(file).load(), ()))
    # A damaged pickle may raise almost anything on its way.
    except Exception as error:
        raise ModelError(
            f"is not a pickle of plain arrays ({error}).",
            where=path.name,
            reason=Reason.MODEL_CORRUPT,
        ) from error


def _leaves(
    value: object, keys: tuple[str, ...]
) -> Iterator[tuple[str, NDArray[np.floating[Any]]]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise pickle.UnpicklingError(f"a key is {type(key).__name__}")
            yield from _leaves(inner, (*keys, key))
    elif isinstance(value, np.ndarray) and value.dtype.kind == "f" and keys:
        yield ".".join(keys), value
    else:
        raise pickle.UnpicklingError(f"{'.'.join(keys) or 'it'} is no array of numbers")


def convert_to_safetensors(pickled: Path, target: Path) -> None:
    """Write the arrays of `pickled` to `target`, the same bytes for the same pickle.

    Raises:
        ModelError: as `read_array_pickle`.
    """
    arrays = read_array_pickle(pickled)
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, target)
