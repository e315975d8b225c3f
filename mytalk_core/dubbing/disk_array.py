"""Arrays that grow with a film and so live on disk, mapped into memory where they are read."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def stack_on_disk(path: Path, blocks: Iterable[NDArray[Any]]) -> NDArray[Any]:
    """Write blocks (n, ...) of one type one after the other; the whole (N, ...), read-only.

    The array keeps its file open. Many arrays that are kept belong into one `DiskArrays`.

    Raises:
        OSError: where the disk is full.
        ValueError: where there is no block.
    """
    return DiskArrays(path).add(blocks).read()


@contextmanager
def temporary_stack(path: Path, blocks: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """As `stack_on_disk`, for the time of the block: the file is deleted after it.

    Raises:
        OSError: where the disk is full.
        ValueError: where there is no block.
    """
    try:
        yield stack_on_disk(path, blocks)
    finally:
        path.unlink(missing_ok=True)


class DiskArrays:
    """Any number of arrays in one file, which is opened once however many there are.

    All have the same type and the same shape but for their first dimension. A film has thousands
    of runs, and a process may open some thousand files.
    """

    def __init__(self, path: Path) -> None:
        """Args: the file to write; one that is there is replaced by the first array."""
        self._path = path
        self._rows = 0
        self._kind: NDArray[Any] | None = None  # no rows, but type and shape of the others
        self._mapped: NDArray[Any] | None = None

    def add(self, blocks: Iterable[NDArray[Any]]) -> "DiskArray":
        """Write blocks (n, ...) one after the other as one array (N, ...).

        Raises:
            OSError: where the disk is full.
            ValueError: where there is no block.
        """
        first = self._rows
        if first == 0:
            self._path.unlink(missing_ok=True)  # what is mapped must not be cut short
        with self._path.open("ab") as file:
            for block in blocks:
                self._kind = block[:0]
                self._rows += len(block)
                file.write(np.ascontiguousarray(block).data)
        if self._rows == first:
            raise ValueError(f"there is nothing to write to {self._path.name}")
        return DiskArray(self, first, self._rows)

    def rows(self, first: int, end: int) -> NDArray[Any]:
        """Rows [first, end) of the file, read-only, mapped."""
        if self._mapped is None or len(self._mapped) < end:
            assert self._kind is not None  # there are rows
            shape = (self._rows, *self._kind.shape[1:])
            self._mapped = np.memmap(self._path, dtype=self._kind.dtype, mode="r", shape=shape)
        return self._mapped[first:end]


@dataclass(frozen=True)
class DiskArray:
    """One array of a `DiskArrays`. To keep it keeps no file open; what `read` gives does."""

    arrays: DiskArrays
    first: int  # row of the file
    end: int

    def read(self) -> NDArray[Any]:
        """The array, read-only, mapped."""
        return self.arrays.rows(self.first, self.end)
