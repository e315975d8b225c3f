"""What a killed process leaves is removed by the next one, and nothing else is."""

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
    """Starts processes that work on `film.mp4` until they are killed."""
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
def users_own(tmp_path: Path) -> set[str]:
    """Hidden files of the user, some of them named much like ours."""
    for name in (".film.part.mp4", ".work", ".film.12345678.part.mp4", ".film.work", ".DS_Store"):
        (tmp_path / name).write_text("mine")
    (tmp_path / ".folder.work").mkdir()
    return hidden(tmp_path)


def test_what_a_killed_process_leaves_is_removed_and_nothing_else(
    working: Callable[[], subprocess.Popen[str]], users_own: set[str], tmp_path: Path
) -> None:
    dead, alive = working(), working()
    both = hidden(tmp_path) - users_own
    assert len(both) == 4
    dead.send_signal(signal.SIGKILL)
    dead.wait()
    removed = set(sweep_leftovers(tmp_path))
    assert len(removed) == 2 and removed < both
    assert hidden(tmp_path) == users_own | (both - removed)
    assert all(f"-{alive.pid}-" in name for name in both - removed)
    alive.send_signal(signal.SIGKILL)
    alive.wait()
    with work_folder(tmp_path / "other.mp4") as work:  # sweeps, too
        assert hidden(tmp_path) == users_own | {work.name}
    assert hidden(tmp_path) == users_own


def test_a_later_process_of_the_same_number_is_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "process_start", lambda process: "1")
    (tmp_path / part_name(tmp_path / "a.mp4")).touch()
    assert sweep_leftovers(tmp_path) == []
    monkeypatch.setattr(leftovers, "process_start", lambda process: "2")
    assert len(sweep_leftovers(tmp_path)) == 1


@pytest.mark.parametrize(("seconds", "left"), [(0, 0), (WEEKS, 1)])
def test_what_another_machine_made_is_removed_when_nobody_touches_it_for_long(
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
def test_a_folder_of_another_container_is_known_by_its_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: bool
) -> None:
    boot, _ = leftovers._views()
    with monkeypatch.context() as container:
        container.setattr(leftovers, "_views", lambda: (boot, "f" * 8))
        folder = tmp_path / work_name(tmp_path / "film.mp4")
    folder.mkdir()
    lock = leftovers.hold(folder) if held else None
    assert sweep_leftovers(tmp_path) == ([] if held else [folder.name])
    if lock is not None:
        os.close(lock)


def test_who_writes_alone_removes_all_that_is_marked(users_own: set[str], tmp_path: Path) -> None:
    (tmp_path / part_name(tmp_path / "a.mp4")).touch()
    sweep_leftovers(tmp_path, only_writer=True)
    assert hidden(tmp_path) == users_own


def test_long_and_foreign_names_have_room_for_the_mark(tmp_path: Path) -> None:
    for stem in ("x" * 250, "é" * 120, "映" * 80):
        final = tmp_path / f"{stem}.mp4"
        with atomic_path(final) as temporary, work_folder(final):
            temporary.write_text("film")
        assert final.read_text() == "film"


def test_temporary_files_without_a_result_have_a_folder_of_their_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    root = temporary_root()
    assert root.parent == tmp_path and root.stat().st_uid == os.getuid()
    with work_folder(root / "upload") as work:
        assert work.parent == root
    assert not list(root.iterdir())


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert sweep_leftovers(tmp_path / "none") == []
