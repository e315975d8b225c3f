"""Titles that are disturbed: dubbed twice at once, interrupted, killed, with a damaged store.

The film is that of an undisturbed dub, or there is none.
"""

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import pytest

from jobs.app import run
from mytalk_core.data.samples import SampleClip
from tests.programs import Programs, ended, waited
from tests.small_title import SmallTitle, small_title, stored_digests
from tests.title_runs import Networks


@pytest.fixture(scope="module")
def small(
    sample_clips: dict[str, SampleClip],
    small_networks: Networks,
    tmp_path_factory: pytest.TempPathFactory,
) -> SmallTitle:
    clips = (sample_clips[name].path for name in ("jwp_intro", "test_movie"))
    return small_title(tmp_path_factory.mktemp("small"), *clips, small_networks)


@dataclass(frozen=True)
class Dubs:
    """Starts dubs of the small title as commands, each in a session of its own."""

    title: SmallTitle
    programs: Programs

    def start(self, specification: Path, work: Path) -> subprocess.Popen[str]:
        return self.programs.start("-m", "jobs.app", *self.title.command(specification, work))


@pytest.fixture
def dubs(small: SmallTitle, programs: Programs) -> Dubs:
    return Dubs(small, programs)


@dataclass(frozen=True)
class Undisturbed:
    """A dub that one process made, and that nothing disturbed."""

    film: bytes
    work: Path


@pytest.fixture(scope="module")
def undisturbed(small: SmallTitle, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    result = small.dubbed(small.specification(folder), folder / "work")
    assert len([each for each in result.report.segments if each.members]) >= 2
    return Undisturbed(result.film.read_bytes(), folder / "work")


def artifacts(work: Path, stage: str = "*") -> dict[Path, int]:
    """What workers have stored, in one stage or in all: each with the inode of its value.

    The digests of files are the command's own work.
    """
    values = work.glob(f"{stage}/??/*/value.json")
    return {value: value.stat().st_ino for value in values if "digest" not in value.parts}


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
    dubs: Dubs, undisturbed: Undisturbed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each of them uses all cores; their films and artifacts are those of one process."""
    work = tmp_path / "work"
    first, second = (dubs.title.specification(tmp_path, name) for name in ("first", "second"))
    running = [dubs.start(each, work) for each in (first, second)]
    assert waited((tmp_path / ".first.mp4.lock").exists)
    assert run(dubs.title.command(first, tmp_path / "other")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "first.mp4: another run is writing this file" in line and "Wait" in line
    assert [ended(each) for each in running] == [(0, ""), (0, "")]
    for name in ("first", "second"):
        assert (tmp_path / f"{name}.mp4").read_bytes() == undisturbed.film
    assert stored_digests(work) == stored_digests(undisturbed.work)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_title_that_is_stopped_again_and_again_goes_on_and_is_the_same_film(
    dubs: Dubs, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """The last stop comes after the death of a worker, when a part of the film is drawn."""
    specification, work = dubs.title.specification(tmp_path), tmp_path / "work"
    for stop, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        before = artifacts(work)
        stopped_once(dubs.start(specification, work), work, "*", stop, code)
        assert {path.name for path in tmp_path.iterdir()} == {"title.json", "work"}
        assert artifacts(work).items() >= before.items()
    before, process = artifacts(work), dubs.start(specification, work)
    assert waited(lambda: len(artifacts(work)) > len(before) or process.poll() is not None)
    os.kill(workers_of(process)[0], signal.SIGKILL)
    stopped_once(process, work, "draw", signal.SIGKILL, -9)
    assert not (tmp_path / "title.mp4").exists()
    assert artifacts(work).items() >= before.items()
    before = artifacts(work)
    assert ended(dubs.start(specification, work)) == (0, "")
    assert (tmp_path / "title.mp4").read_bytes() == undisturbed.film
    assert stored_digests(work) == stored_digests(undisturbed.work)
    assert artifacts(work).items() >= before.items()  # nothing was made twice
    film = {"title.mp4", "title.mp4.report.html", "title.mp4.report.json"}
    assert {path.name for path in tmp_path.iterdir()} == {"title.json", "work"} | film
    assert not [*(work / "unfinished").iterdir(), *(work / "runs").iterdir()]


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """The processes that make artifacts for a dub: forks of the first process of this command."""
    found = []
    for each in sorted(of_session(process.pid)):
        with suppress(OSError):  # it has ended
            if b"multiprocessing.forkserver" in Path(f"/proc/{each}/cmdline").read_bytes():
                found.append(each)
    return found[1:]


def stopped_once(
    process: subprocess.Popen[str], work: Path, stage: str, stop: signal.Signals, code: int
) -> None:
    """Stop a dub once it has made something in a stage; none of its processes may go on."""
    before = len(artifacts(work, stage))
    assert waited(lambda: len(artifacts(work, stage)) > before or process.poll() is not None)
    process.send_signal(stop)
    found, messages = ended(process)
    assert found == code, messages
    assert "Traceback" not in messages and len(messages.splitlines()) <= 1
    assert waited(lambda: not of_session(process.pid))


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def cut_off(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def damaged(undisturbed: Undisturbed, folder: Path, stage: str) -> Path:
    """A copy of a store with every artifact of a stage damaged, one like another."""
    work = shutil.copytree(undisturbed.work, folder / "work")
    damages = cycle((flip, cut_off, Path.unlink))
    folders = sorted(value.parent for value in work.glob(f"{stage}/??/*/value.json"))
    assert len(folders) > 2
    for each in folders:
        files = sorted(each.rglob("*"), key=lambda file: (file.is_file(), file.stat().st_size))
        next(damages)(files[-1])
    return work


def test_damaged_artifacts_are_made_again(
    dubs: Dubs, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    work = damaged(undisturbed, tmp_path, "*")
    assert ended(dubs.start(dubs.title.specification(tmp_path), work)) == (0, "")
    assert (tmp_path / "title.mp4").read_bytes() == undisturbed.film
    assert stored_digests(work) == stored_digests(undisturbed.work)


def test_only_damaged_artifacts_are_made_again(
    small: SmallTitle, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    work = damaged(undisturbed, tmp_path, "draw")
    whole = {path: at for path, at in artifacts(work).items() if "draw" not in path.parts}
    result = small.dubbed(small.specification(tmp_path), work)
    assert result.film.read_bytes() == undisturbed.film
    assert stored_digests(work) == stored_digests(undisturbed.work)
    assert artifacts(work).items() >= whole.items()
