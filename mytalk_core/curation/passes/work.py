"""Where the passes of one curation leave what the next ones read."""

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
    """One curation: what is asked, and the files of its passes."""

    folder: CuratedFolder
    config: CurateConfig
    name: str  # id of the configuration
    ranges: int  # into which every pass cuts its rows

    @property
    def rules(self) -> tuple[StepRule, ...]:
        """The steps that can take a row away."""
        return steps(self.config)

    @property
    def root(self) -> Path:
        """The folder of these files: rows that are cut otherwise have another."""
        return self.folder.work / f"{self.ranges}_ranges"

    def parts(self, written_by: str) -> Path:
        """The folder of all files that a pass left."""
        return self.root / written_by

    def part(self, written_by: str, number: int) -> Path:
        """The file that one task of a pass left."""
        return self.parts(written_by) / f"{number:06d}.arrow"

    def read(self, written_by: str, number: int) -> pa.Table:
        """A range of what a pass left."""
        return read_range(self.parts(written_by), number)

    def write(self, name: str, number: int, table: pa.Table, ranges_of_rows: Ranges) -> None:
        """Leave a table, cut into ranges."""
        write_ranges(self.part(name, number), table, ranges_of_rows, self.ranges)

    def write_by_row(self, name: str, number: int, table: pa.Table) -> None:
        """Leave a table, cut into the ranges in which its rows are decided."""
        self.write(name, number, table, range_of_rows(table["row"].to_numpy()))


def row_numbers(number: int, count: int) -> pa.Array:
    """Numbers of the rows of a range."""
    return pa.array(np.int64(number) << 32 | np.arange(count, dtype=np.int64))


def range_of_rows(rows: Ranges) -> Ranges:
    """The ranges that rows are in."""
    return rows >> 32


def place_in_range(rows: Ranges) -> Ranges:
    """The places of rows in their ranges."""
    return rows & 0xFFFFFFFF
