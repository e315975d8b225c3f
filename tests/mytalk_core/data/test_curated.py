"""Tables have reproducible bytes, and a folder belongs to one configuration."""

import errno
import uuid
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mytalk_core.data.curated import (
    COMPLETED,
    STARTED,
    WORK,
    is_complete,
    start,
    write_record,
    write_table,
    write_text,
)
from mytalk_core.data.storage import Store, open_store
from mytalk_core.errors import BadInputError, OutputError, Reason
from tests.storage_faults import Faults, local

SCHEMA = pa.schema([("number", pa.int64()), ("text", pa.string())])
NUMBERS = np.arange(40_000)
TABLE = pa.table({"number": NUMBERS, "text": [str(n) for n in NUMBERS]}, schema=SCHEMA)


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A folder, and one of an object store."""
    return open_store(f"memory://{uuid.uuid4().hex}" if request.param == "memory" else tmp_path)


@pytest.mark.parametrize("rows", [1_000, 16_384, 39_999])
def test_the_bytes_do_not_depend_on_the_division_into_parts(rows: int, tmp_path: Path) -> None:
    store = open_store(tmp_path)
    write_table(store, "whole.parquet", SCHEMA, [TABLE])
    parts = (TABLE.slice(start, rows) for start in range(0, len(NUMBERS), rows))
    write_table(store, "parts.parquet", SCHEMA, parts)
    assert (tmp_path / "parts.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert pq.read_table(tmp_path / "parts.parquet") == TABLE


def test_a_table_may_be_empty(tmp_path: Path) -> None:
    write_table(open_store(tmp_path), "none.parquet", SCHEMA, [])
    assert pq.read_table(tmp_path / "none.parquet").schema == SCHEMA


def test_a_folder_is_continued_only_with_the_same_configuration(store: Store) -> None:
    start(store, "one", {"dry_run": False})
    start(store, "one", {"dry_run": False})
    with pytest.raises(BadInputError, match="another configuration"):
        start(store, "two", {"dry_run": False})


def test_the_result_of_a_dry_run_is_replaced(store: Store) -> None:
    start(store, "one", {"dry_run": True})
    write_text(store, f"{WORK}/one-1/plan.json", "{}")
    write_record(store, COMPLETED, "one", {})
    assert is_complete(store, "one")
    start(store, "two", {"dry_run": False})
    assert list(store.names()) == [STARTED]
    with pytest.raises(BadInputError):
        start(store, "three", {"dry_run": True})


def test_a_start_that_failed_on_a_full_disk_can_be_repeated(tmp_path: Path) -> None:
    store = open_store(tmp_path / "curated")
    points = Faults()
    with local(tmp_path, points):
        start(open_store(tmp_path / "other"), "id", {})
    for point in points.points:
        full = Faults(point, error=lambda: OSError(errno.ENOSPC, "full"))
        with local(tmp_path, full), pytest.raises(OutputError) as caught:
            start(store, "id", {})
        assert caught.value.reason is Reason.DISK_FULL
    start(store, "id", {})
    assert list(store.names()) == [STARTED]
