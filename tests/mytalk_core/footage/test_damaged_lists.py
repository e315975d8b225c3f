"""Truncated or damaged lists are refused or give failed rows, never wrong rows."""

from itertools import islice
from pathlib import Path

import pytest

from tests.benchmarks.list_fuzz import damaged, kinds, outcome, written


@pytest.mark.parametrize("number", [0, 1], ids=["footage", "catalogue"])
def test_damage_never_gives_a_wrong_row(tmp_path: Path, number: int) -> None:
    kind = kinds(tmp_path)[number]
    for seed, (name, ending, content) in enumerate(written(kind)):
        path = tmp_path / f"list{ending}"
        path.write_bytes(content)
        assert outcome(kind, path) == {"read": 1, "ok": len(kind.rows)}, name
        for hit in islice(damaged(content, seed), 0, None, 9):
            path.write_bytes(hit)
            found = outcome(kind, path)
            assert not found["wrong"] and not found["traceback"], name
