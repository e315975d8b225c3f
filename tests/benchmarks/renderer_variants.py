"""Renderers that differ from the shipped one in one design choice.

Each is a function from the configuration to a new `Renderer` that training and redrawing accept.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from mytalk_core.appearance.face_crops import CropTensors
from mytalk_core.appearance.layers import ConvBlock, resized, silent_conv, warp
from mytalk_core.appearance.renderer import (
    Drawing,
    ReferenceMatch,
    References,
    Renderer,
    RendererConfig,
    gathered,
    skin_colour,
)

_NOW = 3  # number of drawing channels of the frame itself, the first ones


class _Unmoved(nn.Module):
    """Wraps a head of flow and logits and sets the flow to zero."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        found = self.head(x)
        return torch.cat([torch.zeros_like(found[:, :2]), found[:, 2:]], dim=1)


class _FixedWarp(ReferenceMatch):
    """Warps references by the landmark flow only, or not at all."""

    def __init__(self, config: RendererConfig, by_landmarks: bool) -> None:
        super().__init__(config.widths, config.flow_reach, config.decisiveness)
        self._by_landmarks = by_landmarks
        self.coarse, self.fine = _Unmoved(self.coarse), _Unmoved(self.fine)

    def forward(
        self, landmarks: list[Tensor], surroundings: list[Tensor], points: Tensor, known: References
    ) -> tuple[Tensor, Tensor]:
        if not self._by_landmarks:
            points, known = (
                torch.zeros_like(points),
                replace(known, points=torch.zeros_like(known.points)),
            )
        return super().forward(landmarks, surroundings, points, known)


class _ConcatenatedMatch(ReferenceMatch):
    """Predicts shares from the concatenation of `count` references in fixed order."""

    def __init__(self, config: RendererConfig, count: int) -> None:
        super().__init__(config.widths, config.flow_reach, config.decisiveness)
        half = config.widths[0]
        self.weigh = nn.Sequential(
            ConvBlock((count + 2) * half, 2 * half), silent_conv(2 * half, count)
        )

    def forward(
        self, landmarks: list[Tensor], surroundings: list[Tensor], points: Tensor, known: References
    ) -> tuple[Tensor, Tensor]:
        flow, _ = super().forward(landmarks, surroundings, points, known)
        beside = _side_by_side(known.features[0], flow)
        logits = self.weigh(torch.cat([beside, landmarks[0], surroundings[0]], dim=1))
        return flow, self.shares(logits)[:, :, None]


class ConcatenatingRenderer(Renderer):
    """Warped features of `count` references are concatenated and mixed by a 1x1 convolution."""

    def __init__(self, config: RendererConfig, count: int = 4) -> None:
        super().__init__(replace(config, looked_at=count))
        self.match = _ConcatenatedMatch(config, count)
        self.mix = nn.ModuleList(nn.Conv2d(count * width, width, 1) for width in config.widths)

    def draw(self, frames: CropTensors, references: References) -> Drawing:
        """Predict a drawing from mixed features instead of features summed by share."""
        colour = skin_colour(frames.contexts, frames.skins)
        visible = (frames.pictures - colour) * (1 - frames.masks)
        landmarks = self.landmark_encoder(frames.drawings)
        surroundings = self.surroundings_encoder(torch.cat([visible, frames.masks], dim=1))
        surroundings[2] = surroundings[2] + self._context(frames, colour, surroundings[2].shape[-1])
        points = torch.cat([frames.points, frames.anchors], dim=1)
        flow, share = self.match(landmarks, surroundings, points, references)
        fused = [
            fusion(mix(_side_by_side(features, flow)), around)
            for fusion, mix, features, around in zip(
                self.fusion, self.mix, references.features, surroundings, strict=True
            )
        ]
        x = self.bottom(torch.cat([fused[-1], landmarks[-1]], dim=1))
        for scale, stage in zip(range(len(fused) - 2, -1, -1), self.up, strict=True):
            x = stage(x, torch.cat([fused[scale], landmarks[scale]], dim=1))
        around = nn.functional.avg_pool2d(visible, 2)
        small = torch.cat([gathered(references.halves, flow, share), around], dim=1)
        residual = nn.functional.pixel_shuffle(self.head(torch.cat([x, small], dim=1)), 2)
        return Drawing(flow, share, residual, colour)


class MomentRenderer(Renderer):
    """Uses the landmarks of the frame itself only, not those of its neighbours."""

    def draw(self, frames: CropTensors, references: References) -> Drawing:
        """Predict a drawing without the landmarks of neighbouring frames."""
        now = frames.drawings.clone()
        now[:, _NOW:] = 0
        return super().draw(replace(frames, drawings=now), references)


def landmark_warped(config: RendererConfig) -> Renderer:
    """Return a renderer whose references are warped by the landmark flow only."""
    renderer = Renderer(config)
    renderer.match = _FixedWarp(config, by_landmarks=True)
    return renderer


def undecided(config: RendererConfig) -> Renderer:
    """Return a renderer whose shares are plain attention, without sharpening."""
    return Renderer(replace(config, decisiveness=1.0))


def unwarped(config: RendererConfig) -> Renderer:
    """Return a renderer whose references are mixed without warping."""
    renderer = Renderer(config)
    renderer.match = _FixedWarp(config, by_landmarks=False)
    return renderer


def _side_by_side(features: Tensor, flow: Tensor) -> Tensor:
    """Warp features (P * K, C, h, h) by flow (B, K, 2, ., .) and concatenate, (B, K * C, h, h)."""
    count, side = flow.shape[1], features.shape[-1]
    people = len(features) // count
    by_reference = resized(flow.flatten(0, 1), side).unflatten(0, (people, -1, count))
    moved = warp(features, by_reference.transpose(1, 2).flatten(0, 2))
    return moved.unflatten(0, (people, count, -1)).transpose(1, 2).flatten(0, 1).flatten(1, 2)
