"""A dry run says what a dub would draw: all of a new title, nothing twice, only what changed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.samples import SampleClip
from mytalk_core.data.stage_rates import StageRates
from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.dry_run import TitleEstimate, plan_title_only
from mytalk_core.dubbing.monitor import Monitor
from mytalk_core.dubbing.opening import ClipFiles, open_clip
from mytalk_core.dubbing.title import DubResult, dub_title
from mytalk_core.media.audio import pcm16, read_audio, write_wav
from tests.title_runs import Networks, context_of, given_words, speech_of

FPS = 25
FRAMES = 75
LINES = ((0.4, 0.9), (2.0, 2.5))  # seconds


@dataclass(frozen=True)
class Planning:
    """Dubs and plans one film with several speeches."""

    film: Path
    words: Path
    folder: Path
    networks: Networks

    def estimate(self, second: int, config: DubConfig | None = None) -> TitleEstimate:
        """The plan of a dub; its second line is taken from this second of the words."""
        artifacts = Artifacts(self.folder / "work")
        with artifacts.in_use(), given_words(self.networks.tools, speech_of(*LINES)):
            title = open_clip(self._files(second), artifacts)
            context = context_of(title, artifacts, self.networks, config or DubConfig())
            return plan_title_only(context, title, StageRates(artifacts.root))

    def dub(self, second: int) -> DubResult:
        """The dub itself."""
        artifacts = Artifacts(self.folder / "work")
        with artifacts.in_use(), given_words(self.networks.tools, speech_of(*LINES)):
            files = self._files(second)
            title = open_clip(files, artifacts)
            context = context_of(title, artifacts, self.networks)
            return dub_title(context, title, files.output, Monitor())

    def _files(self, second: int) -> ClipFiles:
        words = read_audio(self.words)
        stem = np.zeros(FRAMES * 640, np.float32)
        for (start, end), source in zip(LINES, (1, second), strict=True):
            first, last = round(start * 16_000), round(end * 16_000)
            stem[first:last] = words[source * 16_000 :][: last - first]
        speech = self.folder / f"speech-{second}.wav"
        write_wav(speech, pcm16(stem), 16_000)
        return ClipFiles(self.film, speech, self.folder / f"dubbed-{second}.mp4")


@pytest.fixture(scope="module")
def planning(
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: Callable[..., Path],
    small_networks: Networks,
    tmp_path_factory: pytest.TempPathFactory,
) -> Planning:
    folder = tmp_path_factory.mktemp("planning")
    clip, words = (sample_clips[name].path for name in ("jwp_intro", "test_movie"))
    picture = ("-vf", f"fps={FPS},scale=320:-2", "-frames:v", str(FRAMES))
    film = run_ffmpeg(folder / "film.mp4", "-ss", "1", "-i", clip, *picture, "-t", "3")
    return Planning(film, words, folder, small_networks)


@pytest.fixture(scope="module")
def before(planning: Planning) -> TitleEstimate:
    """Planned when nothing is drawn."""
    return planning.estimate(3)


@pytest.fixture(scope="module")
def drawn(planning: Planning, before: TitleEstimate) -> DubResult:
    """The dub."""
    return planning.dub(3)


@pytest.fixture(scope="module")
def after(planning: Planning, drawn: DubResult) -> TitleEstimate:
    """Planned when all is drawn."""
    return planning.estimate(3)


def test_a_new_title_is_drawn_wholly_and_its_time_is_not_known(before: TitleEstimate) -> None:
    assert before.lines == 2
    assert before.on_screen + before.off_screen + before.undecided == 2
    assert before.segments > 0 and before.reused == 0
    assert before.frames_to_draw + before.frames_to_encode == FRAMES
    assert before.visible_seconds == pytest.approx(before.frames_to_draw / FPS)
    assert before.seconds is None


def test_the_plan_is_what_the_dub_draws(before: TitleEstimate, drawn: DubResult) -> None:
    segments = drawn.report.segments
    assert before.segments == len(segments)
    assert before.frames_to_draw == sum(each.end - each.first for each in segments)
    assert before.frames_to_encode == FRAMES - before.frames_to_draw
    assert not any(each.reused for each in segments)


def test_a_dub_that_was_drawn_before_costs_nothing(
    before: TitleEstimate, after: TitleEstimate
) -> None:
    assert after.reused == after.segments == before.segments
    assert (after.frames_to_draw, after.frames_to_encode, after.seconds) == (0, 0, 0)
    assert after.visible_seconds == before.visible_seconds


@pytest.mark.usefixtures("drawn")
def test_a_changed_line_is_drawn_alone(planning: Planning, before: TitleEstimate) -> None:
    changed = planning.estimate(4)
    assert changed.segments == before.segments
    assert 0 < changed.segments - changed.reused < changed.segments
    start, end = LINES[1]
    assert 0 < changed.frames_to_draw <= (end - start + 0.8) * FPS + 1
    assert changed.frames_to_encode == 0
    assert changed.seconds is not None and changed.seconds > 0


@pytest.mark.usefixtures("drawn")
def test_another_quality_of_the_film_encodes_everything_again(planning: Planning) -> None:
    finer = planning.estimate(3, DubConfig(crf=10))
    assert finer.reused == 0
    assert finer.frames_to_draw + finer.frames_to_encode == FRAMES


@pytest.mark.usefixtures("drawn")
def test_planning_draws_nothing(planning: Planning) -> None:
    drawing = planning.folder / "work" / "draw"
    files = sorted(drawing.rglob("*"))
    planning.estimate(5)
    assert sorted(drawing.rglob("*")) == files
    assert not (planning.folder / "dubbed-5.mp4").exists()


@pytest.mark.usefixtures("after")
def test_a_second_dub_draws_nothing_and_gives_the_same_film(
    planning: Planning, drawn: DubResult
) -> None:
    film = drawn.film.read_bytes()
    again = planning.dub(3)
    assert all(each.reused for each in again.report.segments)
    assert again.film.read_bytes() == film
