"""Near copies do not depend on the part of a range that is held in memory."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mytalk_core.curation.decisions import CurateConfig
from mytalk_core.curation.duplicates import SKETCH_SCHEMA, DuplicateConfig
from mytalk_core.curation.passes import copies
from mytalk_core.curation.passes.work import Work, row_numbers
from mytalk_core.data.storage import open_store

ROWS = 300


def found(folder: Path, ranges: int) -> set[tuple[int, int]]:
    """Pairs of near copies among silent clips, where every tenth is a copy of the one before."""
    random = np.random.default_rng(0)
    pictures = [random.bytes(16) for _ in range(ROWS)]
    for number in range(10, ROWS, 10):
        pictures[number] = pictures[number - 1]
    config = CurateConfig(duplicates=DuplicateConfig(common=50, neighbours=8))
    work = Work(open_store(folder), config, "id", ranges)
    sketches = pa.table(
        {
            "row": row_numbers(0, ROWS),
            "key": [f"k{number}" for number in range(ROWS)],
            "clean": [True] * ROWS,
            "face_height": np.arange(ROWS, dtype=float),
            "content_hash": [str(number) for number in range(ROWS)],
            "audio_hash": [bytes(32)] * ROWS,
            "picture_hash": pictures,
        },
        schema=SKETCH_SCHEMA,
    )
    work.write("sketches", 0, sketches, np.arange(ROWS) % ranges)
    for number in range(ranges):
        copies.same_content(work, number)
    pairs = set()
    for number in range(ranges):
        copies.near(work, number)
        table = work.read_part("pairs", number).to_pydict()
        pairs |= set(zip(table["one"], table["other"], strict=True))
    return pairs


@pytest.mark.parametrize("ranges", [1, 4])
def test_slices_of_a_range_give_the_pairs_of_the_whole(
    ranges: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = found(tmp_path / "whole", 1)
    assert whole == {(number - 1, number) for number in range(10, ROWS, 10)}
    monkeypatch.setattr(copies, "_ENTRIES_AT_ONCE", 200)
    assert found(tmp_path / "sliced", ranges) == whole
