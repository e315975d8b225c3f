"""A title that several processes dub, or that is killed and started again, is the same film."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.models import NamedModels, model_digests
from mytalk_core.dubbing.monitor import Monitor
from mytalk_core.dubbing.opening import ClipFiles, open_clip
from mytalk_core.dubbing.title import dub_title
from mytalk_core.dubbing.title_context import TitleContext
from pipelines.local import LocalRunner
from pipelines.local_worker import dub_tools
from tests.small_title import SmallTitle, small_title, stored_digests
from tests.title_runs import Networks, dubbed

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Small:
    """A small title and its networks."""

    title: SmallTitle
    networks: Networks

    @property
    def models(self) -> NamedModels:
        return self.networks.models

    def files(self, out: Path) -> ClipFiles:
        return ClipFiles(self.title.film, self.title.speech, out)

    def command(self, out: Path, work: Path) -> list[str]:
        """The command line of the same dub."""
        weights = ("--motion", str(self.models.motion), "--renderer", str(self.models.renderer))
        films = (str(self.title.film), str(self.title.speech), "--out", str(out))
        dub = ("dub", *films, "--work", str(work), *weights)
        return [sys.executable, "-m", "jobs.app", "--quiet", *dub]


@pytest.fixture(scope="module")
def small(
    sample_clips: dict[str, SampleClip],
    small_networks: Networks,
    tmp_path_factory: pytest.TempPathFactory,
) -> Small:
    clips = (sample_clips[name].path for name in ("jwp_intro", "test_movie"))
    title = small_title(tmp_path_factory.mktemp("small"), *clips, small_networks.models)
    return Small(title, small_networks)


@dataclass(frozen=True)
class Undisturbed:
    """The dub that one process made."""

    film: bytes
    stored: Mapping[str, str]


@pytest.fixture(scope="module")
def undisturbed(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    result = dubbed(small.files(folder / "out.mp4"), folder / "work", small.networks)
    assert len([each for each in result.report.segments if each.members]) >= 2
    return Undisturbed(result.film.read_bytes(), stored_digests(folder / "work"))


def test_two_processes_give_the_film_and_the_artifacts_of_one(
    small: Small, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    artifacts, out = Artifacts(tmp_path / "work"), tmp_path / "out.mp4"
    title = open_clip(small.files(out), artifacts)
    tools = partial(dub_tools, small.models.here())
    with LocalRunner(artifacts, tools, lambda *_: None, processes=2) as runner:
        context = TitleContext(runner, title.film, DubConfig(), model_digests(small.models))
        result = dub_title(context, title, out, Monitor())
    assert result.film.read_bytes() == undisturbed.film
    assert stored_digests(artifacts.root) == undisturbed.stored


@pytest.fixture
def start(small: Small, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """A function: start `mytalk dub` in the folder of the test."""
    started: list[subprocess.Popen[str]] = []

    def run() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            small.command(tmp_path / "out.mp4", tmp_path / "work"),
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def drawn(work: Path) -> set[Path]:
    """The drawn pieces in a store."""
    return {*work.glob("draw/??/*")}


def test_a_dub_that_is_killed_goes_on_and_makes_only_what_was_missing(
    undisturbed: Undisturbed,
    start: Callable[[], subprocess.Popen[str]],
    tmp_path: Path,
) -> None:
    work, out = tmp_path / "work", tmp_path / "out.mp4"
    process = start()
    deadline = time.monotonic() + 300
    while not drawn(work) and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists()
    before = {path: path.stat().st_ino for path in work.glob("*/??/*/value.json")}
    assert drawn(work)

    output, _ = start().communicate(timeout=300)
    assert out.read_bytes() == undisturbed.film, output
    assert stored_digests(work) == undisturbed.stored
    assert {path: path.stat().st_ino for path in before} == before
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {"work", "out.mp4", "out.mp4.report.html", "out.mp4.report.json"}
    assert not list((work / "unfinished").iterdir()) and not list((work / "runs").iterdir())
