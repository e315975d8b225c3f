"""Every loss penalises its own kind of error only."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mytalk_core.appearance.batches import RUN, AppearanceBatch, AppearanceBatches, BatchConfig
from mytalk_core.appearance.clip import AppearanceClip
from mytalk_core.appearance.critic import MouthCritic
from mytalk_core.appearance.face_crops import CropTensors, crop_tensors
from mytalk_core.appearance.losses import (
    FeatureJudges,
    LossConfig,
    appearance_losses,
    mouth_square,
    near_lips,
)
from mytalk_core.appearance.renderer import SIZES, References, Renderer, Rendering
from mytalk_core.appearance.training import JudgingModels
from mytalk_core.data.model_store import pull
from mytalk_core.errors import MytalkError
from mytalk_core.faces.landmark_scheme import MESH478

SIZE = 64
CONFIG = LossConfig()
PIXELS = {"picture", "warp", "edges", "temporal"}
DETAIL = {"adversarial", "matching", "perceptual", "identity"}
OPENINGS = 0.2 + 0.2 * np.sin(np.arange(40) / 2.5)


@pytest.fixture(scope="module")
def judges(small_judges: JudgingModels) -> FeatureJudges:
    return FeatureJudges(small_judges.vgg)


@pytest.fixture(scope="module")
def batch(drawn_clip: Callable[..., AppearanceClip]) -> AppearanceBatch:
    clip = drawn_clip(OPENINGS)
    maker = AppearanceBatches(lambda random: clip, BatchConfig(runs=2, references=2), SIZE)
    return maker.batch(np.random.default_rng(0), step=10)


class Drawing(Renderer):
    """Returns the truth plus a function of it, in both pictures or only in the final one."""

    def __init__(self, added: Callable[[CropTensors], Any], warped: bool = True) -> None:
        super().__init__(SIZES["tiny"])
        self._added = added
        self._warped = warped

    def forward(self, frames: CropTensors, references: References) -> Rendering:
        picture = frames.pictures + self._added(frames)
        return Rendering(picture, picture if self._warped else frames.pictures)


def losses(
    model: Renderer,
    batch: AppearanceBatch,
    judges: FeatureJudges,
    config: LossConfig = CONFIG,
    critic: MouthCritic | None = None,
) -> dict[str, Tensor]:
    torch.manual_seed(0)
    return appearance_losses(model, critic or MouthCritic(), judges, batch, config)


def costs(
    model: Renderer, batch: AppearanceBatch, judges: FeatureJudges, config: LossConfig = CONFIG
) -> dict[str, float]:
    return {
        name: float(loss.detach()) for name, loss in losses(model, batch, judges, config).items()
    }


def test_losses_of_the_truth_are_zero(batch: AppearanceBatch, judges: FeatureJudges) -> None:
    found = costs(Drawing(lambda frames: 0.0), batch, judges)
    assert set(found) == PIXELS | DETAIL | {"critic"}
    for name in (*PIXELS, "matching", "perceptual"):
        assert found[name] == 0, name
    # The context of the truth is averaged and rounded once more than the inserted window.
    assert found["identity"] < 0.01
    assert found["critic"] > 0


def test_loss_grows_with_the_error_and_near_the_lips(
    batch: AppearanceBatch, judges: FeatureJudges
) -> None:
    def at_mouth(frames: CropTensors) -> Tensor:
        return 0.1 * near_lips(frames.drawings)

    def elsewhere(frames: CropTensors) -> Tensor:
        away = frames.masks * (1 - near_lips(frames.drawings))
        # As many pixels as at the mouth, on average.
        return 0.1 * away * (near_lips(frames.drawings).sum() / away.sum())

    def outside(frames: CropTensors) -> Tensor:
        return 0.1 * (1 - frames.masks)

    mouth, twice, cheeks, background = (
        costs(Drawing(added), batch, judges)
        for added in (at_mouth, lambda frames: 2 * at_mouth(frames), elsewhere, outside)
    )
    assert twice["picture"] == pytest.approx(2 * mouth["picture"], rel=1e-3)
    assert mouth["picture"] > 2 * cheeks["picture"] > 0
    assert background["picture"] == 0


def test_the_warp_loss_measures_the_picture_before_the_residual(
    batch: AppearanceBatch, judges: FeatureJudges
) -> None:
    both, one = (
        costs(Drawing(lambda frames: 0.1, warped), batch, judges) for warped in (True, False)
    )
    assert both["warp"] == pytest.approx(CONFIG.warp * both["picture"], rel=1e-4)
    assert one["warp"] == 0
    assert one["picture"] == pytest.approx(both["picture"])


def test_the_edge_loss_measures_differences_between_neighbours(
    batch: AppearanceBatch, judges: FeatureJudges
) -> None:
    stripes = torch.tensor([0.1, -0.1]).repeat(SIZE // 2)
    flat, striped = (
        costs(Drawing(lambda frames, added=added: added), batch, judges) for added in (0.1, stripes)
    )
    assert flat["edges"] < 1e-5
    assert striped["edges"] > 0.1
    # An error that averages out counts at full size only.
    assert striped["picture"] < flat["picture"]


def test_the_temporal_loss_measures_flicker_but_no_constant_error(
    batch: AppearanceBatch, judges: FeatureJudges
) -> None:
    turns = torch.tensor([1.0, -1.0]).repeat(len(batch.target.pictures) // RUN)
    steady, flickering = (
        costs(Drawing(lambda frames, added=added: added), batch, judges)
        for added in (0.1, 0.1 * turns[:, None, None, None])
    )
    assert steady["temporal"] < 1e-5
    assert flickering["temporal"] > 0.05
    assert flickering["picture"] == pytest.approx(steady["picture"], rel=1e-3)


def test_true_motion_is_no_flicker(
    drawn_clip: Callable[..., AppearanceClip], judges: FeatureJudges
) -> None:
    """The mouth moves within a run; repeating the previous frame is penalised."""
    clip = drawn_clip(np.linspace(0, 0.4, 12))
    maker = AppearanceBatches(lambda random: clip, BatchConfig(runs=1, references=2), SIZE)
    run = maker.batch(np.random.default_rng(3), step=0)

    def late(frames: CropTensors) -> Tensor:
        return frames.pictures[:1] - frames.pictures

    assert costs(Drawing(lambda frames: 0.0), run, judges)["temporal"] == 0
    assert costs(Drawing(late), run, judges)["temporal"] > 0.001


def test_detail_losses_start_at_their_step(batch: AppearanceBatch, judges: FeatureJudges) -> None:
    wrong = Drawing(lambda frames: 0.1 * torch.sin(torch.arange(SIZE) * 1.0))
    early = costs(wrong, batch, judges, replace(CONFIG, detail_from=11))
    late = costs(wrong, batch, judges, replace(CONFIG, detail_from=10))
    assert set(early) == PIXELS | {"critic"}
    assert set(late) == PIXELS | DETAIL | {"critic"}
    assert all(late[name] > 0 for name in late)
    for name in early:
        assert early[name] == late[name]


@pytest.mark.parametrize("name", sorted(DETAIL | {"warp", "edges", "temporal"}))
def test_every_weight_scales_its_loss(
    batch: AppearanceBatch, judges: FeatureJudges, name: str
) -> None:
    wrong = Drawing(lambda frames: 0.1 * torch.rand(frames.pictures.shape))
    heavier = replace(CONFIG, **{name: 3 * getattr(CONFIG, name)})
    one, other = (costs(wrong, batch, judges, config) for config in (CONFIG, heavier))
    for each in one:
        factor = 3 if each == name else 1
        assert other[each] == pytest.approx(factor * one[each], rel=1e-4)


def gradients(module: nn.Module) -> list[Tensor]:
    return [weight.grad for weight in module.parameters() if weight.grad is not None]


def test_the_critic_learns_from_its_own_loss_and_the_renderer_from_all_others(
    batch: AppearanceBatch, judges: FeatureJudges, tiny_renderer: Callable[..., Renderer]
) -> None:
    for name in ("critic", "adversarial", "matching", "perceptual", "identity"):
        renderer, critic = tiny_renderer(), MouthCritic()
        losses(renderer, batch, judges, critic=critic)[name].backward()
        learners = {
            "critic": any(grad.abs().sum() > 0 for grad in gradients(critic)),
            "renderer": any(grad.abs().sum() > 0 for grad in gradients(renderer)),
        }
        wanted = "critic" if name == "critic" else "renderer"
        assert learners == {each: each == wanted for each in learners}, name
        assert gradients(judges) == []


def test_the_losses_reach_every_parameter(
    batch: AppearanceBatch, judges: FeatureJudges, tiny_renderer: Callable[..., Renderer]
) -> None:
    renderer, critic = tiny_renderer(), MouthCritic()
    found = losses(renderer, batch, judges, critic=critic)
    assert all(torch.isfinite(loss) and loss > 0 for loss in found.values())
    torch.stack(list(found.values())).sum().backward()
    untouched = [
        name
        for module in (renderer, critic)
        for name, weight in module.named_parameters()
        if weight.grad is None or not weight.grad.abs().sum() > 0
    ]
    assert untouched == []


def test_a_new_renderer_has_a_first_gradient(
    batch: AppearanceBatch, judges: FeatureJudges, tiny_renderer: Callable[..., Renderer]
) -> None:
    """The output of its last layers is zero, but their gradient is not."""
    renderer = tiny_renderer(lively=False)
    found = losses(renderer, batch, judges)
    torch.stack(list(found.values())).sum().backward()
    for layer in (renderer.head, renderer.match.coarse[-1], renderer.match.fine):
        gradient = layer.get_parameter("weight").grad
        assert gradient is not None
        assert gradient.abs().sum() > 0


def lines_at(x: int, y: int) -> CropTensors:
    """A frame whose lips are a small box around (x, y), and whose jaw is elsewhere."""
    drawings = torch.zeros(1, 9, SIZE, SIZE)
    drawings[0, :2, max(y - 3, 0) : y + 4, max(x - 6, 0) : x + 7] = 1
    drawings[0, 2, -2:] = 1
    empty = torch.zeros(1)
    return CropTensors(*(empty if index != 2 else drawings for index in range(9)))


@pytest.mark.parametrize("x, y", [(32, 32), (20, 40), (3, 60), (63, 2)])
def test_the_mouth_square_finds_the_mouth(x: int, y: int) -> None:
    """The square is half as wide as the window, around the lips, and within the window."""
    places = torch.arange(SIZE * SIZE, dtype=torch.float32).reshape(1, 1, SIZE, SIZE)
    found = mouth_square(places, lines_at(x, y))
    assert found.shape == (1, 1, SIZE // 2, SIZE // 2)
    row, column = divmod(int(found[0, 0, 0, 0]), SIZE)
    assert torch.equal(found, places[..., row : row + SIZE // 2, column : column + SIZE // 2])
    assert row <= y < row + SIZE // 2 and column <= x < column + SIZE // 2
    if (x, y) in {(32, 32), (20, 40)}:
        assert abs(column + SIZE // 4 - x) <= 1 and abs(row + SIZE // 4 - y) <= 1


def test_each_mouth_is_cut_out_of_its_own_picture(
    drawn_clip: Callable[..., AppearanceClip],
) -> None:
    shown = crop_tensors(drawn_clip(np.array([0.0, 0.2, 0.4])).crops, MESH478, SIZE)
    together = mouth_square(shown.pictures, shown)
    for index in range(3):
        one = CropTensors(*(part[index : index + 1] for part in shown.parts()))
        assert torch.equal(together[index], mouth_square(one.pictures, one)[0])
    red = shown.pictures[:, 2] < 0.35  # lips and what is between them
    square = together[:, 2] < 0.35
    inside = red[:, SIZE // 4 : -SIZE // 4, SIZE // 4 : -SIZE // 4]
    assert (square.sum(dim=(1, 2)) >= inside.sum(dim=(1, 2))).all()


def test_near_lips_is_a_rim_around_the_lips() -> None:
    near = near_lips(lines_at(32, 30).drawings)[0, 0]
    rows, columns = torch.nonzero(near, as_tuple=True)
    reach = SIZE // 16
    assert (rows.min(), rows.max()) == (30 - 3 - reach, 30 + 3 + reach)
    assert (columns.min(), columns.max()) == (32 - 6 - reach, 32 + 6 + reach)


def test_identity_loss_is_smaller_for_the_same_face(
    drawn_clip: Callable[..., AppearanceClip],
) -> None:
    """Another mouth of the same face costs less than the same mouth on another face."""
    try:
        weights = pull("perceptual-vgg16")
    except MytalkError as error:
        pytest.skip(f"no perceptual-vgg16 here: {error}")
    judges = FeatureJudges(weights)
    clip = drawn_clip(np.linspace(0.05, 0.25, 12))
    run = AppearanceBatches(
        lambda random: clip, BatchConfig(runs=1, references=2, darkest=1, brightest=1), SIZE
    ).batch(np.random.default_rng(0), step=0)

    def other_face(frames: CropTensors) -> Tensor:
        x = torch.linspace(0, 1, SIZE)
        beard = 0.5 + 0.5 * torch.sin(40 * x)[:, None] * torch.sin(37 * x)
        return (frames.pictures.flip(1) * beard - frames.pictures) * frames.masks

    def other_mouth(frames: CropTensors) -> Tensor:
        return (frames.pictures.roll(2, dims=2) - frames.pictures) * near_lips(frames.drawings)

    same, moved, other = (
        costs(Drawing(added), run, judges)["identity"]
        for added in (lambda frames: 0.0, other_mouth, other_face)
    )
    assert same < 0.3 * moved < 0.3 * 0.5 * other
