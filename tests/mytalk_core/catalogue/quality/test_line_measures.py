"""What the lines of real reports come to, and that sums of parts are those of the whole."""

import json
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.catalogue.quality.line_measures import LineMeasures, line_measures
from mytalk_core.dubbing.title_report.document import report_document
from mytalk_core.dubbing.title_report.values import TitleReport
from tests.title_reports import film_report


def lines_of(report: TitleReport) -> list[dict[str, Any]]:
    """The lines as a reader of the JSON document has them."""
    lines: list[dict[str, Any]] = json.loads(json.dumps(report_document(report)))["lines"]
    return lines


LINES = lines_of(film_report(48))


def test_lines_are_counted_by_what_became_of_them() -> None:
    found = line_measures(LINES)
    assert found.lines == 48
    assert (found.lines_drawn, found.lines_off_screen) == (36, 4)
    assert (found.lines_undecided, found.lines_not_drawn) == (4, 4)
    assert (found.lines_too_long, found.lines_out_of_sync) == (4, 4)
    assert found.lines_failed == 16  # each for one reason
    assert (found.lines_fitted, found.lines_judged) == (48, 32)
    assert found.stretch_sum == pytest.approx(48 * 0.13)
    assert found.excess_sum == pytest.approx(4 * 0.3)
    assert (found.offset_sum, found.offset_largest) == (12, 3)
    assert (found.confidence_least, found.lines_unsure) == (0.41, 0)


def test_a_line_with_several_faults_fails_once_and_one_without_sound_has_no_fit() -> None:
    report = film_report(12)
    late, silent = report.lines[7], report.lines[0]
    assert late.fit is not None and late.sync is not None
    both = replace(late, fit=replace(late.fit, excess=Fraction(1, 2), speed=Fraction(4, 5)))
    unsure = replace(silent, fit=None, decision=replace(silent.decision, confidence=0.7))
    found = line_measures(lines_of(replace(report, lines=(both, unsure))))
    assert (found.lines_failed, found.lines_too_long, found.lines_out_of_sync) == (1, 1, 1)
    assert (found.lines_fitted, found.lines_unsure) == (1, 1)
    assert found.stretch_largest == pytest.approx(0.2)
    assert found.excess_largest == 0.5


@given(st.lists(st.integers(0, len(LINES)), max_size=4))
def test_parts_add_up_to_the_whole(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(LINES)]
    total = LineMeasures()
    for start, end in pairwise(places):
        total += line_measures(LINES[start:end])
    whole = line_measures(LINES)
    for name, value in vars(whole).items():
        assert getattr(total, name) == pytest.approx(value), name
