"""Summarise a manifest or an index in one pass, in bounded memory."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mytalk_core.data.manifest import Kind, Status
from mytalk_core.data.storage import Store
from mytalk_core.errors import BadInputError, Reason

Row = dict[str, Any]
"""A row by column. Hashes are hexadecimal; missing measurements are None."""

_OUTCOME = ("kind", "status", "reason", "error_class", "stage")
_BATCH = 16_384  # rows


@dataclass(frozen=True)
class TableContents:
    """Summary of a manifest or an index."""

    kind: str  # "manifest" or "index"
    rows: int
    groups: list[Row]  # manifest: by outcome, index: by split; with `rows` and `hours` or `bytes`
    speakers: list[Row]  # of usable clips, largest first; with `clips` and `hours` or `bytes`
    first: list[Row]  # the first rows in full


def table_contents(store: Store, name: str, limit: int) -> TableContents:
    """Summarise a manifest or an index, with its first `limit` rows in full.

    Raises:
        BadInputError: it is not a Parquet file, or neither a manifest nor an index.
        StorageError: the storage does not answer.
    """
    with _opened(store, name) as table:
        columns = table.schema_arrow.names
        manifest = "kind" in columns
        by = [column for column in (_OUTCOME if manifest else ("split",)) if column in columns]
        amount = "duration_seconds" if manifest else "size"
        wanted = [*by, "speaker", amount]
        counted, speakers = _Sums(by, amount), _Sums(["speaker"], amount)
        for batch in table.iter_batches(_BATCH, columns=wanted):
            part = pa.Table.from_batches([batch])
            counted.add(part)
            speakers.add(part.filter(_usable()) if manifest else part)
        unit = "hours" if manifest else "bytes"
        return TableContents(
            kind="manifest" if manifest else "index",
            rows=table.metadata.num_rows,
            groups=counted.rows("rows", unit),
            speakers=sorted(speakers.rows("clips", unit), key=lambda row: (-row[unit], str(row))),
            first=list(islice(_rows(table), limit)),
        )


def find_row(store: Store, name: str, key: str) -> Row:
    """Return the first row whose `key` or `id` is `key`.

    Raises:
        BadInputError: as `table_contents`; NOT_FOUND if there is none.
        StorageError: the storage does not answer.
    """
    with _opened(store, name) as table:
        named = pc.field("key") == key
        if "id" in table.schema_arrow.names:
            named |= pc.field("id") == key
        for batch in table.iter_batches(_BATCH):
            for row in _plain(batch.filter(named)):
                return row
    raise BadInputError(
        f"has no row {key!r}.", reason=Reason.NOT_FOUND, where=f"{store.url}/{name}"
    )


def iter_clip_rows(store: Store, name: str) -> Iterator[Row]:
    """Yield the rows of clips that are stored in a shard, in order.

    Raises:
        BadInputError, StorageError: as `table_contents`.
    """
    with _opened(store, name) as table:
        for row in _rows(table):
            is_clip = row.get("kind", Kind.CLIP) == Kind.CLIP
            if is_clip and row.get("status", Status.OK) == Status.OK and row["shard"]:
                yield row


@contextmanager
def _opened(store: Store, name: str) -> Iterator[pq.ParquetFile]:
    where = f"{store.url}/{name}"
    with store.open_read(name) as file:
        try:
            table = pq.ParquetFile(file)
            names = set(table.schema_arrow.names)
            if not (names >= {"key", "shard", "speaker"} and names & {"kind", "split"}):
                raise BadInputError(
                    "is a table, but neither a manifest nor an index.",
                    reason=Reason.UNREADABLE,
                    where=where,
                )
            yield table
        except (pa.ArrowException, OSError) as error:
            raise BadInputError(
                f"this is not a Parquet file ({error}).", reason=Reason.UNREADABLE, where=where
            ) from error


def _rows(table: pq.ParquetFile) -> Iterator[Row]:
    for batch in table.iter_batches(_BATCH // 16):
        yield from _plain(batch)


def _plain(batch: pa.RecordBatch) -> Iterator[Row]:
    for row in batch.to_pylist():
        yield {name: _readable(value) for name, value in row.items()}


def _readable(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return None if isinstance(value, float) and math.isnan(value) else value


def _usable() -> pc.Expression:
    return (pc.field("kind") == str(Kind.CLIP)) & (pc.field("status") == str(Status.OK))


class _Sums:
    """Number of rows and sum of an amount, grouped by columns, over batches."""

    def __init__(self, by: Sequence[str], amount: str) -> None:
        self._by, self._amount = list(by), amount
        self._found: dict[tuple[str | None, ...], tuple[int, float]] = {}

    def add(self, part: pa.Table) -> None:
        grouped = part.group_by(self._by).aggregate([([], "count_all"), (self._amount, "sum")])
        for row in grouped.to_pylist():
            group = tuple(row[column] for column in self._by)
            count, amount = self._found.get(group, (0, 0.0))
            more = row[f"{self._amount}_sum"] or 0
            self._found[group] = (count + row["count_all"], amount + more)

    def rows(self, counted: str, unit: str) -> list[Row]:
        def value(amount: float) -> float:
            return amount / 3600 if unit == "hours" else int(amount)

        return [
            dict(zip(self._by, group, strict=True)) | {counted: count, unit: value(amount)}
            for group, (count, amount) in sorted(self._found.items(), key=lambda item: str(item[0]))
        ]
