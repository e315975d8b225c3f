"""`mytalk report`: the summary of a film's report, its JSON, and refusals."""

import json
from pathlib import Path

import pytest

from jobs.app import run
from mytalk_core.data.storage import open_store
from mytalk_core.dubbing.title_report.document import (
    document_path,
    report_document,
    write_document,
)
from mytalk_core.errors import Reason
from tests.quality_runs import add_run, dubbed, failed
from tests.title_reports import film_report


@pytest.fixture
def film(tmp_path: Path) -> Path:
    film = tmp_path / "dubbed.mp4"
    write_document(document_path(film), film_report(12))
    return film


def test_the_summary_of_a_film(film, capsys):
    assert run(["report", str(film)]) == 0
    shown = capsys.readouterr().out
    assert "12 lines: 9 with lips drawn" in shown
    assert f"page: {film}.report.html" in shown


def test_a_report_named_itself(film, capsys):
    assert run(["report", str(document_path(film))]) == 0
    assert "12 lines" in capsys.readouterr().out


def test_the_report_as_json(film, capsys):
    assert run(["--json", "report", str(film)]) == 0
    assert json.loads(capsys.readouterr().out) == report_document(film_report(12))


def test_a_film_without_a_report_is_refused(tmp_path, capsys):
    assert run(["report", str(tmp_path / "other.mp4")]) == 2
    assert "other.mp4.report.json" in capsys.readouterr().err


def test_the_report_of_a_title_whose_files_are_gone(film, capsys):
    specification = film.with_name("title.yaml")
    specification.write_text("film: a.mp4\ndub: b.wav\nlanguage: de\noutput: dubbed.mp4\n")
    assert run(["report", str(specification)]) == 0
    assert "12 lines" in capsys.readouterr().out


def test_the_quality_of_a_catalogue(tmp_path, capsys):
    results, out = tmp_path / "out", tmp_path / "quality"
    titles = [dubbed("pilot_de", "de"), failed("pilot_fr", "fr", Reason.NO_FACE)]
    add_run(open_store(results), titles, tmp_path)
    assert run(["--json", "report", f"{results}/", "--quality", f"{out}/"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["titles"], found["quality"]["page"]) == (2, f"{out}/quality.html")
    whole = next(row for row in found["quality"]["groups"] if row["kind"] == "all")
    assert (whole["titles_failed"], whole["lines"], whole["lines_failed"]) == (1, 12, 4)
    assert {each.name for each in out.iterdir()} == {
        "groups.parquet",
        "quality.html",
        "titles.parquet",
    }
    assert run(["report", str(results), "--quality", f"{results}/ledger"]) == 2
    assert "--quality" in capsys.readouterr().err


def test_the_quality_of_a_film_is_refused(film, capsys):
    assert run(["report", str(film), "--quality", str(film.parent / "quality")]) == 2
    assert "a single film" in capsys.readouterr().err


def test_a_wrong_specification_is_refused(film, capsys):
    specification = film.with_name("title.yaml")
    specification.write_text("film: a.mp4\n")
    assert run(["report", str(specification)]) == 2
    assert "title.yaml" in capsys.readouterr().err
