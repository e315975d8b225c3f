"""Arrays on disk: read back as written, and many of them in one open file."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mytalk_core.dubbing.disk_array import DiskArrays, stack_on_disk, temporary_stack


@pytest.fixture
def few_files() -> Iterator[None]:
    """The process may open some twenty files more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 20, hard)
    )
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=3), min_size=1, max_size=8))
def test_every_array_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[list[int]]
) -> None:
    arrays = DiskArrays(tmp_path_factory.mktemp("arrays") / "file")
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
def test_thousands_of_arrays_keep_one_file_open(tmp_path: Path) -> None:
    arrays = DiskArrays(tmp_path / "file")
    kept = [arrays.add([np.full((2, 3), number, np.int32)]) for number in range(3000)]
    assert [int(stored.read()[1, 2]) for stored in kept] == list(range(3000))


def test_a_temporary_array_leaves_no_file(tmp_path: Path) -> None:
    with temporary_stack(tmp_path / "file", [np.ones(3), np.zeros(2)]) as whole:
        assert whole.tolist() == [1, 1, 1, 0, 0]
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_write_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing to write"):
        stack_on_disk(tmp_path / "file", [])


def test_a_new_stack_replaces_an_old_one_that_is_still_mapped(tmp_path: Path) -> None:
    old = stack_on_disk(tmp_path / "file", [np.arange(10000)])
    new = stack_on_disk(tmp_path / "file", [np.arange(3)])
    assert (old[-1], len(new)) == (9999, 3)
