"""Read weights that were published as a pickle of arrays, without running code from it.

Loading a pickle may call any function. This reader accepts pickled NumPy arrays in dictionaries and
refuses everything else. The arrays are converted to safetensors, which holds data only.
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

# The globals of a pickled array, by the names of NumPy 1 and 2. `_reconstruct` makes an empty
# array, to which the pickle then assigns dtype, shape and bytes.
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
            raise pickle.UnpicklingError(f"it refers to {module}.{name}") from None


def read_array_pickle(path: Path) -> dict[str, NDArray[np.floating[Any]]]:
    """Read a pickle of nested dictionaries of arrays.

    Returns:
        name -> floating-point array of any shape; the name is the path of keys joined by ".".

    Raises:
        ModelError: MODEL_CORRUPT if the file is no such pickle or refers to anything but arrays.
    """
    try:
        with path.open("rb") as file:
            return dict(_leaves(_ArrayUnpickler(file).load(), ()))
    except Exception as error:  # a damaged pickle raises almost any type
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
        raise pickle.UnpicklingError(f"{'.'.join(keys) or 'it'} is not a floating-point array")


def convert_to_safetensors(pickled: Path, target: Path) -> None:
    """Write the arrays of `pickled` to `target` as safetensors; deterministic.

    Raises:
        ModelError: as `read_array_pickle`.
    """
    arrays = read_array_pickle(pickled)
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, target)
