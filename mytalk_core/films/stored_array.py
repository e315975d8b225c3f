"""Arrays that grow with the length of a film: written to disk, mapped into memory to be read."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class StoredArray:
    """A reference to an array in a file. Many may share one file; keeping one opens none."""

    path: Path
    dtype: str  # NumPy's name
    shape: tuple[int, ...]
    offset: int = 0  # bytes before it in the file

    def __len__(self) -> int:
        return self.shape[0]

    def rows(self, first: int, end: int) -> "StoredArray":
        """Rows [first, end) of the array, in the same file."""
        row = math.prod(self.shape[1:]) * np.dtype(self.dtype).itemsize
        shape = (end - first, *self.shape[1:])
        return StoredArray(self.path, self.dtype, shape, self.offset + first * row)

    def read(self) -> NDArray[Any]:
        """Map the array, read-only. The file stays open for as long as the result exists."""
        if 0 in self.shape:
            return np.empty(self.shape, self.dtype)
        return np.memmap(self.path, self.dtype, "r", self.offset, self.shape)


class ArrayFile:
    """Writes arrays into one file, one after the other."""

    def __init__(self, path: Path) -> None:
        """Args: the file, which the first array replaces."""
        self._path = path
        self._size = 0  # bytes

    def add(self, blocks: Iterable[NDArray[Any]]) -> StoredArray:
        """Write blocks (n, ...) of one type one after the other as one array (N, ...).

        Raises:
            OSError: where the disk is full.
            ValueError: where there is no block.
        """
        if self._size == 0:
            self._path.unlink(missing_ok=True)  # a file that is mapped must not be truncated
        offset, rows = self._size, 0
        kind: NDArray[Any] | None = None  # type and shape of the blocks, no rows
        with self._path.open("ab") as file:
            for block in blocks:
                kind = block[:0]
                rows += len(block)
                self._size += file.write(np.ascontiguousarray(block).data)
        if kind is None:
            raise ValueError(f"there is nothing to write to {self._path.name}")
        return StoredArray(self._path, kind.dtype.name, (rows, *kind.shape[1:]), offset)


class RowWriter:
    """Writes rows of one shape and type into a file, one by one."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> None:
        """Args: the file, which is replaced; shape and type of a row."""
        self._path = path
        self._shape = shape
        self._dtype = np.dtype(dtype)
        self._count = 0
        path.unlink(missing_ok=True)  # a file that is mapped must not be truncated
        self._file = path.open("wb")

    def add(self, row: NDArray[Any]) -> int:
        """Append a row; return its number, counted from 0.

        Raises:
            OSError: where the disk is full.
        """
        self._file.write(np.ascontiguousarray(row, self._dtype).data)
        self._count += 1
        return self._count - 1

    def finish(self) -> StoredArray:
        """Close the file; return all rows, (N, ...)."""
        self._file.close()
        return StoredArray(self._path, self._dtype.name, (self._count, *self._shape))

    def __enter__(self) -> "RowWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._file.close()


def store_array(path: Path, blocks: Iterable[NDArray[Any]]) -> StoredArray:
    """Write blocks (n, ...) of one type as one array (N, ...) into a file of its own.

    Raises:
        OSError: where the disk is full.
        ValueError: where there is no block.
    """
    return ArrayFile(path).add(blocks)
