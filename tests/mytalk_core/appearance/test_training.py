"""What stage 2 learns from, and that it learns."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mytalk_core.appearance.conditioning import draw_landmarks
from mytalk_core.appearance.renderer import SIZES, Renderer, RendererConfig, Rendering
from mytalk_core.appearance.training import (
    AppearanceBatches,
    AppearanceClip,
    AppearanceObjective,
    AppearanceTrainingConfig,
    appearance_losses,
    score_clips,
)
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.training.loop import LoopConfig, TrainingState, train

Drawn = Callable[..., AppearanceClip]
SIZE: RendererConfig = replace(SIZES["tiny"], size=64)
CONFIG = AppearanceTrainingConfig(batch=2, references=3)
STILL = replace(CONFIG, turn=0, zoom=0, shift=0, landmark_jitter=0, darkest=1, brightest=1, batch=8)
OPENINGS = 0.2 + 0.2 * np.sin(np.arange(40) / 2.5)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def clip(drawn_clip: Drawn) -> AppearanceClip:
    return drawn_clip(OPENINGS, size=64)


def batches(clip: AppearanceClip, config: AppearanceTrainingConfig = CONFIG) -> AppearanceBatches:
    return AppearanceBatches(lambda random: clip, config)


def test_batches_have_their_shapes_and_ranges(clip: AppearanceClip) -> None:
    batch = batches(clip).batch(np.random.default_rng(0))
    points = len(MESH478.moving)
    for crops, lead in ((batch.target, (2,)), (batch.references, (2, 3))):
        pictures, drawings, places, masks, skins = crops.parts()
        assert pictures.shape == drawings.shape == (*lead, 3, 64, 64)
        assert places.shape == (*lead, points, 2)
        assert masks.shape == skins.shape == (*lead, 1, 64, 64)
        assert 0 <= pictures.min() < pictures.max() <= 1
        assert set(masks.unique().tolist()) == {0.0, 1.0}
        assert (masks * skins).max() == 0


def test_batches_depend_on_the_seed_alone_and_leave_the_clip_as_it_was(
    clip: AppearanceClip,
) -> None:
    before = clip.crops.points.copy(), clip.crops.pictures.copy()
    maker = batches(clip)
    one, again = (maker.batch(np.random.default_rng(5)) for _ in range(2))
    for first, second in zip(one.target.parts(), again.target.parts(), strict=True):
        assert torch.equal(first, second)
    other = maker.batch(np.random.default_rng(6))
    assert not torch.equal(one.target.pictures, other.target.pictures)
    np.testing.assert_array_equal(clip.crops.points, before[0])
    np.testing.assert_array_equal(clip.crops.pictures, before[1])


def test_points_drawings_and_pictures_move_together(clip: AppearanceClip) -> None:
    """Under the asked-for inner lips lies the dark of the mouth, however the crop was moved."""
    maker = batches(clip, replace(CONFIG, landmark_jitter=0, darkest=1, brightest=1, batch=16))
    batch = maker.batch(np.random.default_rng(0))
    inner = slice(len(MESH478.outer_lips), len(MESH478.lips))
    middle = (batch.target.points[:, inner].mean(dim=1) * 64).long()
    examples = torch.arange(len(middle))
    under = batch.target.pictures[examples, :, middle[:, 1], middle[:, 0]]
    openings = batch.target.points[:, inner, 1]
    wide = openings.amax(dim=1) - openings.amin(dim=1) > 5 / 64
    assert wide.sum() > 4
    assert under[wide].mean(dim=1).max() < 0.45  # painted 0.11 inside, 0.39 lips, 0.65 skin
    # And the lines are drawn through the points, in mirrored examples too.
    for points, drawing in zip(batch.target.points, batch.target.drawings, strict=True):
        again = draw_landmarks(64 * points.numpy(), 64, MESH478)
        assert np.corrcoef(again.ravel(), drawing.numpy().ravel())[0, 1] > 0.9


def test_half_of_the_examples_are_mirrored(clip: AppearanceClip) -> None:
    batch = batches(clip, STILL).batch(np.random.default_rng(0))
    corners = [MESH478.moving.index(corner) for corner in MESH478.mouth_corners]
    left, right = batch.target.points[:, corners, 0].T
    mirrored = left > right
    assert 0 < mirrored.sum() < len(mirrored)


def test_losses_are_finite_and_reach_every_weight(clip: AppearanceClip) -> None:
    torch.manual_seed(0)
    model = Renderer(SIZE)
    with torch.no_grad():
        # Below last layers that still say nothing, nothing learns.
        for layer in (model.head, model.coarse_flow[-1], model.fine_flow[-1]):
            nn.init.normal_(layer.get_parameter("weight"), std=0.05)
    losses = appearance_losses(model, batches(clip).batch(np.random.default_rng(0)), CONFIG)
    assert set(losses) == {"picture", "warp", "edges"}
    assert all(torch.isfinite(loss) and loss > 0 for loss in losses.values())
    torch.stack(list(losses.values())).sum().backward()
    untouched = [
        name
        for name, weight in model.named_parameters()
        if weight.grad is None or not weight.grad.abs().sum() > 0
    ]
    assert untouched == []


def test_a_new_renderer_has_a_first_gradient(clip: AppearanceClip) -> None:
    """Its last layers say nothing yet, but they are told what to say."""
    model = Renderer(SIZE)
    losses = appearance_losses(model, batches(clip).batch(np.random.default_rng(0)), CONFIG)
    torch.stack(list(losses.values())).sum().backward()
    for layer in (model.head, model.coarse_flow[-1], model.fine_flow[-1]):
        gradient = layer.get_parameter("weight").grad
        assert gradient is not None
        assert gradient.abs().sum() > 0


def test_a_few_steps_lower_the_loss(clip: AppearanceClip) -> None:
    torch.manual_seed(0)
    objective = AppearanceObjective(SIZE, CONFIG, lambda random: clip, [clip], CPU)
    held_out = batches(clip, STILL).batch(np.random.default_rng(77))

    def loss() -> float:
        with torch.no_grad():
            losses = appearance_losses(objective.model, held_out, CONFIG)
        return float(sum(losses.values()))

    before, score = loss(), objective.validate()["negative_mouth_psnr"]
    config = LoopConfig(steps=30, learning_rate=2e-3, validate_every=30)
    (state,) = train(objective, config, TrainingState(), CPU)
    assert loss() < 0.9 * before
    assert state.best_score < score


def test_the_score_is_the_mouths_noise(clip: AppearanceClip) -> None:
    """Of a renderer that returns the truth with an error of 0.1 everywhere: 20 dB."""

    class Near(Renderer):
        def forward(self, picture: Tensor, *rest: Any) -> Rendering:
            return replace(super().forward(picture, *rest), picture=picture + 0.1)

    score = score_clips(Near(SIZE), [clip], 3, CPU)
    assert score["negative_mouth_psnr"] == pytest.approx(-20, abs=0.01)
