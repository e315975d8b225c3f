"""Rows that a pass over a film adds one by one, on disk, and reads again while it goes on."""

from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray


class RowFile:
    """Arrays of one shape and type in a file, by row number: `FaceRows` on disk."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> None:
        """Args: a file to write; shape and type of a row."""
        self._path = path
        self._shape = shape
        self._dtype = np.dtype(dtype)
        self._count = 0
        self._file = path.open("wb")

    def add(self, row: NDArray[Any]) -> int:
        """Append a row; its number, counted from 0.

        Raises:
            OSError: where the disk is full.
        """
        self._file.write(np.ascontiguousarray(row, self._dtype).data)
        self._count += 1
        return self._count - 1

    def take(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Some rows, (N, ...), a copy."""
        self._file.flush()
        shape = (self._count, *self._shape)
        taken: NDArray[Any] = np.memmap(self._path, self._dtype, "r", shape=shape)[rows]
        return np.asarray(taken)

    def filled(self, rows: NDArray[np.int64], nothing: float) -> NDArray[Any]:
        """Some rows, (N, ...), with `nothing` where a number is negative."""
        values = np.full((len(rows), *self._shape), nothing, self._dtype)
        there = rows >= 0
        if there.any():
            values[there] = self.take(rows[there])
        return values

    def __enter__(self) -> "RowFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file and delete it."""
        self._file.close()
        self._path.unlink(missing_ok=True)
