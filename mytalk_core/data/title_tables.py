"""Tables of the results of titles, as Parquet, a batch of rows in memory at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import cache
from typing import Any, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from mytalk_core.data.run_records import TitleRecord, record_converter
from mytalk_core.data.storage import Store
from mytalk_core.errors import BadInputError, Reason

_BATCH = 4096  # rows of a table in memory
_NOTHING = {"where": "", "language": "", "source": ""}  # columns that a reader may leave out


def read_table(store: Store, name: str, columns: list[str] | None) -> Iterator[TitleRecord]:
    """Yield the results in a table; of the given columns only, all by default.

    Raises:
        BadInputError: UNREADABLE; NOT_FOUND.
        OutputError, StorageError: as `Store`.
    """
    try:
        with store.open_read(name) as file:
            for batch in pq.ParquetFile(file).iter_batches(_BATCH, columns=columns):
                for row in batch.to_pylist():
                    yield _record(row)
    except pa.ArrowException as error:
        raise BadInputError(
            f"is not a table of titles: {error}.",
            reason=Reason.UNREADABLE,
            where=f"{store.url}/{name}",
        ) from error


def write_table(store: Store, name: str, records: Iterable[TitleRecord]) -> None:
    """Store a table of results, whole or not at all.

    Raises:
        OutputError, StorageError: as `Store`.
    """
    with store.publish(name) as path, pq.ParquetWriter(path, _schema()) as writer:
        for rows in _batched(records):
            writer.write_table(pa.Table.from_pylist(rows, _schema()))


def _record(row: dict[str, Any]) -> TitleRecord:
    values = {name: value for name, value in (_NOTHING | row).items() if value is not None}
    return record_converter().structure(values, TitleRecord)


def _batched(records: Iterable[TitleRecord]) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    for record in records:
        rows.append(record_converter().unstructure(record))
        if len(rows) == _BATCH:
            yield rows
            rows = []
    yield rows


@cache
def _schema() -> pa.Schema:
    kinds = {int: pa.int64(), float: pa.float64()}
    types = get_type_hints(TitleRecord)
    return pa.schema(
        [(each.name, kinds.get(types[each.name], pa.string())) for each in fields(TitleRecord)]
    )
