"""The funnel adds up."""

from dataclasses import replace

import pytest

from mytalk_core.data.curation import Decision, Loss
from mytalk_core.data.filters import FilterConfig
from mytalk_core.data.funnel import (
    Amount,
    Counter,
    Funnel,
    build_funnel,
    counts,
    funnel_from_json,
    funnel_json,
    funnel_markdown,
)
from mytalk_core.data.manifest import Kind, ManifestRow, Status
from mytalk_core.errors import Reason

ROW = ManifestRow(
    "k", Kind.CLIP, "a.mp4", "a", speaker="s1", status=Status.OK, duration_seconds=1800.0
)
KEPT = Decision(ROW, losses=(), unmeasured=(Reason.OUT_OF_SYNC,), split="train", place=None)
SHORT = Loss("filter", Reason.TOO_SHORT)
SMALL = Loss("filter", Reason.FACE_TOO_SMALL)
DECISIONS = [
    KEPT,
    KEPT,
    replace(KEPT, losses=(SHORT, SMALL)),
    replace(KEPT, losses=(SMALL,), row=replace(ROW, speaker="s2"), split="val"),
    replace(KEPT, losses=(Loss("before", Reason.NO_FACE),), row=replace(ROW, speaker="")),
]


@pytest.fixture
def funnel() -> Funnel:
    amounts: dict[Counter, Amount] = {}
    for decision in DECISIONS:
        for counter, amount in counts(decision):
            amounts[counter] = amounts.get(counter, Amount()) + amount
    return build_funnel(amounts, "0123", FilterConfig(max_sync_offset=6.0))


def test_first_and_would_are_counted_apart(funnel: Funnel) -> None:
    lines = {(line.step, line.reason): line for line in funnel.lines}
    short, small = lines["filter", Reason.TOO_SHORT], lines["filter", Reason.FACE_TOO_SMALL]
    assert (short.first.count, short.would.count) == (1, 1)
    assert (small.first.count, small.would.count) == (1, 2)
    assert lines["before", Reason.NO_FACE].first.hours == 0.5


def test_what_is_left_at_the_end_is_what_is_kept(funnel: Funnel) -> None:
    assert funnel.input.count == 5
    assert funnel.lines[-1].left == funnel.kept == Amount(2, 2 * 1_800_000)
    assert sum((line.first for line in funnel.lines), funnel.kept) == funnel.input
    assert sum(funnel.splits.values(), Amount()) == funnel.kept


def test_speakers_add_up(funnel: Funnel) -> None:
    assert [(line.speaker, line.split, line.kept.count) for line in funnel.speakers] == [
        ("", "train", 0),
        ("s1", "train", 2),
        ("s2", "val", 0),
    ]
    assert funnel.speakers[1].first == {"too_short": 1}
    assert sum((line.input for line in funnel.speakers), Amount()) == funnel.input


def test_unmeasured_inputs_are_counted(funnel: Funnel) -> None:
    lines = {line.reason: line.unmeasured for line in funnel.lines}
    assert lines[Reason.OUT_OF_SYNC] == 5
    assert lines[Reason.TOO_SHORT] == 0


def test_json_holds_all_of_it(funnel: Funnel) -> None:
    assert funnel_from_json(funnel_json(funnel)) == funnel


def test_the_report_shows_each_limit_and_speaker(funnel: Funnel) -> None:
    report = funnel_markdown(funnel)
    assert (
        "| filter | too_short | duration >= 1 s | 1 | 0.500 | 1 | 0.500 | 0 | 3 | 1.500 |" in report
    )
    assert "| s2 | val | 1 | 0.500 | 0 | 0.000 | face_too_small 1 |" in report


def test_nothing_in_nothing_out() -> None:
    funnel = build_funnel({}, "0123", FilterConfig())
    assert funnel.input == funnel.kept == Amount()
