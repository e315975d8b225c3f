"""Leftovers of killed processes are removed by the next writer, and nothing else is."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mytalk_core.media import leftovers
from mytalk_core.media.leftovers import part_name, sweep_leftovers, work_name
from mytalk_core.media.output import atomic_path, temporary_root, work_folder

ROOT = Path(__file__).parents[3]
WEEKS = 14 * 24 * 3600
WORKER = """
import sys, time
from pathlib import Path
from mytalk_core.media.output import atomic_path, work_folder
film = Path(sys.argv[1])
with atomic_path(film) as part, work_folder(film) as work:
    part.write_bytes(b"half a film")
    (work / "landmarks").write_bytes(bytes(1000))
    print("working", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def working(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Start processes that work on `film.mp4` until they are killed."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(tmp_path / "film.mp4")],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def hidden(folder: Path) -> set[str]:
    return {path.name for path in folder.glob(".*")}


@pytest.fixture
def user_files(tmp_path: Path) -> set[str]:
    """Hidden files of the user, some with names similar to temporary ones."""
    for name in (".film.part.mp4", ".work", ".film.12345678.part.mp4", ".film.work", ".DS_Store"):
        (tmp_path / name).write_text("mine")
    (tmp_path / ".folder.work").mkdir()
    return hidden(tmp_path)


def test_only_files_of_killed_processes_are_removed(
    working: Callable[[], subprocess.Popen[str]], user_files: set[str], tmp_path: Path
) -> None:
    dead, alive = working(), working()
    both = hidden(tmp_path) - user_files
    assert len(both) == 4
    dead.send_signal(signal.SIGKILL)
    dead.wait()
    removed = set(sweep_leftovers(tmp_path))
    assert len(removed) == 2 and removed < both
    assert hidden(tmp_path) == user_files | (both - removed)
    assert all(f"-{alive.pid}-" in name for name in both - removed)
    alive.send_signal(signal.SIGKILL)
    alive.wait()
    with work_folder(tmp_path / "other.mp4") as work:  # sweeps too
        assert hidden(tmp_path) == user_files | {work.name}
    assert hidden(tmp_path) == user_files


def test_a_reused_process_id_does_not_protect_leftovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "process_start", lambda process: "1")
    (tmp_path / part_name(tmp_path / "a.mp4")).touch()
    assert sweep_leftovers(tmp_path) == []
    monkeypatch.setattr(leftovers, "process_start", lambda process: "2")
    assert len(sweep_leftovers(tmp_path)) == 1


@pytest.mark.parametrize(("seconds", "left"), [(0, 0), (WEEKS, 1)])
def test_files_of_another_machine_are_removed_after_a_week_without_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int, left: int
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(leftovers, "_views", lambda: ("0" * 8, "1" * 8))
        folder = tmp_path / work_name(tmp_path / "film.mp4")
    folder.mkdir()
    (folder / "landmarks").touch()
    old = time.time() - WEEKS
    for path in (folder / "landmarks", folder):
        os.utime(path, (old, old))
    if not seconds:
        (folder / "landmarks").touch()
    assert len(sweep_leftovers(tmp_path)) == left


@pytest.mark.parametrize("held", [True, False])
def test_a_lock_protects_a_folder_of_another_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: bool
) -> None:
    boot, _ = leftovers._views()
    with monkeypatch.context() as container:
        container.setattr(leftovers, "_views", lambda: (boot, "f" * 8))
        folder = tmp_path / work_name(tmp_path / "film.mp4")
    folder.mkdir()
    lock = leftovers.lock_folder(folder) if held else None
    assert sweep_leftovers(tmp_path) == ([] if held else [folder.name])
    if lock is not None:
        os.close(lock)


def test_the_only_writer_removes_everything_marked(user_files: set[str], tmp_path: Path) -> None:
    (tmp_path / part_name(tmp_path / "a.mp4")).touch()
    sweep_leftovers(tmp_path, only_writer=True)
    assert hidden(tmp_path) == user_files


def test_marks_fit_long_and_non_latin_names(tmp_path: Path) -> None:
    for stem in ("x" * 250, "é" * 120, "映" * 80):
        final = tmp_path / f"{stem}.mp4"
        with atomic_path(final) as temporary, work_folder(final):
            temporary.write_text("film")
        assert final.read_text() == "film"


def test_the_temporary_root_belongs_to_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    root = temporary_root()
    assert root.parent == tmp_path and root.stat().st_uid == os.getuid()
    with work_folder(root / "upload") as work:
        assert work.parent == root
    assert not list(root.iterdir())


def test_sweeping_a_missing_folder_removes_nothing(tmp_path: Path) -> None:
    assert sweep_leftovers(tmp_path / "none") == []
