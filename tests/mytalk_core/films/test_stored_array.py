"""Arrays on disk are read back as written, and keep no file open."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mytalk_core.films.stored_array import ArrayFile, RowWriter, store_array


@pytest.fixture
def few_files() -> Iterator[None]:
    """The process may open some twenty files more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 20, hard)
    )
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=3), min_size=1, max_size=8))
def test_every_array_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[list[int]]
) -> None:
    arrays = ArrayFile(tmp_path_factory.mktemp("arrays") / "file")
    random = np.random.default_rng(0)
    kept = []
    for blocks in lengths:
        parts = [random.normal(size=(length, 2, 3)).astype(np.float32) for length in blocks]
        kept.append((arrays.add(iter(parts)), np.concatenate(parts)))
        np.testing.assert_array_equal(kept[-1][0].read(), kept[-1][1])  # while others follow
    for stored, expected in kept:
        np.testing.assert_array_equal(stored.read(), expected)
        assert stored.read().dtype == np.float32


@pytest.mark.usefixtures("few_files")
def test_thousands_of_arrays_keep_no_file_open(tmp_path: Path) -> None:
    arrays = ArrayFile(tmp_path / "file")
    kept = [arrays.add([np.full((2, 3), number, np.int32)]) for number in range(3000)]
    assert [int(stored.read()[1, 2]) for stored in kept] == list(range(3000))


def test_nothing_to_write_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing to write"):
        store_array(tmp_path / "file", [])


def test_a_new_array_replaces_an_old_one_that_is_still_mapped(tmp_path: Path) -> None:
    mapped = store_array(tmp_path / "file", [np.arange(10000)]).read()
    new = store_array(tmp_path / "file", [np.arange(3)])
    assert (mapped[-1], len(new)) == (9999, 3)


@settings(max_examples=20)
@given(st.integers(0, 20))
def test_rows_are_read_in_the_order_in_which_they_were_added(
    tmp_path_factory: pytest.TempPathFactory, count: int
) -> None:
    rows = np.random.default_rng(0).normal(size=(count, 2, 3)).astype(np.float32)
    with RowWriter(tmp_path_factory.mktemp("rows") / "file", (2, 3), np.float32) as writer:
        assert [writer.add(row) for row in rows] == list(range(count))
        stored = writer.finish()
    assert stored.shape == (count, 2, 3)
    np.testing.assert_array_equal(stored.read(), rows)
