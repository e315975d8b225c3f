"""Losses of the renderer: pixels, features, the critic, and change over time."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import avg_pool2d, cosine_similarity, max_pool2d

from mytalk_core.appearance.batches import RUN, AppearanceBatch
from mytalk_core.appearance.critic import (
    MouthCritic,
    adversarial_loss,
    critic_loss,
    feature_matching,
)
from mytalk_core.appearance.face_crops import WINDOW_CORNER, CropTensors
from mytalk_core.appearance.layers import resized
from mytalk_core.appearance.perceptual import VggFeatures, perceptual_vgg
from mytalk_core.appearance.renderer import Renderer, Rendering

# VGG taps for the detail loss (the first three) and the identity loss (the fourth).
_DETAIL_TAPS, _IDENTITY_TAPS = 3, 4
_FACE = 64  # side of the whole face in the identity loss, pixels


@dataclass(frozen=True)
class LossConfig:
    """Weights of the losses relative to the L1 of the final picture."""

    # Additional weight of errors at the mouth relative to the rest of the mask.
    mouth: float = 4.0
    # L1 of the picture before the residual.
    warp: float = 0.5
    # L1 of differences between neighbouring pixels.
    edges: float = 1.0
    # L1 of the change from one frame to the next.
    temporal: float = 0.5
    # VGG features of the mouth, the critic's logits and the critic's features.
    perceptual: float = 0.04
    adversarial: float = 0.01
    matching: float = 0.1
    # Deep features of the whole face.
    identity: float = 0.3
    # First step with feature and critic losses; before it there is no detail to measure.
    detail_from: int = 0


class FeatureJudges(nn.Module):
    """Frozen VGG16 features for the detail of the mouth and the identity of the face."""

    def __init__(self, weights: Path) -> None:
        """Args: `weights`, the model store's `perceptual-vgg16`."""
        super().__init__()
        self.detail = perceptual_vgg(weights, _DETAIL_TAPS)
        self.identity = perceptual_vgg(weights, _IDENTITY_TAPS)


def appearance_losses(
    model: Renderer,
    critic: MouthCritic,
    judges: FeatureJudges,
    batch: AppearanceBatch,
    config: LossConfig,
) -> dict[str, Tensor]:
    """Return the weighted losses of one step, whose sum is minimised.

    The critic is trained in the same step: its own loss reaches only its weights, and the
    renderer's loss passes through a frozen copy of them.
    """
    target = batch.target
    rendering = model(target, model.encode_references(batch.references).repeat(RUN))
    losses = pixel_losses(rendering, target, config)
    picture = rendering.picture.float()
    mouths = [mouth_square(part, target) for part in (picture, target.pictures, target.drawings)]
    drawn, true, lines = mouths[0], mouths[1], mouths[2][:, :3]
    features_of_true = critic(torch.cat([true, lines], dim=1))
    features_of_drawn = critic(torch.cat([drawn.detach(), lines], dim=1))
    losses["critic"] = critic_loss(features_of_true[-1], features_of_drawn[-1])
    if batch.step < config.detail_from:
        return losses
    weights = {name: value.detach() for name, value in critic.state_dict(keep_vars=True).items()}
    features: list[Tensor] = functional_call(critic, weights, torch.cat([drawn, lines], dim=1))
    known = [part.detach() for part in features_of_true]
    losses["adversarial"] = config.adversarial * adversarial_loss(features[-1])
    losses["matching"] = config.matching * feature_matching(known[:-1], features[:-1])
    losses["perceptual"] = config.perceptual * _feature_distance(judges.detail, drawn, true)
    losses["identity"] = config.identity * _identity(judges.identity, picture, target)
    return losses


def pixel_losses(
    rendering: Rendering, target: CropTensors, config: LossConfig
) -> dict[str, Tensor]:
    """Return the weighted losses that need no other network."""
    weight = target.masks * (1 + config.mouth * near_lips(target.drawings))
    weight = weight / weight.mean()
    picture, warped, truth = rendering.picture.float(), rendering.warped.float(), target.pictures
    return {
        "picture": _multiscale(picture, truth, weight),
        "warp": config.warp * _multiscale(warped, truth, weight),
        "edges": config.edges * _edges(picture, truth, weight),
        "temporal": config.temporal * _flicker(picture - truth, weight),
    }


def near_lips(drawings: Tensor) -> Tensor:
    """Return 1 within some pixels of the current frame's lips, else 0, (B, 1, S, S)."""
    lips = drawings[:, :2].amax(dim=1, keepdim=True)
    reach = 2 * (drawings.shape[-1] // 16) + 1
    return (max_pool2d(lips, reach, 1, reach // 2) > 0).float()


def mouth_square(pictures: Tensor, frames: CropTensors) -> Tensor:
    """Cut the square around each mouth, half the window's side, (B, C, S / 2, S / 2).

    Args:
        pictures: (B, C, S, S) windows.
        frames: of the same pictures; their drawn lips give the position of the mouth.
    """
    size = pictures.shape[-1]
    half = size // 2
    lips = frames.drawings[:, :2].amax(dim=1)
    middle = torch.arange(size, device=lips.device, dtype=lips.dtype)
    weight = lips.sum(dim=(1, 2)).clamp(min=1)
    x = (lips.sum(dim=1) * middle).sum(dim=1) / weight
    y = (lips.sum(dim=2) * middle).sum(dim=1) / weight
    left = (x - half / 2).round().long().clamp(0, size - half).tolist()
    top = (y - half / 2).round().long().clamp(0, size - half).tolist()
    return torch.stack(
        [
            picture[:, row : row + half, column : column + half]
            for picture, row, column in zip(pictures, top, left, strict=True)
        ]
    )


def _multiscale(picture: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted L1 at full, half and quarter size."""
    error = picture - truth
    loss = (weight * error.abs()).mean()
    for factor in (2, 4):
        small = avg_pool2d(error * weight.sqrt(), factor)
        loss = loss + small.abs().mean()
    return loss


def _edges(picture: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted L1 of pixel differences, which keeps teeth and lip lines sharp."""
    error = picture - truth
    across = (weight[..., 1:] * error.diff(dim=-1).abs()).mean()
    down = (weight[..., 1:, :] * error.diff(dim=-2).abs()).mean()
    return across + down


def _flicker(error: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted L1 of the error's change from one frame of a run to the next."""
    runs = error.unflatten(0, (-1, RUN))
    weights = weight.unflatten(0, (-1, RUN))
    change: Tensor = (weights[:, 1:] * runs.diff(dim=1).abs()).mean()
    return change


def _feature_distance(vgg: VggFeatures, drawn: Tensor, true: Tensor) -> Tensor:
    """Return the L1 of VGG features relative to their mean magnitude (Johnson et al., 2016)."""
    with torch.no_grad():
        target = vgg(true)
    distances = [
        (ours - theirs).abs().mean() / theirs.abs().mean().clamp(min=1e-6)
        for ours, theirs in zip(vgg(drawn), target, strict=True)
    ]
    return torch.stack(distances).sum()


def _identity(vgg: VggFeatures, picture: Tensor, target: CropTensors) -> Tensor:
    """Return 1 - cosine similarity of deep features of the drawn and the true whole face.

    Only the first frame of each run is compared. The face embedding of evaluation is not used in
    training, so that it remains independent.
    """
    picture, true = picture[::RUN], target.contexts[::RUN]
    side = true.shape[-1]
    inner = round(side * 2 / 3)
    left, top = (round(corner * side) for corner in WINDOW_CORNER)
    face = true.clone()
    face[..., top : top + inner, left : left + inner] = resized(picture, inner)
    with torch.no_grad():
        expected = vgg(resized(true, _FACE))[-1]
    found = vgg(resized(face, _FACE))[-1]
    distance: Tensor = (1 - cosine_similarity(found, expected, dim=1)).mean()
    return distance
