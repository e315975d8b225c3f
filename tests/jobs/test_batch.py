"""`mytalk batch` as users and schedulers call it: a cheap dubber, and the real one once."""

import csv
import json
from pathlib import Path

import pytest

from jobs.app import run
from mytalk_core.catalogue import stored_models
from mytalk_core.catalogue.delivery import DubbedTitle, DubLink
from mytalk_core.catalogue.entries import CatalogueTitle
from mytalk_core.data.ledger import Ledger
from mytalk_core.data.storage import open_store
from mytalk_core.dubbing.title_report.document import document_path, write_document
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.decode import iter_frames
from tests.title_reports import film_report

REPORT = film_report(12)  # of 12 lines 4 failed

pytestmark = pytest.mark.usefixtures("two_cpus")


def stand_in():
    """Replaces `stored_dubber`: a film is a copy of its speech; a film called empty fails."""

    def dub(row: CatalogueTitle, film: Path, link: DubLink) -> DubbedTitle:
        if Path(row.film).stem == "empty":
            raise BadInputError("is empty.", reason=Reason.EMPTY_FILE, where=row.film)
        film.write_bytes(Path(row.document["dub"]).read_bytes())
        film.with_name(film.name + ".report.html").touch()
        write_document(document_path(film), REPORT)
        warning = "the speech sounds like de" if row.language == "fr" else ""
        return DubbedTitle(film, frames=25, warning=warning)

    return dub


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    """Inputs of the cheap dubber, which replaces the real one."""
    monkeypatch.setattr(stored_models, "stored_dubber", stand_in)
    monkeypatch.setattr(stored_models, "recipe", lambda given_models: {"weights": "abc"})
    for name in ("film.mp4", "empty.mp4", "en.wav", "fr.wav"):
        (tmp_path / name).write_text(name)
    return tmp_path


def catalogue(folder: Path, *lines: str) -> str:
    path = folder / "catalogue.csv"
    path.write_text("\n".join(["film,dub,language,script,id", *lines]))
    return str(path)


def test_success_is_exit_code_0_and_a_second_run_does_nothing(folder, capsys):
    arguments = ["batch", catalogue(folder, "film.mp4,en.wav,en"), "--out", str(folder / "out")]
    assert run(arguments) == 0
    assert "1 ok, 0 failed" in capsys.readouterr().out
    film = folder / "out/film_en/film_en.mp4"
    assert film.read_text() == "en.wav"

    made = film.stat().st_mtime_ns
    assert run(["batch", "run", *arguments[1:]]) == 0
    assert "0 ok, 0 failed, 1 finished before" in capsys.readouterr().out
    assert film.stat().st_mtime_ns == made


def test_failed_titles_are_exit_code_1_with_reasons(folder, capsys):
    lines = (
        "film.mp4,fr.wav,fr",
        "empty.mp4,en.wav,en",
        "film.mp4,none.wav,en",
        "film.mp4,en.wav,en,,../up",
    )
    out = folder / "out"
    arguments = ["--json", "batch", catalogue(folder, *lines), "--out", str(out)]
    assert run(arguments) == 1
    summary = json.loads(capsys.readouterr().out)

    assert (summary["ended"]["ok"], summary["ended"]["failed"]) == (1, 3)
    titles = {each["id"]: each for each in summary["attention"]}
    assert titles["film_fr"]["warning"] == "the speech sounds like de"
    assert titles["empty_en"]["reason"] == "empty_file"
    assert "none.wav" in titles["film_en"]["message"]
    assert titles["up@4"]["reason"] == "bad_catalogue"
    assert not (folder / "up").exists()
    assert run(arguments) == 1  # the films are still missing
    again = json.loads(capsys.readouterr().out)
    assert (again["run"]["failed_before"], again["ended"]["ok"]) == (1, 0)


def test_status_report_and_cancel_read_the_ledger(folder, capsys):
    lines = ("film.mp4,fr.wav,fr", "empty.mp4,en.wav,en", "film.mp4,en.wav,en")
    out = str(folder / "out")
    assert run(["batch", catalogue(folder, *lines), "--out", out]) == 1
    for path in (folder / "out").glob("*_*"):  # nothing else is needed
        path.rename(folder / path.name)
    capsys.readouterr()

    assert run(["--json", "status", out]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], found["failed"], found["left"]) == (2, {"bad_input": 1}, 0)
    assert (found["running"], found["ended"]["why"]) == (False, "finished")
    assert run(["status", out]) == 0
    assert "run 1, ended" in capsys.readouterr().out

    assert run(["--json", "report", out]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["titles"], found["ok"], found["warnings"]) == (3, 2, 1)
    assert found["by_reason"] == {"empty_file": 1}
    assert found["by_language"] == {"en": {"ok": 1, "failed": 1}, "fr": {"ok": 1}}
    assert {each["id"] for each in found["attention"]} == {"film_fr", "empty_en"}
    assert run(["report", out]) == 0
    shown = capsys.readouterr().out
    assert "1 bad_input" in shown and "empty_en" in shown
    assert run(["report", out, "--open"]) == 2

    assert run(["cancel", out]) == 0
    assert "has ended" in capsys.readouterr().out
    for command in ("status", "report", "cancel"):
        assert run([command, str(folder)]) == 2
        assert "no ledger" in capsys.readouterr().err


def test_a_choice_of_titles_and_a_dry_run(folder, capsys):
    path = folder / "catalogue.csv"
    rows = ("film.mp4,en.wav,en,new,2026-11-30", "film.mp4,en.wav,en,old,2026-01-01")
    path.write_text("\n".join(["film,dub,language,id,updated", *rows]))
    out = folder / "out"
    arguments = ["--json", "batch", str(path), "--out", str(out)]
    assert run([*arguments, "--dry-run", "--since", "2026-11-01"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["titles"], found["to_dub"], found["unasked"]) == (2, 1, 1)
    assert [each["id"] for each in found["first_titles"]] == ["new"]
    assert not out.exists()
    assert run([*arguments, "--only", "n*"]) == 0
    assert run([*arguments[1:], "--dry-run"]) == 0
    assert run([*arguments, "--deadline", "yesterday"]) == 2
    assert "1 finished before" in capsys.readouterr().out
    assert sorted(Ledger(open_store(out)).titles().known()) == ["new"]


def test_a_film_is_never_overwritten(folder, capsys):
    film = folder / "out/film/film.mp4"
    film.parent.mkdir(parents=True)
    film.write_text("the source")
    lines = ("out/film/film.mp4,en.wav,en,,film",)
    assert run(["batch", catalogue(folder, *lines), "--out", str(folder / "out")]) == 1
    shown = " ".join(capsys.readouterr().out.split())  # lines are broken where a path is long
    assert "would be lost" in shown
    assert film.read_text() == "the source"


def test_a_job_has_catalogue_and_folder(folder, capsys):
    catalogue(folder, "film.mp4,en.wav,,,a")
    job = folder / "job.yaml"
    job.write_text("catalogue: catalogue.csv\nout: out\ndefaults: {language: de}\n")
    assert run(["--json", "batch", str(job)]) == 0
    assert json.loads(capsys.readouterr().out)["ended"]["ok"] == 1
    assert (folder / "out/a/a.mp4").is_file()
    (done,) = Ledger(open_store(folder / "out")).titles().latest()
    assert done.language == "de"


def test_results_below_the_limits_of_a_job_are_exit_code_1(folder, capsys):
    path = folder / "catalogue.csv"
    path.write_text("film,dub,language,show\nfilm.mp4,en.wav,en,Harbour\n")
    job = folder / "job.yaml"
    text = "catalogue: catalogue.csv\nout: out\nquality: {lines_failed: %s, by: [show]}\n"
    job.write_text(text % 0.3)
    assert run(["--json", "batch", str(job)]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["ended"]["ok"], found["ended"]["failed"]) == (1, 0)
    whole, show = (each["text"] for each in found["quality"]["exceeded"])
    assert whole == "33.3% of lines failed (4 of 12); lines_failed allows 30.0%"
    assert show == f"show Harbour: {whole}"
    assert found["quality"]["page"] == f"{folder}/out/quality/quality.html"
    assert (folder / "out/quality/titles.parquet").is_file()

    job.write_text(text % 0.4)  # nothing is dubbed again
    assert run(["batch", str(job)]) == 0
    shown = capsys.readouterr().out
    assert "1 finished before" in shown and "Harbour" in shown and "Limit" not in shown


def test_a_check_shows_every_problem_and_dubs_nothing(folder, capsys):
    lines = (
        "film.mp4,en.wav,en,,good",
        "film.mp4,en.wav,xx,,GOOD",
        "https://films.invalid/a.mp4?X-Amz-Signature=S3cr3t,none.wav,en,,../up",
    )
    path = catalogue(folder, *lines)
    before = sorted(folder.rglob("*"))
    environment = pytest.MonkeyPatch()
    environment.setenv("MYTALK_RETRY_SECONDS", "0.01")
    assert run(["batch", "check", path]) == 2
    shown = capsys.readouterr()
    assert "2 of 3 titles cannot be dubbed" in shown.err
    assert sorted(folder.rglob("*")) == before

    table = folder / "problems.csv"
    assert run(["--json", "batch", "check", path, "--problems", str(table)]) == 2
    environment.undo()
    found = json.loads(capsys.readouterr().out)
    assert (found["titles"], found["refused"], found["more_problems"]) == (3, 2, 0)
    assert [(each["title"], each["where"]) for each in found["problems"]] == [
        ("GOOD", "language"),
        ("GOOD", "id"),
        ("../up", "id"),
        ("../up", "film"),
        ("../up", "dub"),
    ]
    with table.open(newline="") as rows:
        assert list(csv.DictReader(rows)) == found["problems"]
    assert "S3cr3t" not in shown.out + shown.err + table.read_text()

    good = catalogue(folder, "film.mp4,en.wav,en,,good")
    assert run(["batch", "check", good]) == 0
    assert "1 titles, no problems" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "a,b\n", "film,dub,language\n"])
def test_a_malformed_catalogue_is_exit_code_2_and_one_line(folder, capsys, text):
    path = folder / "catalogue.csv"
    path.write_text(text)
    assert run(["batch", str(path), "--out", str(folder / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"mytalk: {path}: ")
    assert not (folder / "out").exists()


def test_a_folder_that_cannot_be_written_is_exit_code_1(folder, capsys):
    blocked = folder / "film.mp4" / "out"
    assert run(["batch", catalogue(folder, "film.mp4,en.wav,en"), "--out", str(blocked)]) == 1
    assert str(blocked) in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.usefixtures("dub_models")
def test_a_real_title_is_dubbed_by_the_stored_models(tmp_path, capsys, run_ffmpeg, sample_clips):
    """A second of a talking person with another second of their speech."""
    run_ffmpeg(tmp_path / "film.mp4", "-ss", "2", "-i", sample_clips["jwp_intro"].path, "-t", "1")
    speech = ["-ss", "1", "-i", sample_clips["test_movie"].path, "-t", "1", "-vn"]
    run_ffmpeg(tmp_path / "speech.wav", *speech)
    out = tmp_path / "out"
    arguments = [
        "--json",
        "batch",
        catalogue(tmp_path, "film.mp4,speech.wav,en"),
        "--out",
        str(out),
    ]
    assert run(arguments) == 0
    assert json.loads(capsys.readouterr().out)["ended"]["ok"] == 1

    frames = sum(1 for _ in iter_frames(tmp_path / "film.mp4"))
    (done,) = Ledger(open_store(out)).titles().latest()
    assert sum(1 for _ in iter_frames(out / done.output)) == done.frames == frames
    assert done.rendered_frames > 0.6 * frames
    assert done.segments > 0 and done.cpu_seconds > 0
    assert "data:image/jpeg" in (out / done.report).read_text(encoding="utf-8")
