"""Find copies of clips: by content, by band of the perceptual hash, then connected components."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mytalk_core.curation.duplicates import (
    BANDS,
    ENTRY,
    Entries,
    bucket_hash,
    common_bands,
    entries,
    exact_copies,
    groups,
    near_copies,
    near_pairs,
)
from mytalk_core.curation.exchange import range_of
from mytalk_core.curation.passes.work import ROWS_PER_RANGE, Work, place_in_range, range_of_rows

_ENTRY_COLUMN = pa.schema([("entry", pa.binary(ENTRY.itemsize))])
_PAIR_SCHEMA = pa.schema([("one", pa.int64()), ("other", pa.int64())])
_ENTRIES_AT_ONCE = 2 * BANDS * ROWS_PER_RANGE


def same_content(work: Work, number: int) -> None:
    """Find the copies of each content, and partition the other clips by band."""
    copies, others = exact_copies(work.read("sketches", number))
    work.write_by_row("copies", number, copies)
    of_bands = entries(others)
    data = pa.py_buffer(of_bands.tobytes())
    column = pa.Array.from_buffers(_ENTRY_COLUMN.types[0], len(of_bands), [None, data])
    table = pa.Table.from_arrays([column], schema=_ENTRY_COLUMN)
    work.write("entries", number, table, range_of(bucket_hash(of_bands["band"]), work.ranges))


def near(work: Work, number: int) -> None:
    """Find pairs of near copies that agree in a band.

    Common values of a band (silence, title music) make some ranges large. Such a range is read
    several times, each time for other groups, so that memory stays bounded.
    """
    limits = work.config.duplicates
    bands = [each["band"] for each in _entries(work, number)]
    common = common_bands(bands, limits)
    slices = -(-sum(map(len, bands)) // _ENTRIES_AT_ONCE)
    pairs = [np.empty((0, 2), np.int64)]
    for part in range(slices):
        chosen = [
            each[bucket_hash(groups(each, common)) % np.uint64(slices) == part]
            for each in _entries(work, number)
        ]
        pairs.append(near_pairs(np.concatenate(chosen), common, limits))
    one, other = np.unique(np.concatenate(pairs), axis=0).T
    table = pa.Table.from_arrays([pa.array(one), pa.array(other)], schema=_PAIR_SCHEMA)
    work.write_part("pairs", number, _PAIR_SCHEMA, [table])


def _entries(work: Work, number: int) -> Iterator[Entries]:
    for table in work.iter_read("entries", number):
        for chunk in table["entry"].chunks:
            start = chunk.offset * ENTRY.itemsize
            data = memoryview(chunk.buffers()[1])[start : start + len(chunk) * ENTRY.itemsize]
            yield np.frombuffer(data, ENTRY)


def connect_copies(work: Work, _: int) -> None:
    """Choose the clip to keep of each connected component of pairs."""
    tables = [work.read_part("pairs", number) for number in range(work.ranges)]
    table = pa.concat_tables(tables)
    pairs = np.unique(np.stack([table["one"].to_numpy(), table["other"].to_numpy()], 1), axis=0)
    members: NDArray[np.int64] = np.unique(pairs)
    known = [_sketches(work, number, members) for number in range(work.ranges)]
    work.write_by_row("near_copies", 0, near_copies(pa.concat_tables(known), pairs))


def _sketches(work: Work, number: int, members: NDArray[np.int64]) -> pa.Table:
    """Read the columns by which copies are ranked, for the members in one range."""
    own = place_in_range(members[range_of_rows(members) == number])
    columns = ["row", "key", "losses", "face_height"]
    rows = work.read_part("judged", number, columns=columns).take(pa.array(own))
    return rows.append_column("clean", pc.equal(rows["losses"], 0))
