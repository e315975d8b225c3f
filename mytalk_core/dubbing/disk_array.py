"""Arrays that grow with a film and so live on disk, mapped into memory where they are read."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def stack_on_disk(path: Path, blocks: Iterable[NDArray[Any]]) -> NDArray[Any]:
    """Write blocks (n, ...) of one type one after the other; the whole (N, ...), read-only.

    Raises:
        OSError: where the disk is full.
        ValueError: where there is no block.
    """
    rows = 0
    kind: NDArray[Any] | None = None
    with path.open("wb") as file:
        for block in blocks:
            kind = block[:0]
            rows += len(block)
            file.write(np.ascontiguousarray(block).data)
    if kind is None or rows == 0:
        raise ValueError(f"there is nothing to write to {path.name}")
    return np.memmap(path, dtype=kind.dtype, mode="r", shape=(rows, *kind.shape[1:]))
