"""`mytalk preprocess` from the command line."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from jobs.app import run
from jobs.commands.preprocess import _line, _table
from mytalk_core.data.manifest import Kind, Status, read_manifest
from mytalk_core.footage.chunk_account import ChunkState
from mytalk_core.footage.listing import ListingConfig
from mytalk_core.footage.run_account import RunProgress
from mytalk_core.footage.stages import Stage


@pytest.fixture(scope="module")
def films(tmp_path_factory, sample_clips, run_ffmpeg) -> Path:
    folder = tmp_path_factory.mktemp("films")
    run_ffmpeg(folder / "good.mp4", "-i", sample_clips["jwp_intro"].path, "-t", "1.4")
    (folder / "bad.mp4").write_text("I am no film")
    return folder


def test_a_run_prints_the_counts_of_its_footage(
    films, tmp_path, capfd, landmarker_model, whisper_dir, ray_address
):
    """On a private cluster; the second time on one that runs already.

    A process that has joined a private cluster has its token, and is refused by others.
    """
    out = tmp_path / "out"
    command = ["preprocess", str(films), "--out", str(out), "--licence", "CC0-1.0"]
    command += ["--speakers", "unknown"]
    program = [sys.executable, "-m", "jobs.app", "--json", *command]
    first = subprocess.run(program, capture_output=True, text=True)
    assert first.returncode == 1, first.stderr  # some of the work failed
    printed = json.loads(first.stdout)
    assert printed["sources"] == {"failed": 1, "ok": 1}
    assert printed["reasons"] == {"not_media": 1}
    assert printed["tracks"] == {"ok": 1}
    rows = read_manifest(out / "manifest.parquet")
    (clip,) = (row for row in rows if row.kind is Kind.CLIP)
    assert (clip.status, clip.speaker, clip.licence) == (Status.OK, "", "CC0-1.0")
    assert len(clip.embedding) == 128  # the speaker is unknown
    page = (out / "report.html").read_text()
    assert "bad.mp4" in page
    assert "data:image/jpeg;base64," in page
    assert json.loads((out / "summary.json").read_text())["sources"] == printed["sources"]

    assert run([*command, "--retry", "failed", "--address", ray_address]) == 1
    assert "2 sources: 1 failed, 1 ok" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["/no/such/folder"], "does not exist"),
        (["nosuch://bucket/films"], "nosuch"),
        (["list.csv"], "cannot be read"),
    ],
)
def test_unusable_inputs_are_refused(
    tmp_path, monkeypatch, capfd, arguments, words, landmarker_model, whisper_dir
):
    monkeypatch.chdir(tmp_path)
    assert run(["preprocess", *arguments, "--out", str(tmp_path / "out")]) == 2
    printed = capfd.readouterr().err
    assert words in printed
    assert "Traceback" not in printed
    assert not (tmp_path / "out").exists()


def progress_of_ten(folder: Path) -> RunProgress:
    for number in range(10):
        (folder / f"{number}.mp4").touch()
    progress = RunProgress([str(folder)], ListingConfig(), lambda state: None)
    while progress.total is None:  # they are counted beside the work
        time.sleep(0.01)
    return progress


def test_every_stage_has_a_row_with_the_time_left(tmp_path):
    progress = progress_of_ten(tmp_path)
    progress.started -= 100
    progress.log.count(Stage.TRACKS, done=7, filtered=3, seconds=3600)
    state = ChunkState("x", (), {"ok": 4, "failed": 1}, 7, 70.0, {})
    progress.chunk_done(state, found=False)
    assert "5 of 10 sources (1 failed, 4 ok), 7 clips" in _line(progress)
    assert "left: 0:01:40" in _line(progress)
    console = Console(width=120)
    with console.capture() as captured:
        console.print(_table(progress))
    lines = captured.get().splitlines()
    assert [
        line.split()[0] for line in lines if line.split()[:1] and line.split()[0] in list(Stage)
    ] == list(Stage)
    (tracks,) = (line.split() for line in lines if line.split()[:1] == ["tracks"])
    assert tracks == ["tracks", "7", "0", "3", "36.0", "0:01:40"]


def test_results_of_an_earlier_run_do_not_count_as_throughput(tmp_path):
    progress = progress_of_ten(tmp_path)
    progress.chunk_done(ChunkState("x", (), {"ok": 5}, 5, 15.0, {}), found=True)
    assert progress.done == 5
    assert progress.seconds_left is None
