"""The intermediate results of a curation: files that passes write and later passes read."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mytalk_core.curation.decisions import CurateConfig, StepRule, steps
from mytalk_core.curation.exchange import (
    Ranges,
    iter_range,
    read_batch,
    read_range,
    write_batches,
    write_ranges,
)
from mytalk_core.data.curated import WORK
from mytalk_core.data.storage import Store

ROWS_PER_RANGE = 32768


@dataclass(frozen=True)
class Work:
    """The settings of one curation and the files of its passes. Picklable.

    A pass writes files of numbered tasks under a name of its own. A file has either a batch for
    each range, which a later pass reads across all files, or batches of which each is read alone.
    """

    store: Store  # folder of the results
    config: CurateConfig
    name: str  # id of the configuration
    ranges: int  # number of ranges in every pass

    @property
    def rules(self) -> tuple[StepRule, ...]:
        """The steps that can remove a row."""
        return steps(self.config)

    @property
    def root(self) -> str:
        """The folder of intermediate results: of one configuration and number of ranges."""
        return f"{WORK}/{self.name}-{self.ranges}"

    def write(self, name: str, number: int, table: pa.Table, ranges_of_rows: Ranges) -> None:
        """Write the file of a task: a table, partitioned into ranges."""
        write_ranges(self.store, self._file(name, number), table, ranges_of_rows, self.ranges)

    def write_by_row(self, name: str, number: int, table: pa.Table) -> None:
        """Write the file of a task: a table, partitioned by the ranges of its column `row`."""
        self.write(name, number, table, range_of_rows(table["row"].to_numpy()))

    def read(self, written_by: str, number: int) -> pa.Table:
        """Read one range of all files of a name."""
        return read_range(self.store, self._folder(written_by), number)

    def iter_read(self, written_by: str, number: int) -> Iterator[pa.Table]:
        """Read one range file by file."""
        return iter_range(self.store, self._folder(written_by), number)

    def written(self, name: str) -> bool:
        """Return whether any task wrote a file of this name."""
        return any(True for _ in self.store.names(f"{self._folder(name)}/"))

    def write_part(
        self, name: str, number: int, schema: pa.Schema, tables: Iterable[pa.Table]
    ) -> None:
        """Write the file of a task: tables, one batch each."""
        write_batches(self.store, self._file(name, number), schema, tables)

    def read_part(
        self, written_by: str, number: int, batch: int = 0, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Read one batch of the file of a task; `columns` limits what is read."""
        return read_batch(self.store, self._file(written_by, number), batch, columns)

    def _folder(self, name: str) -> str:
        return f"{self.root}/{name}"

    def _file(self, name: str, number: int) -> str:
        return f"{self._folder(name)}/{number:06d}.arrow"


def row_numbers(number: int, count: int) -> pa.Array:
    """Return the numbers of the first `count` rows of a range."""
    return pa.array(np.int64(number) << 32 | np.arange(count, dtype=np.int64))


def range_of_rows(rows: Ranges) -> Ranges:
    """Return the range of each row number."""
    return rows >> 32


def place_in_range(rows: Ranges) -> Ranges:
    """Return the place of each row number in its range."""
    return rows & 0xFFFFFFFF
