"""An actor is learned once for a film; the result is an artifact like any other."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from mytalk_core.appearance.actor_frames import Take
from mytalk_core.appearance.adaptation import (
    AdaptationConfig,
    AdaptationRecord,
    Adapted,
)
from mytalk_core.appearance.adaptation_scores import Scores
from mytalk_core.appearance.checkpoint import save_renderer
from mytalk_core.appearance.renderer import SIZES, Renderer
from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.media_file import MediaFile
from mytalk_core.dubbing import title_adaptation
from mytalk_core.dubbing.film_source import FilmSource
from mytalk_core.dubbing.inline_runner import InlineRunner
from mytalk_core.dubbing.models import DubModels
from mytalk_core.dubbing.title_adaptation import ADAPT, AdaptRequest, MemberAdaptation
from mytalk_core.dubbing.tools import DubTools
from mytalk_core.errors import BadInputError, ModelError, OutputError, Reason
from mytalk_core.faces.crop import CropConfig
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.media.probe import VideoInfo
from tests.face_tracks import face_track, planned_track

FPS = Fraction(25)
FRAMES = 200
RECORD = AdaptationRecord(
    before=Scores(30.0, 0.1),
    after=Scores(31.5, 0.08),
    helped=True,
    steps=80,
    chosen_step=80,
    seconds=90.0,
    learnt_frames=100,
    reporting_frames=24,
    looks=(),
)
CONFIG = AdaptationConfig()
INFO = VideoInfo(
    path="film.mp4",
    width=96,
    height=72,
    fps=FPS,
    duration=FRAMES / FPS,
    frame_estimate=FRAMES,
    has_audio=True,
    codec="h264",
    pixel_format="yuv420p",
    time_base=1 / FPS,
)


class Learning:
    """Replaces minutes of learning; counts its calls, and the sizes of the crops it is given."""

    def __init__(self) -> None:
        self.count = 0
        self.sizes: list[int] = []
        self.fails: BadInputError | None = None

    def __call__(
        self, renderer: Renderer, takes: Sequence[Take], config: AdaptationConfig, progress: object
    ) -> Adapted:
        self.count += 1
        if self.fails:
            raise self.fails
        torch.manual_seed(7)
        return Adapted(Renderer(renderer.config).eval(), RECORD)

    def collect(
        self, film: object, tracks: object, chosen: object, size: int, *_: object
    ) -> list[Take]:
        """Replaces the reading of the film."""
        self.sizes.append(size)
        return []


@pytest.fixture(autouse=True)
def learning(monkeypatch: pytest.MonkeyPatch) -> Learning:
    stand_in = Learning()
    monkeypatch.setattr(title_adaptation, "learn", stand_in)
    monkeypatch.setattr(title_adaptation, "collect_takes", stand_in.collect)
    monkeypatch.setattr(FilmSource, "info", INFO)
    return stand_in


@pytest.fixture(scope="module")
def track(
    talking_face: Callable[..., np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> FaceTrack:
    folder = tmp_path_factory.mktemp("tracks")
    return face_track(folder, talking_face(np.full(FRAMES, 0.1)), FPS)


@dataclass(frozen=True)
class Adapting:
    """Adapts the shipped renderer in a store."""

    artifacts: Artifacts
    tools: DubTools
    track: FaceTrack

    def request(self, usable: np.ndarray | None = None) -> AdaptRequest:
        """A member with one track, wholly usable by default."""
        strength = np.ones(FRAMES) if usable is None else usable.astype(np.float32)
        tracks = (planned_track(self.track, strength),)
        film = FilmSource(MediaFile(Path("film.mp4"), "a film"))
        return AdaptRequest(film, tracks, CropConfig(), CONFIG, "weights")

    def adapted(self, request: AdaptRequest) -> MemberAdaptation:
        """What is learned, or stored."""
        runner = InlineRunner(self.artifacts, self.tools, lambda *_: None)
        return runner.start(ADAPT, request).result()


@pytest.fixture
def adapting(tmp_path: Path, track: FaceTrack) -> Iterator[Adapting]:
    torch.manual_seed(0)
    renderer, path = Renderer(SIZES["tiny"]).eval(), tmp_path / "shipped.safetensors"
    save_renderer(renderer, path)
    folder = tmp_path / "tracks"
    folder.mkdir()
    # Arrays of requests are artifacts, so they are below the root of the store.
    arrays = {
        name: replace(array, path=folder / array.path.name)
        for name in ("detected", "steadied", "sampled")
        if (array := getattr(track, name))
    }
    for name, array in arrays.items():
        array.path.write_bytes(getattr(track, name).path.read_bytes())
    tools = DubTools(DubModels(path, path, path, path, path, path))
    yield Adapting(Artifacts(tmp_path), tools, replace(track, **arrays))


def test_a_second_dub_uses_what_the_first_one_learned(
    adapting: Adapting, learning: Learning
) -> None:
    first, second = (adapting.adapted(adapting.request()) for _ in range(2))
    assert learning.count == 1
    assert first.record == second.record == RECORD
    assert first.weights == second.weights
    assert first.summary == "learned in 1.5 min and 80 steps from 100 frames; used"
    renderer = adapting.tools.renderer_with(second.weights)
    torch.manual_seed(7)
    for name, value in Renderer(renderer.config).state_dict().items():
        assert torch.equal(value, renderer.state_dict()[name].cpu())
    assert not renderer.training
    assert adapting.tools.renderer_with(second.weights) is renderer


def test_everything_that_decides_the_result_changes_its_key(
    adapting: Adapting, learning: Learning
) -> None:
    hidden = np.ones(FRAMES, bool)
    hidden[50:60] = False
    request = adapting.request()
    adapting.adapted(request)
    changed = (
        replace(request, film=FilmSource(MediaFile(Path("film.mp4"), "another film"))),
        replace(request, models="other weights"),
        replace(request, config=replace(CONFIG, steps=20)),
        replace(request, config=replace(CONFIG, batches=replace(CONFIG.batches, runs=4))),
        replace(request, crop=CropConfig(below_eyes=0.6)),
        adapting.request(hidden),
    )
    for number, change in enumerate(changed):
        adapting.adapted(change)
        assert learning.count == number + 2, change
    adapting.adapted(request)
    assert learning.count == 1 + len(changed)


def test_the_place_of_the_film_does_not_matter(adapting: Adapting, learning: Learning) -> None:
    request = adapting.request()
    adapting.adapted(request)
    elsewhere = FilmSource(MediaFile(Path("elsewhere/film.mp4"), "a film"))
    adapting.adapted(replace(request, film=elsewhere))
    assert learning.count == 1


def test_learning_uses_crops_of_the_renderers_own_size(
    adapting: Adapting, learning: Learning
) -> None:
    adapting.adapted(replace(adapting.request(), crop=CropConfig(size=480)))
    assert learning.sizes == [adapting.tools.renderer.config.size * 3 // 2]


def test_a_film_too_short_is_dubbed_with_the_shipped_weights(
    adapting: Adapting, learning: Learning
) -> None:
    learning.fails = BadInputError("too short to learn from", reason=Reason.TOO_SHORT)
    found = adapting.adapted(adapting.request())
    assert (found.weights, found.record) == (None, None)
    assert found.summary == "too short to learn from"
    assert adapting.tools.renderer_with(found.weights) is adapting.tools.renderer
    hidden = adapting.adapted(adapting.request(np.zeros(FRAMES, bool)))
    assert hidden.summary == "no two consecutive frames to learn from"


def test_other_failures_are_not_hidden(adapting: Adapting, learning: Learning) -> None:
    learning.fails = BadInputError("broken", reason=Reason.DECODE_ERROR)
    with pytest.raises(BadInputError, match="broken"):
        adapting.adapted(adapting.request())


def test_an_interrupted_adaptation_is_learned_again(
    adapting: Adapting, learning: Learning, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(model: Renderer, path: Path, notes: object) -> None:
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as broken:
        broken.setattr("mytalk_core.appearance.adapted_file.save_renderer", full)
        with pytest.raises(OutputError):
            adapting.adapted(adapting.request())
    assert "adapt" not in adapting.artifacts.usage()
    assert adapting.adapted(adapting.request()).weights is not None
    assert learning.count == 2


def test_a_damaged_file_is_named(adapting: Adapting) -> None:
    weights = adapting.adapted(adapting.request()).weights
    assert weights is not None
    weights.write_bytes(b"damaged")
    with pytest.raises(ModelError) as refusal:
        adapting.tools.renderer_with(weights)
    assert refusal.value.where == str(weights)
