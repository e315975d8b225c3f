"""The work folder of a curation: files that passes write and later passes read."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from mytalk_core.curation.decisions import CurateConfig, StepRule, steps
from mytalk_core.curation.exchange import Ranges, read_range, write_ranges
from mytalk_core.data.curated import CuratedFolder

ROWS_PER_RANGE = 32768


@dataclass(frozen=True)
class Work:
    """The settings of one curation and the files of its passes."""

    folder: CuratedFolder
    config: CurateConfig
    name: str  # id of the configuration
    ranges: int  # number of ranges in every pass

    @property
    def rules(self) -> tuple[StepRule, ...]:
        """The steps that can remove a row."""
        return steps(self.config)

    @property
    def root(self) -> Path:
        """The work folder, which depends on the number of ranges."""
        return self.folder.work / f"{self.ranges}_ranges"

    def parts(self, written_by: str) -> Path:
        """The folder of the files of a pass."""
        return self.root / written_by

    def part(self, written_by: str, number: int) -> Path:
        """The file of one task of a pass."""
        return self.parts(written_by) / f"{number:06d}.arrow"

    def read(self, written_by: str, number: int) -> pa.Table:
        """Read one range of the output of a pass."""
        return read_range(self.parts(written_by), number)

    def write(self, name: str, number: int, table: pa.Table, ranges_of_rows: Ranges) -> None:
        """Write a table, partitioned into ranges."""
        write_ranges(self.part(name, number), table, ranges_of_rows, self.ranges)

    def write_by_row(self, name: str, number: int, table: pa.Table) -> None:
        """Write a table, partitioned by the ranges of its column `row`."""
        self.write(name, number, table, range_of_rows(table["row"].to_numpy()))


def row_numbers(number: int, count: int) -> pa.Array:
    """Return the numbers of the first `count` rows of a range."""
    return pa.array(np.int64(number) << 32 | np.arange(count, dtype=np.int64))


def range_of_rows(rows: Ranges) -> Ranges:
    """Return the range of each row number."""
    return rows >> 32


def place_in_range(rows: Ranges) -> Ranges:
    """Return the place of each row number in its range."""
    return rows & 0xFFFFFFFF
