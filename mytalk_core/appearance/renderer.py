"""The renderer: landmark, lip and non-lip encoders, FusionNet, decoder (stage 2 of the paper).

Its output copies warped references and adds a residual, and it sees colours relative to the skin
around the mask: both keep the person's own detail and complexion.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mytalk_core.appearance.conditioning import landmark_flow


@dataclass(frozen=True)
class RendererConfig:
    """Size of the renderer."""

    # Width and height of a crop, pixels; a multiple of 16.
    size: int = 128
    # Channels at 1/2, 1/4, 1/8 and 1/16 of the crop.
    widths: tuple[int, int, int, int] = (32, 64, 96, 128)
    # Number of points drawn (the scheme's moving points).
    points: int = 57
    # Reach of one landmark in the landmark flow, in crop widths.
    flow_reach: float = 0.03


class ConvBlock(nn.Module):
    """Convolution, group norm, SiLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, 1)
        self.norm = nn.GroupNorm(8, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        return F.silu(self.norm(self.conv(x)))


class ResidualBlock(nn.Module):
    """Two convolutions around which the input passes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = ConvBlock(width, width)
        self.second = nn.Conv2d(width, width, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, H, W) to the same."""
        result: Tensor = x + self.second(self.first(x))
        return result


class PyramidEncoder(nn.Module):
    """A picture to features at 1/2, 1/4, 1/8 and 1/16 of its size."""

    def __init__(self, channels: int, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        for width in widths:
            self.stages.append(
                nn.Sequential(ConvBlock(channels, width, stride=2), ResidualBlock(width))
            )
            channels = width

    def forward(self, picture: Tensor) -> list[Tensor]:
        """(B, C, S, S) to four feature maps, finest first."""
        features = []
        for stage in self.stages:
            picture = stage(picture)
            features.append(picture)
        return features


class FusionNet(nn.Module):
    """Merges lip and non-lip features of one scale by a learned gate."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate = nn.Conv2d(2 * width, width, 3, 1, 1)
        self.merge = ConvBlock(2 * width, width)

    def forward(self, lips: Tensor, surroundings: Tensor) -> Tensor:
        """Two (B, width, H, W) to one."""
        both = torch.cat([lips, surroundings], dim=1)
        gate = torch.sigmoid(self.gate(both))
        merged: Tensor = gate * lips + (1 - gate) * surroundings + self.merge(both)
        return merged


@dataclass(frozen=True)
class References:
    """The reference set of a person after encoding; computed once, used for every frame."""

    pictures: Tensor  # (B, K, 3, S, S) colours relative to the reference's skin
    points: Tensor  # (B, K, M, 2) crop units, 0..1
    features: list[Tensor]  # finest first, (B * K, width, ., .)

    def repeat(self, count: int) -> "References":
        """The references of one person for a batch of `count` frames."""
        return References(
            self.pictures.expand(count, -1, -1, -1, -1),
            self.points.expand(count, -1, -1, -1),
            [part.repeat(count, 1, 1, 1) for part in self.features],
        )


@dataclass(frozen=True)
class Rendering:
    """What the renderer makes of a frame; pictures in 0..1 RGB."""

    picture: Tensor  # (B, 3, S, S) the frame with a new lower face
    warped: Tensor  # (B, 3, S, S) before the residual; for the loss


def warp(picture: Tensor, flow: Tensor) -> Tensor:
    """Sample (B, C, H, W) at each place plus `flow` (B, 2, H, W), offsets in crop units."""
    _, _, height, width = picture.shape
    x = (torch.arange(width, device=flow.device, dtype=flow.dtype) + 0.5) / width
    y = (torch.arange(height, device=flow.device, dtype=flow.dtype) + 0.5) / height
    place = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
    grid = (place + flow.permute(0, 2, 3, 1)) * 2 - 1
    return F.grid_sample(picture, grid, padding_mode="border", align_corners=False)


def skin_colour(picture: Tensor, skin: Tensor) -> Tensor:
    """Mean colour (B, 3, 1, 1) of `picture` (B, 3, S, S) where `skin` (B, 1, S, S) is 1."""
    total: Tensor = (picture * skin).sum(dim=(2, 3), keepdim=True)
    return total / skin.sum(dim=(2, 3), keepdim=True).clamp(min=1)


def _silent_conv(inputs: int, outputs: int) -> nn.Conv2d:
    """A last layer that says nothing until it is trained."""
    conv = nn.Conv2d(inputs, outputs, 3, 1, 1)
    for parameter in conv.parameters():
        nn.init.zeros_(parameter)
    return conv


class Renderer(nn.Module):
    """Redraws the masked lower face so that its lips stand where the landmarks ask."""

    def __init__(self, config: RendererConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.landmark_encoder = PyramidEncoder(3, widths)
        self.lip_encoder = PyramidEncoder(6, widths)
        self.surroundings_encoder = PyramidEncoder(4, widths)
        quarter, half = widths[1], widths[0]
        # Flow correction (2) and weight (1) of a reference, coarse then fine.
        self.coarse_flow = nn.Sequential(
            ConvBlock(3 * quarter, quarter), ResidualBlock(quarter), _silent_conv(quarter, 3)
        )
        self.fine_flow = nn.Sequential(ConvBlock(3 * half, half), _silent_conv(half, 3))
        self.fusion = nn.ModuleList(FusionNet(width) for width in widths)
        self.bottom = ResidualBlock(2 * widths[-1])
        self.up = nn.ModuleList()
        above = 2 * widths[-1]
        for width in reversed(widths[:-1]):
            self.up.append(nn.Sequential(ConvBlock(above + 2 * width, width), ResidualBlock(width)))
            above = width
        # Residual colour and its share, at full size by pixel shuffle.
        self.head = _silent_conv(half + 6, 4 * 4)

    def encode_references(
        self, pictures: Tensor, drawings: Tensor, points: Tensor, masks: Tensor, skins: Tensor
    ) -> References:
        """Encode the reference set.

        Args:
            pictures: (B, K, 3, S, S) RGB 0..1.
            drawings: (B, K, 3, S, S) drawn landmarks 0..1.
            points: (B, K, M, 2) the same landmarks in crop units.
            masks: (B, K, 1, S, S) 1 on the lower face; only that is shown to the encoder.
            skins: (B, K, 1, S, S) 1 on the unmasked skin.
        """
        batch, count = pictures.shape[:2]
        flat = pictures.flatten(0, 1)
        relative = flat - skin_colour(flat, skins.flatten(0, 1))
        lower_face = relative * masks.flatten(0, 1)
        features = self.lip_encoder(torch.cat([lower_face, drawings.flatten(0, 1)], dim=1))
        return References(relative.unflatten(0, (batch, count)), points, features)

    def forward(
        self,
        picture: Tensor,
        drawing: Tensor,
        points: Tensor,
        mask: Tensor,
        skin: Tensor,
        references: References,
    ) -> Rendering:
        """Render frames.

        Args:
            picture: (B, 3, S, S) RGB 0..1; what the mask covers is not looked at.
            drawing: (B, 3, S, S) the landmarks asked for, drawn, 0..1.
            points: (B, M, 2) the same in crop units.
            mask: (B, 1, S, S) 1 where the face is drawn anew.
            skin: (B, 1, S, S) 1 on the unmasked skin.
            references: of the same person, K of them.
        """
        colour = skin_colour(picture, skin)
        visible = (picture - colour) * (1 - mask)
        landmarks = self.landmark_encoder(drawing)
        surroundings = self.surroundings_encoder(torch.cat([visible, mask], dim=1))
        batch, count = references.pictures.shape[:2]

        flow, weight = self._reference_flow(landmarks, surroundings, points, references)
        size = self.config.size
        full_flow = F.interpolate(flow, size=(size, size), mode="bilinear", align_corners=False)
        moved = warp(references.pictures.flatten(0, 1), full_flow).unflatten(0, (batch, count))
        full_weight = F.interpolate(
            weight.flatten(0, 1), size=(size, size), mode="bilinear", align_corners=False
        ).unflatten(0, (batch, count))
        copied = (moved * full_weight).sum(dim=1)

        fused = []
        for scale, fusion in enumerate(self.fusion):
            lips = self._gather(references.features[scale], flow, weight)
            fused.append(fusion(lips, surroundings[scale]))
        x = self.bottom(torch.cat([fused[-1], landmarks[-1]], dim=1))
        for scale, stage in zip((2, 1, 0), self.up, strict=True):
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = stage(torch.cat([x, fused[scale], landmarks[scale]], dim=1))
        small = F.interpolate(torch.cat([copied, visible], dim=1), scale_factor=0.5, mode="area")
        correction = F.pixel_shuffle(self.head(torch.cat([x, small], dim=1)), 2)
        drawn = copied + correction[:, :3]
        return Rendering(
            picture=picture * (1 - mask) + (drawn + colour) * mask,
            warped=picture * (1 - mask) + (copied + colour) * mask,
        )

    def _reference_flow(
        self,
        landmarks: list[Tensor],
        surroundings: list[Tensor],
        points: Tensor,
        references: References,
    ) -> tuple[Tensor, Tensor]:
        """Flow (B * K, 2, S/2, S/2) into each reference and its weight (B, K, 1, S/2, S/2)."""
        batch, count = references.pictures.shape[:2]
        size = self.config.size

        def each(x: Tensor) -> Tensor:
            return x.repeat_interleave(count, dim=0)

        guess = landmark_flow(
            each(points), references.points.flatten(0, 1), size // 4, self.config.flow_reach
        )
        moved = warp(references.features[1], guess)
        coarse = self.coarse_flow(
            torch.cat([moved, each(landmarks[1]), each(surroundings[1])], dim=1)
        )
        coarse = F.interpolate(
            torch.cat([guess + coarse[:, :2] / 8, coarse[:, 2:]], dim=1),
            scale_factor=2.0,
            mode="bilinear",
            align_corners=False,
        )
        moved = warp(references.features[0], coarse[:, :2])
        fine = self.fine_flow(torch.cat([moved, each(landmarks[0]), each(surroundings[0])], dim=1))
        logits = (coarse[:, 2:] + fine[:, 2:]).unflatten(0, (batch, count))
        return coarse[:, :2] + fine[:, :2] / 16, logits.softmax(dim=1)

    @staticmethod
    def _gather(features: Tensor, flow: Tensor, weight: Tensor) -> Tensor:
        """Warp features (B * K, W, h, h) of all references and sum them by weight."""
        batch, count = weight.shape[:2]
        size = features.shape[-1]
        small_flow = F.adaptive_avg_pool2d(flow, size)
        small_weight = F.adaptive_avg_pool2d(weight.flatten(0, 1), size)
        moved = warp(features, small_flow) * small_weight
        gathered: Tensor = moved.unflatten(0, (batch, count)).sum(dim=1)
        return gathered


SIZES = {
    # For tests: seconds on one core.
    "tiny": RendererConfig(widths=(8, 16, 16, 16)),
    # For two CPU cores and minutes of footage.
    "cpu": RendererConfig(),
    # For GPUs and hundreds of hours.
    "gpu": RendererConfig(size=256, widths=(64, 128, 256, 384)),
}
