"""Limits of a catalogue's quality."""

from pathlib import Path

import pyarrow as pa
import pytest

from mytalk_core.catalogue.quality.groups import Group, GroupKind, GroupMeasures
from mytalk_core.catalogue.quality.limits import exceeded, quality_limits
from mytalk_core.catalogue.quality.line_measures import LineMeasures
from mytalk_core.catalogue.quality.tables import (
    GROUPS,
    group_batch,
    read_quality_table,
    write_quality_table,
)
from mytalk_core.data.storage import open_store


@pytest.fixture
def groups(tmp_path: Path) -> pa.Table:
    """1 of 100 titles failed, and 50 of 1,000 lines, of which 40 of 100 lines in French."""
    french = LineMeasures(lines=100, lines_failed=40, lines_judged=10, lines_out_of_sync=5)
    lines = LineMeasures(lines=900, lines_failed=10) + french
    found = [
        (Group(GroupKind.ALL), GroupMeasures(100, 1, lines=lines)),
        (Group(GroupKind.LANGUAGE, "fr"), GroupMeasures(10, lines=french)),
        (Group(GroupKind.SHOW, "Harbour"), GroupMeasures(10, lines=french)),
        (Group(GroupKind.STUDIO, "empty"), GroupMeasures(10)),
    ]
    store = open_store(tmp_path)
    write_quality_table(store, GROUPS, [group_batch(found)])
    return read_quality_table(store, GROUPS)


def test_a_limit_is_the_largest_share_that_is_allowed(groups: pa.Table) -> None:
    kept = quality_limits({"lines_failed": 0.05, "titles_failed": 0.01, "lines_out_of_sync": 0.5})
    assert list(exceeded(kept, groups)) == []
    (found,) = exceeded(quality_limits({"titles_failed": 0}), groups)
    assert found.text == "1.0% of titles failed (1 of 100); titles_failed allows 0.0%"


def test_groups_of_the_kinds_that_a_job_names_keep_the_limits_too(groups: pa.Table) -> None:
    limits = quality_limits({"lines_failed": 0.05, "by": ["language", "studio"]})
    (found,) = exceeded(limits, groups)
    assert (found.kind, found.group, found.failed, found.of) == ("language", "fr", 40, 100)
    assert found.text.startswith("language fr: 40.0% of lines failed")
