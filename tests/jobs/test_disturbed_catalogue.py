"""`mytalk batch` that is killed, then stopped, and goes on: every title is delivered once."""

import os
import signal
import subprocess
from pathlib import Path

from mytalk_core.data.ledger import Ledger
from mytalk_core.data.run_records import RunEnd, TitleStatus
from mytalk_core.data.samples import SampleClip
from mytalk_core.data.storage import open_store
from tests.programs import Programs, ended, waited
from tests.small_title import small_title, stored_digests
from tests.title_runs import Networks

TITLES = ("one", "two")
STOP_SECONDS = 60.0  # within which a stopped run ends, on a busy machine


def artifacts(work: Path) -> dict[Path, int]:
    """What is stored: each artifact with the inode of its value."""
    values = work.glob("*/??/*/value.json")
    return {value: value.stat().st_ino for value in values if "digest" not in value.parts}


def hidden(folder: Path) -> list[Path]:
    return [
        path for path in folder.rglob(".*") if path.name.endswith(".work") or ".part" in path.name
    ]


def test_a_run_that_is_killed_and_stopped_delivers_every_title_once(
    ray_address: str,
    small_networks: Networks,
    sample_clips: dict[str, SampleClip],
    programs: Programs,
    tmp_path: Path,
) -> None:
    """The films are those of `mytalk dub`, of which all artifacts have the same bytes."""
    (tmp_path / "in").mkdir()
    clips = (sample_clips[name].path for name in ("jwp_intro", "test_movie"))
    small = small_title(tmp_path / "in", *clips, small_networks)
    rows = [f"{small.film},{small.speech},en,{name}" for name in TITLES]
    (tmp_path / "list.csv").write_text("\n".join(["film,dub,language,id", *rows]))
    out, work = tmp_path / "out", tmp_path / "out.work"
    models = small.networks.models

    def start() -> subprocess.Popen[str]:
        weights = (models.motion, models.renderer)
        command = ("--quiet", "batch", tmp_path / "list.csv", "--out", out, "--workers", "1")
        where = ("--address", ray_address)
        return programs.start("-m", "tests.small_catalogue_run", *weights, *command, *where)

    def made(process: subprocess.Popen[str], more: int) -> dict[Path, int]:
        """Wait until a run has stored so many further artifacts."""
        before = len(artifacts(work))
        waited(lambda: len(artifacts(work)) >= before + more or process.poll() is not None)
        assert process.poll() is None, ended(process)[1]
        return artifacts(work)

    killed = start()
    first = made(killed, 3)
    os.kill(killed.pid, signal.SIGKILL)
    assert ended(killed)[0] == -signal.SIGKILL
    stopped = start()
    second = made(stopped, 1)
    stopped.terminate()
    assert stopped.wait(STOP_SECONDS) == 143
    assert ended(start()) == (0, "")

    assert artifacts(work).items() >= second.items() >= first.items()  # nothing was made twice
    reference = small.dubbed(small.specification(tmp_path / "in"), tmp_path / "in" / "work")
    for name in TITLES:
        assert (out / name / f"{name}.mp4").read_bytes() == reference.film.read_bytes()
    assert stored_digests(work) == stored_digests(tmp_path / "in" / "work")
    ledger = Ledger(open_store(out))
    assert [ledger.ended(run) and ledger.ended(run).why for run in ledger.runs()] == [
        None,
        RunEnd.STOPPED,
        RunEnd.FINISHED,
    ]
    delivered = list(ledger.titles().latest())
    assert sorted(each.id for each in delivered) == sorted(TITLES)
    assert {(each.status, each.run) for each in delivered} == {(TitleStatus.OK, 3)}
    assert not hidden(out) and not list((work / "unfinished").iterdir())
    assert not list((out / "ledger").rglob("lease/*"))
