"""An actor is learned once for a film; the result is found again by its content."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
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
from mytalk_core.appearance.conditioning import MaskConfig
from mytalk_core.appearance.renderer import SIZES, Renderer
from mytalk_core.dubbing import title_adaptation
from mytalk_core.dubbing.left_alone import LeftAloneConfig
from mytalk_core.dubbing.models import DubModels
from mytalk_core.dubbing.title_adaptation import TitleAdaptation, adapt_to_title
from mytalk_core.dubbing.title_plan import PlanConfig
from mytalk_core.dubbing.tools import DubTools
from mytalk_core.errors import BadInputError, ModelError, OutputError, Reason
from mytalk_core.faces.crop import CropConfig
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


class Learning:
    """Replaces minutes of learning; counts its calls."""

    def __init__(self) -> None:
        self.count = 0
        self.fails: BadInputError | None = None

    def __call__(
        self, renderer: Renderer, takes: Sequence[Take], config: AdaptationConfig, progress: object
    ) -> Adapted:
        self.count += 1
        if self.fails:
            raise self.fails
        torch.manual_seed(7)
        return Adapted(Renderer(renderer.config).eval(), RECORD)


@pytest.fixture(autouse=True)
def learning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Learning:
    stand_in = Learning()
    monkeypatch.setenv("MYTALK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(title_adaptation, "learn", stand_in)
    monkeypatch.setattr(title_adaptation, "collect_takes", lambda *_: [])
    return stand_in


@pytest.fixture
def shipped(tmp_path: Path) -> tuple[Renderer, Path]:
    torch.manual_seed(0)
    renderer, path = Renderer(SIZES["tiny"]).eval(), tmp_path / "shipped.safetensors"
    save_renderer(renderer, path)
    return renderer, path


Adapting = Callable[..., TitleAdaptation]


@pytest.fixture
def adapting(
    tmp_path: Path, shipped: tuple[Renderer, Path], talking_face: Callable[..., np.ndarray]
) -> Iterator[Adapting]:
    """Adapts to a film of some bytes; keyword arguments replace the defaults."""
    renderer, weights = shipped
    (tmp_path / "tracks").mkdir()
    track = face_track(tmp_path / "tracks", talking_face(np.full(FRAMES, 0.1)), FPS)

    def adapt(
        film: bytes = b"a film",
        name: str = "film.mp4",
        weights: Path = weights,
        config: AdaptationConfig = CONFIG,
        usable: np.ndarray = np.ones(FRAMES, bool),  # noqa: B008  # read-only
        crop: CropConfig = CropConfig(),  # noqa: B008
        mask: MaskConfig = MaskConfig(),  # noqa: B008
        landmarker: bytes = b"a landmarker",
    ) -> TitleAdaptation:
        path = tmp_path / name
        path.write_bytes(film)
        video = VideoInfo(
            path=str(path),
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
        finder = tmp_path / "landmarker.task"
        finder.write_bytes(landmarker)
        tools = DubTools(DubModels(finder, tmp_path, tmp_path, weights))
        tools.__dict__["renderer"] = renderer
        tracks = [planned_track(track, usable.astype(np.float32))]
        plan = PlanConfig(mask, crop, LeftAloneConfig())
        return adapt_to_title(video, tracks, tools, plan, config, lambda *_: None)

    yield adapt


def test_a_second_dub_uses_what_the_first_one_learned(
    adapting: Adapting, learning: Learning, shipped: tuple[Renderer, Path]
) -> None:
    first, second = adapting(), adapting(name="the same film elsewhere.mp4")
    assert learning.count == 1
    assert (first.from_cache, second.from_cache) == (False, True)
    assert first.record == second.record == RECORD
    assert first.weights == second.weights
    renderer = second.renderer(shipped[0])
    torch.manual_seed(7)
    for name, value in Renderer(renderer.config).state_dict().items():
        assert torch.equal(value, renderer.state_dict()[name])
    assert not renderer.training
    assert first.summary == "learned in 1.5 min and 80 steps from 100 frames; used"
    assert second.summary.startswith("learned by an earlier dub, in 1.5 min")


def test_everything_that_decides_the_result_changes_its_key(
    adapting: Adapting, learning: Learning, tmp_path: Path
) -> None:
    other_weights = tmp_path / "other.safetensors"
    torch.manual_seed(1)
    save_renderer(Renderer(SIZES["tiny"]), other_weights)
    hidden = np.ones(FRAMES, bool)
    hidden[50:60] = False
    adapting()
    for number, change in enumerate(
        (
            {"film": b"another film"},
            {"weights": other_weights},
            {"config": replace(CONFIG, steps=20)},
            {"config": replace(CONFIG, batches=replace(CONFIG.batches, runs=4))},
            {"usable": hidden},
            {"crop": CropConfig(below_eyes=0.6)},
            {"mask": MaskConfig(nose_gap=0.05)},
            {"landmarker": b"another landmarker"},
        )
    ):
        assert not adapting(**change).from_cache, change
        assert learning.count == number + 2
    assert adapting().from_cache


def test_the_size_of_the_films_crops_does_not_matter(
    adapting: Adapting, learning: Learning
) -> None:
    """Learning uses the renderer's own size."""
    adapting(crop=CropConfig(size=192))
    adapting(crop=CropConfig(size=480))
    assert learning.count == 1


def test_a_film_too_short_is_dubbed_with_the_shipped_weights(
    adapting: Adapting, learning: Learning, shipped: tuple[Renderer, Path], tmp_path: Path
) -> None:
    learning.fails = BadInputError("too short to learn from", reason=Reason.TOO_SHORT)
    found = adapting()
    assert found.renderer(shipped[0]) is shipped[0]
    assert (found.record, found.summary) == (None, "too short to learn from")
    assert not (tmp_path / "cache").exists()
    assert (
        adapting(usable=np.zeros(FRAMES, bool)).summary == "no two consecutive frames to learn from"
    )


def test_other_failures_are_not_hidden(adapting: Adapting, learning: Learning) -> None:
    learning.fails = BadInputError("broken", reason=Reason.DECODE_ERROR)
    with pytest.raises(BadInputError, match="broken"):
        adapting()


def test_an_interrupted_adaptation_is_learned_again(
    adapting: Adapting, learning: Learning, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(model: Renderer, path: Path, notes: object) -> None:
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("mytalk_core.appearance.adapted_file.save_renderer", full)
        with pytest.raises(OutputError):
            adapting()
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
    assert not adapting().from_cache
    assert learning.count == 2


def test_a_damaged_file_is_named(adapting: Adapting, tmp_path: Path) -> None:
    adapting()
    (kept,) = (tmp_path / "cache" / "adapted").iterdir()
    kept.write_bytes(b"damaged")
    with pytest.raises(ModelError) as refusal:
        adapting()
    assert refusal.value.where == str(kept)
