"""Tables partitioned into ranges through files keep all rows and the order of the ranges."""

import uuid
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.curation.exchange import hashes, range_of, read_batch, read_range, write_ranges
from mytalk_core.data.storage import Store, open_store


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A folder, and one of an object store."""
    return open_store(f"memory://{uuid.uuid4().hex}" if request.param == "memory" else tmp_path)


def test_a_range_has_its_rows_from_every_file(store: Store) -> None:
    for number in range(3):
        ranges = np.array([2, 0, 2, 1])
        table = pa.table({"value": [f"{number}{each}" for each in "abcd"], "other": [1, 2, 3, 4]})
        write_ranges(store, f"rows/{number}.arrow", table, ranges, 4)
    read = [read_range(store, "rows", number)["value"].to_pylist() for number in range(4)]
    assert read == [
        ["0b", "1b", "2b"],
        ["0d", "1d", "2d"],
        ["0a", "0c", "1a", "1c", "2a", "2c"],
        [],
    ]
    assert read_batch(store, "rows/0.arrow", 2, ["other"]).to_pydict() == {"other": [1, 3]}


def test_an_empty_table_is_written_and_read(store: Store) -> None:
    table = pa.table({"value": pa.array([], pa.string())})
    write_ranges(store, "rows/0.arrow", table, hashes([]).astype(np.int64), 2)
    assert read_range(store, "rows", 1).num_rows == 0


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1), st.integers(1, 5000))
def test_ranges_follow_the_order_of_hashes(values: list[int], ranges: int) -> None:
    ordered = range_of(np.sort(np.array(values, np.uint64)), ranges)
    assert (np.diff(ordered) >= 0).all()
    assert ordered[0] >= 0 and ordered[-1] < ranges


@pytest.mark.parametrize("ranges", [1, 7])
def test_ranges_are_even(ranges: int) -> None:
    counts = np.bincount(range_of(hashes(str(n) for n in range(7000)), ranges), minlength=ranges)
    assert counts.min() > 0.8 * 7000 / ranges
