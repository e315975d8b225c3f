"""The report as JSON: as its schema says, exact, and refused where it is something else."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import jsonschema
import pytest

from mytalk_core.dubbing.delivery_checks import Check
from mytalk_core.dubbing.title_report.document import (
    read_document,
    report_document,
    report_schema,
    write_document,
)
from mytalk_core.dubbing.title_report.summary import summary_text
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.damage import DamagedStretch
from tests.title_reports import film_report, one_person_report


def test_documents_are_as_the_schema_says():
    schema = report_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    damaged = (DamagedStretch(Fraction(1), Fraction(2), 3, 0),)
    for report in (film_report(24), one_person_report()):
        for each in (report, replace(report, damage=damaged, lines=(), members=())):
            assert [error.message for error in validator.iter_errors(report_document(each))] == []


@pytest.mark.parametrize("name", ["title", "lines", "findings"])
def test_the_schema_demands_every_part(name):
    document = report_document(one_person_report())
    del document[name]
    assert list(jsonschema.Draft202012Validator(report_schema()).iter_errors(document))


def test_times_are_exact_and_have_timecodes():
    report = film_report(12)
    line = report_document(report)["lines"][1]
    slot = report.lines[1].slot
    assert Fraction(line["slot"]["start"]["exact"]) == slot.start
    assert line["slot"]["start"]["seconds"] == pytest.approx(float(slot.start), abs=1e-4)
    assert line["slot"]["start"]["timecode"] == report.facts.timecode(slot.start)
    assert Fraction(line["fit"]["speed"]) == report.lines[1].fit.speed


def test_pictures_stay_out():
    assert "data:" not in json.dumps(report_document(film_report(12)))


def test_a_document_is_read_as_it_was_written(tmp_path: Path):
    report, path = film_report(12), tmp_path / "report.json"
    write_document(path, report)
    assert read_document(path) == report_document(report)


@pytest.mark.parametrize("text", ["", "{", "[]", '"a"', '{"format": "other"}', "\x00"])
def test_another_file_is_refused(tmp_path: Path, text):
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(BadInputError, match="no report of a title") as refused:
        read_document(path)
    assert refused.value.reason is Reason.UNREADABLE


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(BadInputError, match=r"nowhere\.json") as refused:
        read_document(tmp_path / "nowhere.json")
    assert refused.value.reason is Reason.NOT_FOUND


def test_the_summary_counts_and_shows_the_worst_first():
    rows = summary_text(report_document(film_report(48))).splitlines()
    assert rows[0] == "harbour-ep1-de: harbour-ep1.mov, 147.1 s, dub in de"
    assert "48 lines: 36 with lips drawn, 4 off-screen, 4 undecided, 4 not drawn" in rows
    assert "4 lines too long for the slot, by up to 0.30 s" in rows
    assert "all 3 checks hold" in rows
    findings = [row for row in rows if row.startswith(("error", "warning", "note"))]
    assert len(findings) == 10
    assert findings[0].startswith("error: 10:00:11:")
    assert ", line 4: " in findings[0]
    assert findings[-1].startswith("warning")
    assert rows[-1] == "and 3 more findings, in the report"


def test_the_summary_of_a_clip_is_short():
    rows = summary_text(report_document(one_person_report())).splitlines()
    assert len(rows) == 5
    assert rows[2] == "1 line: 1 with lips drawn"


def test_the_summary_names_failed_checks():
    report = one_person_report()
    failed = replace(report, checks={**report.checks, "size": Check(False, "96 x 72")})
    assert "1 of 4 checks failed: size (96 x 72)" in summary_text(report_document(failed))
