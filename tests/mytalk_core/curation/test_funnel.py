"""Sums and lines of the funnel."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.curation.decisions import CurateConfig, steps
from mytalk_core.curation.filters import FilterConfig
from mytalk_core.curation.funnel import (
    Amount,
    Funnel,
    build_funnel,
    funnel_from_json,
    funnel_json,
)
from mytalk_core.curation.funnel_table import add_up, funnel_table, tally
from mytalk_core.errors import Reason

RULES = steps(CurateConfig(filters=FilterConfig(max_sync_offset=6.0)))
NUMBER = {rule.reason: number for number, rule in enumerate(RULES)}
SHORT, SMALL = (1 << NUMBER[each] for each in (Reason.TOO_SHORT, Reason.FACE_TOO_SMALL))
UNSYNCED = 1 << NUMBER[Reason.OUT_OF_SYNC]

KEPT: dict[str, Any] = {
    "losses": 0,
    "unmeasured": UNSYNCED,
    "duration_seconds": 1800.0,
    "reason": None,
    "speaker": "s1",
    "title": "a",
    "split": "train",
    "licence": "CC0-1.0",
}
ROWS = [
    KEPT,
    KEPT | {"title": "b"},
    KEPT | {"losses": SHORT | SMALL, "reason": "too_short"},
    KEPT | {"losses": SMALL, "reason": "face_too_small", "speaker": "s2", "split": "val"},
    KEPT | {"losses": 1, "reason": "no_face", "speaker": "", "title": "c", "licence": ""},
]
SCHEMA = pa.schema(
    [
        ("losses", pa.uint32()),
        ("unmeasured", pa.uint32()),
        ("duration_seconds", pa.float64()),
        *((name, pa.string()) for name in ("reason", "speaker", "title", "split", "licence")),
    ]
)


def tallied(rows: list[dict[str, Any]]) -> pa.Table:
    return tally(pa.Table.from_pylist(rows, schema=SCHEMA), RULES)


@pytest.fixture
def funnel() -> Funnel:
    return build_funnel([funnel_table(tallied(ROWS), RULES)], "0123", RULES)


def test_first_and_would_are_counted_separately(funnel: Funnel) -> None:
    lines = {(line.step, line.reason): line for line in funnel.lines}
    short, small = lines["filter", Reason.TOO_SHORT], lines["filter", Reason.FACE_TOO_SMALL]
    assert (short.first.count, short.would.count) == (1, 1)
    assert (small.first.count, small.would.count) == (1, 2)
    assert lines["before", Reason.NO_FACE].first == Amount(1, 1_800_000)
    assert small.would.hours == 1.0


def test_the_amount_left_after_the_last_step_is_kept(funnel: Funnel) -> None:
    assert funnel.input.count == 5
    assert funnel.lines[-1].left == funnel.kept == Amount(2, 2 * 1_800_000)
    assert sum(line.first.count for line in funnel.lines) + funnel.kept.count == 5
    assert sum(each.count for each in funnel.splits.values()) == funnel.kept.count


def test_limits_that_removed_nothing_are_listed(funnel: Funnel) -> None:
    listed = [line.reason for line in funnel.lines]
    assert listed == [Reason.NO_FACE, *(rule.reason for rule in RULES[1:])]


def test_speakers_add_up(funnel: Funnel) -> None:
    assert [(line.speaker, line.split, line.kept.count) for line in funnel.speakers] == [
        ("", "train", 0),
        ("s1", "train", 2),
        ("s2", "val", 0),
    ]
    assert funnel.speakers[1].first == {"too_short": 1}
    assert sum(line.input.count for line in funnel.speakers) == funnel.input.count


def test_licences_count_their_sources(funnel: Funnel) -> None:
    assert [(line.licence, line.sources, line.kept.count) for line in funnel.licences] == [
        ("", 1, 0),
        ("CC0-1.0", 2, 2),
    ]


def test_unmeasured_inputs_are_counted(funnel: Funnel) -> None:
    lines = {line.reason: line.unmeasured for line in funnel.lines}
    assert lines[Reason.OUT_OF_SYNC] == 5
    assert lines[Reason.TOO_SHORT] == 0


def test_the_table_has_lines_for_each_source() -> None:
    table = funnel_table(tallied(ROWS), RULES).to_pylist()
    lines = [row for row in table if (row["scope"], row["name"]) == ("source", "a")]
    assert [(row["step"], row["reason"], row["left_clips"]) for row in lines] == [
        ("input", "", 3),
        ("filter", "too_short", 2),
        ("filter", "face_too_small", 1),
        ("filter", "out_of_sync", 1),
    ]
    assert lines[0]["left_hours"] == 1.5


@given(st.lists(st.sampled_from(ROWS), max_size=20), st.integers(0, 20))
def test_the_sums_of_parts_equal_those_of_all_rows(rows: list[dict[str, Any]], cut: int) -> None:
    parts = pa.concat_tables([tallied(rows[cut:]), tallied(rows[:cut])])
    assert funnel_table(add_up(parts), RULES) == funnel_table(tallied(rows), RULES)


def test_a_funnel_survives_conversion_to_json(funnel: Funnel) -> None:
    assert funnel_from_json(funnel_json(funnel)) == funnel


def test_no_rows_give_an_empty_funnel() -> None:
    funnel = build_funnel([funnel_table(tallied([]), RULES)], "0123", RULES)
    assert funnel.input == funnel.kept == Amount()
