"""Tables of a roll-up: what a row says, and that outliers come first."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.catalogue.quality.groups import Group, GroupKind, GroupMeasures
from mytalk_core.catalogue.quality.line_measures import LineMeasures
from mytalk_core.catalogue.quality.tables import (
    GROUPS,
    TITLES,
    group_batch,
    read_quality_table,
    surely_failed,
    title_batch,
    write_quality_table,
)
from mytalk_core.catalogue.quality.title_quality import TitleQuality
from mytalk_core.data.storage import open_store
from mytalk_core.errors import BadInputError, Reason
from tests.quality_runs import dubbed, failed


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(2, 9))
def test_a_share_of_more_observations_is_surer(failed: int, others: int, factor: int) -> None:
    of = failed + others
    bound = surely_failed(failed, of)
    assert 0 <= bound <= (failed / of if of else 0) + 1e-12
    assert surely_failed(failed * factor, of * factor) >= bound - 1e-12
    assert surely_failed(failed, of + 1) <= bound + 1e-12
    assert surely_failed(30, 100) > surely_failed(1, 2)


def test_titles_without_a_film_come_first_then_those_with_most_failed_lines(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    few, many = LineMeasures(lines=200, lines_failed=2), LineMeasures(lines=200, lines_failed=90)
    titles = [
        TitleQuality(dubbed("good_de", "de").record, few),
        TitleQuality(failed("gone_de", "de", Reason.NO_FACE).record),
        TitleQuality(dubbed("bad_de", "de").record, many),
        TitleQuality(dubbed("unread_de", "de").record, unread="is missing"),
    ]
    batches = [title_batch(titles[:3]), title_batch(titles[3:])]
    write_quality_table(store, TITLES, batches)
    rows = read_quality_table(store, TITLES).to_pylist()
    assert [row["id"] for row in rows] == ["gone_de", "bad_de", "good_de", "unread_de"]
    assert (rows[0]["reason"], rows[0]["lines"]) == ("no_face", None)
    assert (rows[1]["lines_passed"], rows[1]["lines_failed_share"]) == (110, 0.45)
    assert (rows[3]["lines"], rows[3]["unread"]) == (None, "is missing")


def test_a_group_without_lines_has_no_means(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    none = GroupMeasures(titles=4, titles_failed=1, reasons={"no_face": 1})
    some = replace(
        none, titles_failed=4, lines=LineMeasures(lines=2, lines_fitted=1, stretch_sum=1)
    )
    batch = group_batch([(Group(GroupKind.SHOW, "a"), none), (Group(GroupKind.SHOW, "b"), some)])
    write_quality_table(store, GROUPS, [batch])
    second, first = read_quality_table(store, GROUPS).to_pylist()
    assert (second["name"], second["stretch_mean"], second["confidence_mean"]) == ("b", 1.0, 0.0)
    assert second["offset_mean"] is None
    assert (first["name"], first["stretch_mean"], first["lines_failed_share"]) == ("a", None, None)
    assert first["reasons"] == [("no_face", 1)]


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / TITLES.name).write_text("id,language\n")
    with pytest.raises(BadInputError) as refused:
        read_quality_table(open_store(tmp_path), TITLES)
    assert refused.value.reason is Reason.UNREADABLE
