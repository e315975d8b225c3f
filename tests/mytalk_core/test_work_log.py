"""The structured log: one object a line, with what the process works on, without secrets."""

import json
import os
from pathlib import Path

import pytest

from mytalk_core.media.ffmpeg_program import FfmpegFailed, run
from mytalk_core.work_log import VARIABLE, log, working_on


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return the lines that were logged so far."""
    path = tmp_path / "work.jsonl"
    monkeypatch.setenv(VARIABLE, str(path))
    return lambda: [json.loads(line) for line in path.read_text().splitlines()]


def test_an_error_of_ffmpeg_has_the_id_of_its_title_and_stage(lines, tmp_path: Path) -> None:
    with working_on(run=7, id="pilot-de"), working_on(stage="mix", key="abc"):
        with pytest.raises(FfmpegFailed) as failure:
            run(["-i", str(tmp_path / "none.mov"), str(tmp_path / "out.mov")])
        log("artifact made", seconds=0.5)
    log("run ended")
    failed, made, ended = lines()
    assert failed["event"] == "ffmpeg failed"
    assert failed["message"] == str(failure.value)
    for line in (failed, made):
        assert (line["run"], line["id"], line["stage"]) == (7, "pilot-de", "mix")
        assert line["process"] == os.getpid()
    assert "id" not in ended


def test_lines_have_no_secrets_and_no_empty_fields(lines) -> None:
    log("title started", film="https://u:pass@store/a.mov?X-Amz-Signature=S3cr3t", row=None)
    (line,) = lines()
    assert line["film"] == "https://store/a.mov"
    assert "row" not in line


def test_lines_of_several_processes_do_not_mix(lines) -> None:
    children = []
    for number in range(3):
        if (child := os.fork()) == 0:
            for _ in range(200):
                log("x" * 2000, number=number)
            os._exit(0)
        children.append(child)
    assert {os.waitpid(child, 0)[1] for child in children} == {0}
    found = lines()
    assert len(found) == 600
    assert {line["process"] for line in found} == set(children)


def test_without_the_variable_nothing_is_logged(lines, monkeypatch) -> None:
    log("first")
    monkeypatch.delenv(VARIABLE)
    log("second")
    assert [line["event"] for line in lines()] == ["first"]


def test_a_log_that_cannot_be_written_does_not_fail_the_work(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "no folder" / "log"))
    log("event")
    assert "nothing is logged" in capsys.readouterr().err
