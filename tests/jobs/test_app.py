"""The command line: help, output streams, JSON, signals and exit codes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jobs import app as command
from jobs.app import hoisted, run
from jobs.console import guarded, result
from mytalk_core.errors import BadInputError, OutputError, Reason

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MYTALK_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def _offline(monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))


def test_help_names_every_command_without_loading_heavy_libraries():
    heavy = ("torch", "mediapipe", "ray", "apache_beam", "whisperx", "matplotlib")
    script = (
        "import sys; from jobs.app import run; code = run(['--help']);"
        f"print([name for name in {heavy} if name in sys.modules]); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )

    *text, loaded = done.stdout.splitlines()
    assert loaded == "[]"
    for name in (*command.COMMANDS, "models"):
        assert any(name in line for line in text)


@pytest.mark.parametrize("name", [*command.COMMANDS, "models pull"])
def test_every_command_has_help_with_an_example(name, capsys):
    assert run([*name.split(), "--help"]) == 0
    assert f"mytalk {name}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["frobnicate"], ["samples", "--frobnicate"], ["dub"]])
def test_wrong_usage_is_exit_code_2(arguments, capsys):
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    assert captured.err


def test_models_are_listed_as_a_table_and_as_json(capsys):
    assert run(["models", "list"]) == 0
    assert "face-landmarker" in capsys.readouterr().out

    assert run(["--json", "models", "list"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert run(["models", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == first
    states = {entry["name"]: entry["state"] for entry in first["models"]}
    assert states["face-landmarker"] == "absent"
    assert states["whisper-base-hub"] == "unverifiable"
    german = next(each for each in first["aligners"] if each["language"] == "de")
    assert (german["state"], german["licence"]) == ("absent", "CC-BY-NC-4.0")


def test_aligners_are_pulled_by_language(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("jobs.commands.models.pull_aligner", lambda spec: tmp_path / spec.source)
    assert run(["--json", "models", "pull", "--aligner", "de-AT"]) == 0
    pulled = json.loads(capsys.readouterr().out)
    assert pulled["models"] == {}
    assert list(pulled["aligners"]) == ["de"]
    assert run(["models", "pull", "--aligner", "tlh"]) == 2
    assert "tlh" in capsys.readouterr().err


@pytest.mark.usefixtures("_offline")
def test_an_unknown_model_is_one_line_and_exit_code_2(capsys):
    assert run(["models", "pull", "no-such-model"]) == 2
    assert_one_line(capsys.readouterr().err.splitlines()[-1:], "no-such-model")


@pytest.mark.usefixtures("_offline")
def test_no_network_is_one_line_with_a_remedy(capsys):
    assert run(["--quiet", "samples"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert_one_line(captured.err.splitlines(), "psychopy")


def test_quiet_prints_results_only(capsys):
    assert run(["models", "verify", "face-landmarker", "--quiet"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "face-landmarker: absent\n"
    assert captured.err == ""


def test_a_failure_is_printed_as_json(capsys):
    assert run(["--json", "models", "verify", "no-such-model"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["reason"] == "not_found"
    assert "no-such-model" in error["what"]


def test_a_corrupt_model_is_exit_code_1(tmp_path, capsys):
    path = tmp_path / "cache/models/face-landmarker/float16-1/face_landmarker.task"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not a model")

    assert run(["models", "verify", "face-landmarker"]) == 1
    assert "corrupt" in capsys.readouterr().out


def test_errors_have_the_exit_code_of_their_class(capsys):
    def raising(error):
        def work():
            raise error

        return work

    bad = BadInputError("is empty.", where="film.mp4", reason=Reason.EMPTY_FILE)
    full = OutputError("the disk is full.", where="out.mp4", reason=Reason.DISK_FULL)
    assert guarded(raising(bad)) == 2
    assert guarded(raising(full)) == 1
    assert capsys.readouterr().err == (
        "mytalk: film.mp4: is empty.\nmytalk: out.mp4: the disk is full.\n"
    )


@pytest.mark.parametrize(("number", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_an_error_that_a_signal_causes_does_not_change_the_exit_code(number, code):
    script = f"""
import signal, sys
from jobs.console import guarded, install_signal_handlers

def work():
    try:
        signal.raise_signal(signal.{number})
    except BaseException:
        pass  # as some native code does
    raise ValueError("half a header")

signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background ignores it
install_signal_handlers()
sys.exit(guarded(work))
"""
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )

    assert run.returncode == code
    assert "header" not in run.stderr
    assert len(run.stderr.splitlines()) <= 1


def test_a_bug_is_one_line_and_a_log_with_the_traceback(tmp_path, capsys):
    def broken():
        return {}["missing key"]

    assert guarded(broken) == 1
    err = capsys.readouterr().err
    assert_one_line(err.splitlines(), "a bug in mytalk")
    (log,) = (tmp_path / "cache" / "logs").iterdir()
    assert str(log) in err
    assert "KeyError: 'missing key'" in log.read_text()


def test_interrupting_is_exit_code_130():
    script = """
import sys, time
from jobs.console import guarded

def work():
    print("ready", flush=True)
    time.sleep(3600)

sys.exit(guarded(work))
"""
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.send_signal(signal.SIGINT)
        _, err = child.communicate()
    assert child.returncode == 130
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["dub", "a", "b", "--quiet"], ["--quiet", "dub", "a", "b"]),
        (["samples", "--json", "-q"], ["--json", "-q", "samples"]),
        (["dub", "--", "--json"], ["dub", "--", "--json"]),
    ],
)
def test_global_options_are_accepted_at_any_position(given, expected):
    assert hoisted(given) == expected


def test_paths_with_brackets_are_printed_unchanged(capsys):
    result({}, "/films/[draft]/a.mp4")
    assert capsys.readouterr().out == "/films/[draft]/a.mp4\n"


def assert_one_line(lines: list[str], part: str) -> None:
    (line,) = lines
    assert line.startswith("mytalk: ")
    assert part in line
