"""A shuffle of tables through files of a store, with memory independent of the number of rows.

Every task of a pass writes one file with a record batch per range of the next pass's key; a task of
the next pass reads its own batch of every file. Files are Arrow IPC, in which a batch is read
without the others: by a seek in a folder, by a few requests to an object store. Workers share
nothing but the store.

Beam's GroupByKey is not used, because the in-process runner holds every shuffled byte in memory.
The shuffles of rows and of hash bands alone, as record batches grouped by range, took 1.0 GB for
100,000 rows and 5.4 GB for 1,000,000; all of `mytalk curate` through files takes 0.62 and 0.67 GB
(`tests/benchmarks/curate_rows.py`). Smaller values do not help: output tables are sorted by a hash,
so whole rows pass through the shuffle, which alone took 2.2 GB. Files also let a killed run resume.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mytalk_core.data.storage import Store

Ranges = NDArray[np.int64]
"""The range 0.. of each row of a table, (N,)."""


def hashes(names: Iterable[str]) -> NDArray[np.uint64]:
    """Hash names to 64 bits, (N,), identically on every machine and in every Python."""
    digests = (hashlib.blake2b(name.encode(), digest_size=8).digest() for name in names)
    return np.frombuffer(b"".join(digests), ">u8").astype(np.uint64)


def range_of(hashed: NDArray[np.uint64], ranges: int) -> Ranges:
    """Return the range of each hash. Ranges are consecutive intervals of hashes of equal size.

    Args:
        hashed: (N,) hashes of 64 bits.
        ranges: number of ranges, below 2**32.
    """
    return ((hashed >> np.uint64(32)) * np.uint64(ranges) >> np.uint64(32)).astype(np.int64)


def write_ranges(
    store: Store, name: str, table: pa.Table, ranges_of_rows: Ranges, ranges: int
) -> None:
    """Write a table, one batch per range, atomically.

    Raises:
        OutputError, StorageError: as `Store.publish`.
    """
    order = np.argsort(ranges_of_rows, kind="stable")
    ends = np.searchsorted(ranges_of_rows[order], np.arange(ranges), side="right")
    grouped = table.take(pa.array(order))
    starts = (0, *ends[:-1])
    write_batches(
        store,
        name,
        table.schema,
        (grouped.slice(start, end - start) for start, end in zip(starts, ends, strict=True)),
    )


def write_batches(store: Store, name: str, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    """Write tables, one batch each, atomically.

    Raises:
        OutputError, StorageError: as `Store.publish`.
    """
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with (
        store.publish(name) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, schema, options=options) as writer,
    ):
        for table in tables:
            batches = table.combine_chunks().to_batches()
            writer.write_batch(batches[0] if batches else _empty_batch(schema))


def _empty_batch(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], kind) for kind in schema.types], schema=schema)


def read_range(store: Store, folder: str, number: int) -> pa.Table:
    """Read all rows of a range, from every file of a folder, in the order of the files' names."""
    return pa.concat_tables(iter_range(store, folder, number))


def iter_range(store: Store, folder: str, number: int) -> Iterator[pa.Table]:
    """Read the rows of a range file by file."""
    for name in store.names(f"{folder}/"):
        yield read_batch(store, name, number)


def read_batch(
    store: Store, name: str, number: int = 0, columns: Sequence[str] | None = None
) -> pa.Table:
    """Read one batch of a file; `columns` limits what is read.

    Raises:
        BadInputError, StorageError: as `Store.open_read`.
    """
    with _opened(store, name) as source:
        reader = pa.ipc.open_file(source)
        if columns is not None:
            fields = [reader.schema.get_field_index(name) for name in columns]
            source.seek(0)
            options = pa.ipc.IpcReadOptions(included_fields=fields)
            reader = pa.ipc.open_file(source, options=options)
        return pa.Table.from_batches([reader.get_batch(number)])


def _opened(store: Store, name: str) -> pa.NativeFile:
    path = store.local_path(name)
    if path is not None:
        return pa.OSFile(str(path))
    return pa.PythonFile(store.open_read(name, read_ahead=False), "r")
