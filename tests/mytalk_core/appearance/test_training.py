"""The training objective of stage 2."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from mytalk_core.appearance.batches import BatchConfig
from mytalk_core.appearance.clip import AppearanceClip
from mytalk_core.appearance.crop_motion import CropMotionConfig
from mytalk_core.appearance.face_crops import CropTensors, crop_tensors
from mytalk_core.appearance.losses import LossConfig, near_lips
from mytalk_core.appearance.perceptual import Lpips
from mytalk_core.appearance.reference_frames import spread_by_opening
from mytalk_core.appearance.renderer import SIZES, Renderer, Rendering
from mytalk_core.appearance.training import (
    AppearanceClips,
    AppearanceObjective,
    AppearanceTrainingConfig,
    JudgingModels,
    RendererInTraining,
    score_clips,
)
from mytalk_core.training.loop import LoopConfig, TrainingState, train

SIZE = SIZES["tiny"]
STEPS = 60
CONFIG = AppearanceTrainingConfig(
    # Validated on a frontal face with references of other mouths, which is all that a few steps
    # have to learn.
    batches=BatchConfig(runs=1, references=3, alike=0.0, motion=CropMotionConfig(stretch=0.0)),
    losses=LossConfig(detail_from=STEPS // 2),
)
OPENINGS = 0.2 + 0.2 * np.sin(np.arange(40) / 2.5)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def clip(drawn_clip: Callable[..., AppearanceClip]) -> AppearanceClip:
    return drawn_clip(OPENINGS)


class Near(Renderer):
    """Returns the truth with a constant error."""

    def __init__(self, error: float) -> None:
        super().__init__(SIZE)
        self._error = error

    def forward(self, frames: CropTensors, references: Any) -> Rendering:
        picture = frames.pictures + self._error
        return Rendering(picture, picture)


def test_the_score_is_the_psnr_of_the_mouth(clip: AppearanceClip, lpips: Lpips) -> None:
    """A renderer with a constant error of 0.1 has 20 dB."""
    score, closer = (score_clips(Near(error), [clip], lpips, 3, CPU) for error in (0.1, 0.01))
    assert score["negative_mouth_psnr"] == pytest.approx(-20, abs=0.01)
    assert closer["negative_mouth_psnr"] == pytest.approx(-40, abs=0.01)
    assert 0 < closer["mouth_lpips"] < 0.2 * score["mouth_lpips"]
    # The first score chooses the weights.
    assert list(score) == ["mouth_lpips", "negative_mouth_psnr"]
    assert score_clips(Near(0.0), [clip], lpips, 3, CPU)["mouth_lpips"] == 0


def test_scores_are_means_over_clips(
    drawn_clip: Callable[..., AppearanceClip], clip: AppearanceClip, lpips: Lpips
) -> None:
    other = drawn_clip(OPENINGS[:20], 192)  # crops of another size are judged alike
    renderer = Near(0.0)
    renderer.forward = Renderer(SIZE).eval().forward  # type: ignore[method-assign]
    alone = [score_clips(renderer, [each], lpips, 3, CPU) for each in (clip, other)]
    both = score_clips(renderer, [clip, other], lpips, 3, CPU)
    for name, value in both.items():
        assert value == pytest.approx(np.mean([each[name] for each in alone]))


def test_parameter_names_are_stable() -> None:
    """Checkpoints and shipped weights depend on them."""
    model = RendererInTraining(SIZE)
    names = set(model.state_dict())
    own = {f"renderer.{name}" for name in Renderer(SIZE).state_dict()}
    assert own < names
    assert {name for name in names if name not in own} == {
        f"critic.{name}" for name in model.critic.state_dict()
    }
    assert {name.split(".")[0] for name in Renderer(SIZE).state_dict()} == {
        "landmark_encoder",
        "lip_encoder",
        "surroundings_encoder",
        "context_encoder",
        "match",
        "fusion",
        "bottom",
        "up",
        "head",
    }


def judged(clip: AppearanceClip) -> tuple[CropTensors, CropTensors]:
    """Frames of a clip, and references spread over it."""
    chosen = spread_by_opening(clip.opening, 3)
    frames = np.setdiff1d(np.arange(len(clip.opening)), chosen)[::3]
    return (
        crop_tensors(clip.crops.choose(frames), clip.scheme, SIZE.size),
        crop_tensors(clip.crops.choose(chosen), clip.scheme, SIZE.size),
    )


def psnr(picture: torch.Tensor, frames: CropTensors) -> float:
    """PSNR of the mouths, dB."""
    near = near_lips(frames.drawings)
    error = ((picture - frames.pictures).square() * near).sum() / (3 * near.sum())
    return float(-10 * torch.log10(error))


def test_a_short_training_beats_the_mean_of_the_references(
    clip: AppearanceClip,
    drawn_clip: Callable[..., AppearanceClip],
    small_judges: JudgingModels,
) -> None:
    """Trained on one clip and measured on another clip of the same face."""
    torch.manual_seed(0)
    unseen = drawn_clip(OPENINGS[::-1] * 0.9)
    clips = AppearanceClips(lambda random: clip, [unseen])
    objective = AppearanceObjective(SIZE, CONFIG, clips, small_judges, CPU)
    renderer = objective.model.renderer
    target, shown = judged(unseen)

    def found() -> float:
        with torch.inference_mode():
            known = renderer.encode_references(shown.as_batch())
            return psnr(renderer(target, known.repeat(len(target.pictures))).picture, target)

    before = found()
    config = LoopConfig(STEPS, 2e-3, validate_every=STEPS // 4, average_decay=0.9)
    (state,) = train(objective, config, TrainingState(), CPU)
    renderer.eval()
    after, mean = found(), psnr(shown.pictures.mean(dim=0), target)
    assert after > before + 1
    assert after > mean + 3

    losses = [entry["picture"] + entry["edges"] for entry in state.history]
    assert losses[-1] < 0.9 * losses[0]
    # Detail losses count in the second half only.
    assert ["perceptual" in entry for entry in state.history] == [False, False, True, True]
    assert all("critic" in entry for entry in state.history)
    assert state.best_score == min(entry["mouth_lpips"] for entry in state.history)


def test_equal_seeds_give_equal_weights(clip: AppearanceClip, small_judges: JudgingModels) -> None:
    def trained(seed: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        config = replace(CONFIG, losses=LossConfig())
        objective = AppearanceObjective(
            SIZE, config, AppearanceClips(lambda random: clip, [clip]), small_judges, CPU
        )
        (state,) = train(objective, LoopConfig(2, 1e-3, seed=seed), TrainingState(), CPU)
        return {name: value.clone() for name, value in state.weights.items()}

    one, again, other = (trained(seed) for seed in (0, 0, 1))
    assert all(torch.equal(value, again[name]) for name, value in one.items())
    assert any(not torch.equal(value, other[name]) for name, value in one.items())
