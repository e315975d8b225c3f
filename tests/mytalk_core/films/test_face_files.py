"""Rows on disk: read while others are added, in any order."""

from pathlib import Path

import numpy as np

from mytalk_core.films.face_files import RowFile


def test_rows_are_read_while_others_are_added(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(50, 4, 3)).astype(np.float32)
    with RowFile(tmp_path / "rows", (4, 3), np.float32) as file:
        for number, row in enumerate(rows):
            assert file.add(row) == number
            wanted = random.integers(0, number + 1, 3)
            np.testing.assert_array_equal(file.take(wanted), rows[wanted])
        filled = file.filled(np.array([-1, 7, -1, 3]), np.nan)
        assert np.isnan(filled[[0, 2]]).all()
        np.testing.assert_array_equal(filled[[1, 3]], rows[[7, 3]])
    assert list(tmp_path.iterdir()) == []


def test_nothing_kept_is_nothing(tmp_path: Path) -> None:
    with RowFile(tmp_path / "rows", (2,), np.uint8) as file:
        np.testing.assert_array_equal(file.filled(np.array([-1, -1]), 0), np.zeros((2, 2)))
