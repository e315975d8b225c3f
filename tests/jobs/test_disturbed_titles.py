"""Titles that are disturbed: dubbed twice at once, interrupted, killed, with a damaged store.

The film is that of an undisturbed dub, or there is none.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import pytest

from jobs.app import run
from mytalk_core.data.samples import SampleClip
from tests.small_title import SmallTitle, small_title, stored_digests
from tests.title_runs import Networks

ROOT = Path(__file__).parents[2]
PATIENCE = 300.0  # seconds for a dub on a busy machine

Start = Callable[[Path, Path], subprocess.Popen[str]]


@pytest.fixture(scope="module")
def small(
    sample_clips: dict[str, SampleClip],
    small_networks: Networks,
    tmp_path_factory: pytest.TempPathFactory,
) -> SmallTitle:
    clips = (sample_clips[name].path for name in ("jwp_intro", "test_movie"))
    return small_title(tmp_path_factory.mktemp("small"), *clips, small_networks.models)


@pytest.fixture
def start(small: SmallTitle) -> Iterator[Start]:
    """A function (specification, work): start `mytalk dub` in a session of its own."""
    started: list[subprocess.Popen[str]] = []

    def begin(specification: Path, work: Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            small.command(specification, work),
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code and the messages of a dub."""
    _, messages = process.communicate(timeout=PATIENCE)
    return process.returncode, messages


@dataclass(frozen=True)
class Undisturbed:
    """A dub that nothing disturbed."""

    film: bytes
    work: Path


@pytest.fixture(scope="module")
def undisturbed(small: SmallTitle, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    subprocess.run(
        small.command(small.specification(folder), folder / "work"),
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
    )
    return Undisturbed((folder / "title.mp4").read_bytes(), folder / "work")


def waited(condition: Callable[[], object]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return bool(condition())


def artifacts(work: Path) -> dict[Path, int]:
    """The artifacts of a store, each with the inode of its value."""
    found = {}
    for value in work.glob("*/??/*/value.json"):
        found[value] = value.stat().st_ino
    return found


def of_session(session: int) -> list[int]:
    """The processes of a session that run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, _, sid = (entry / "stat").read_text().rpartition(") ")[2].split()[:4]
            except OSError:  # it has ended
                continue
            if int(sid) == session and state not in "ZX":
                found.append(int(entry.name))
    return found


def test_dubs_at_once_share_a_work_folder_and_not_an_output(
    small: SmallTitle,
    undisturbed: Undisturbed,
    start: Start,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    work = tmp_path / "work"
    first, second = (small.specification(tmp_path, name) for name in ("first", "second"))
    running = [start(each, work) for each in (first, second)]
    assert waited((tmp_path / ".first.mp4.lock").exists)
    arguments = small.command(first, tmp_path / "other")[3:]
    assert run(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "first.mp4: another run is writing this file" in line and "Wait" in line
    assert [ended(each) for each in running] == [(0, ""), (0, "")]
    for name in ("first", "second"):
        assert (tmp_path / f"{name}.mp4").read_bytes() == undisturbed.film
    assert stored_digests(work) == stored_digests(undisturbed.work)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_title_that_is_stopped_again_and_again_goes_on_and_is_the_same_film(
    small: SmallTitle, undisturbed: Undisturbed, start: Start, tmp_path: Path
) -> None:
    specification, work = small.specification(tmp_path), tmp_path / "work"
    for stop, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)):
        before = artifacts(work)
        stopped_once(start(specification, work), work, stop, code)
        made = {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")}
        # A signal may come when the film is already complete.
        assert made >= {"title.json", "work"}
        film = tmp_path / "title.mp4"
        assert not film.exists() or film.read_bytes() == undisturbed.film
        hidden = [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
        assert stop is signal.SIGKILL or not hidden
        assert artifacts(work).items() >= before.items()
    process = start(specification, work)
    assert waited(lambda: workers_of(process) or process.poll() is not None)
    os.kill(workers_of(process)[0], signal.SIGKILL)
    assert ended(process) == (0, "")
    assert (tmp_path / "title.mp4").read_bytes() == undisturbed.film
    assert stored_digests(work) == stored_digests(undisturbed.work)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """The processes that make artifacts for a dub: forks of the first process of this command."""
    found = []
    for each in sorted(of_session(process.pid)):
        with suppress(OSError):  # it has ended
            if b"multiprocessing.forkserver" in Path(f"/proc/{each}/cmdline").read_bytes():
                found.append(each)
    return found[1:]


def stopped_once(
    process: subprocess.Popen[str], work: Path, stop: signal.Signals, code: int
) -> None:
    """Stop a dub once it has made something; none of its processes may go on."""
    before = artifacts(work)
    assert waited(lambda: len(artifacts(work)) > len(before) or process.poll() is not None)
    process.send_signal(stop)
    assert ended(process)[0] == code
    assert waited(lambda: not of_session(process.pid))


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def cut_off(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


@pytest.mark.parametrize("stages", ["draw", "*"])
def test_damaged_artifacts_are_made_again(
    small: SmallTitle, undisturbed: Undisturbed, start: Start, tmp_path: Path, stages: str
) -> None:
    work = shutil.copytree(undisturbed.work, tmp_path / "work")
    damages = cycle((flip, cut_off, Path.unlink))
    folders = sorted(value.parent for value in work.glob(f"{stages}/??/*/value.json"))
    assert len(folders) > 2
    for folder in folders:
        files = sorted(folder.rglob("*"), key=lambda file: (file.is_file(), file.stat().st_size))
        next(damages)(files[-1])
    assert ended(start(small.specification(tmp_path), work)) == (0, "")
    assert (tmp_path / "title.mp4").read_bytes() == undisturbed.film
    assert stored_digests(work) == stored_digests(undisturbed.work)
