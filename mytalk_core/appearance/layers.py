"""Layers of the renderer's networks."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mytalk_core.appearance.row_sampling import goes_by_rows, row_sums


class MapNorm(nn.GroupNorm):
    """Group norm with a fast path for small maps.

    Torch's own takes four times as long on a CPU, channels last, if maps are small and the channels
    of a group are no multiple of eight.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, H, W)."""
        batch, channels, height, width = x.shape
        members = channels // self.num_groups
        slow = height * width < 1024 and members % 8 > 0
        if not slow or x.device.type != "cpu" or torch.is_grad_enabled():
            return super().forward(x)
        rows = x.float().permute(0, 2, 3, 1).reshape(batch, height * width, channels)

        def over_groups(x: Tensor) -> Tensor:  # mean of each channel's group, (B, 1, C)
            by_group = F.avg_pool1d(x.mean(dim=1, keepdim=True), members)
            return by_group.repeat_interleave(members, dim=2)

        # Means are removed first: for flat maps, mean square minus squared mean is rounding noise.
        apart = rows - over_groups(rows)
        gain = self.weight * (over_groups(apart.square()) + self.eps).rsqrt()
        normed = torch.addcmul(self.bias, apart, gain)
        return normed.reshape(batch, height, width, channels).permute(0, 3, 1, 2)


class ConvBlock(nn.Module):
    """Convolution, group norm, SiLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, 1)
        self.norm = MapNorm(8, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        return self.finished(self.conv(x))

    def finished(self, convolved: Tensor) -> Tensor:
        """Apply what follows the convolution."""
        return silu(self.norm(convolved))


class ResidualBlock(nn.Module):
    """Two convolutions with a skip connection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = ConvBlock(width, width)
        self.second = nn.Conv2d(width, width, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, width, H, W) to the same shape."""
        result: Tensor = x + self.second(self.first(x))
        return result


class Enlarging(nn.ModuleList):
    """Joins features of one scale with those of the next finer scale."""

    def __init__(self, coarse: int, fine: int, width: int) -> None:
        super().__init__([ConvBlock(coarse + fine, width), ResidualBlock(width)])

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """Map (B, coarse, H, W) and (B, fine, 2 H, 2 W) to (B, width, 2 H, 2 W)."""
        block = cast(ConvBlock, self[0])
        if torch.is_grad_enabled() or coarse.device.type != "cpu":
            doubled = F.interpolate(coarse, scale_factor=2.0, mode="nearest")
            convolved = block.conv(torch.cat([doubled, fine], dim=1))
        else:
            convolved = _convolved_with_doubled(coarse, fine, block.conv)
        result: Tensor = self[1](block.finished(convolved))
        return result


def _convolved_with_doubled(coarse: Tensor, fine: Tensor, conv: nn.Conv2d) -> Tensor:
    """Convolve the concatenation of `coarse` at twice its size and `fine` with a 3x3 kernel.

    Three neighbours of an enlarged picture come from two pixels. A 2x2 kernel for each of the four
    positions in an enlarged pixel needs less than half the multiplications.
    """
    channels, width = coarse.shape[1], conv.out_channels
    new, known = conv.weight[:, :channels], conv.weight[:, channels:]
    layout = torch.channels_last
    result = F.conv2d(fine, known.contiguous(memory_format=layout), conv.bias, padding=1)
    for axis in (2, 3):  # rows, then columns, which vary slowest
        before, middle, after = new.unbind(axis)
        first = torch.stack([before, middle + after], dim=axis)
        second = torch.stack([before + middle, after], dim=axis)
        new = torch.cat([first, second])
    places = F.conv2d(coarse, new.contiguous(memory_format=layout), padding=1).split(width, dim=1)
    rows, columns = coarse.shape[2:]
    for number, place in enumerate(places):
        right, below = divmod(number, 2)
        part = place[:, :, below : below + rows, right : right + columns]
        result[:, :, below::2, right::2] += part
    return result


class PyramidEncoder(nn.Module):
    """Encodes a picture to features at 1/2, 1/4, 1/8 .. of its size, one scale for each width."""

    def __init__(self, channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        for number, width in enumerate(widths):
            down = ConvBlock(channels, width, stride=2)
            # At half size a residual block costs as much as one more scale, with less context.
            self.stages.append(nn.Sequential(down, ResidualBlock(width)) if number else down)
            channels = width

    def forward(self, picture: Tensor) -> list[Tensor]:
        """Encode (B, C, S, S) to feature maps, finest first."""
        features = []
        for stage in self.stages:
            picture = stage(picture)
            features.append(picture)
        return features


class FusionNet(nn.Module):
    """Merges lip and non-lip features of one scale by a learned gate."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate = nn.Conv2d(2 * width, width, 1)
        self.merge = ConvBlock(2 * width, width)

    def forward(self, lips: Tensor, surroundings: Tensor) -> Tensor:
        """Merge two maps (B, width, H, W) into one."""
        both = torch.cat([lips, surroundings], dim=1)
        gate = torch.sigmoid(self.gate(both))
        merged: Tensor = self.merge(both)
        return torch.addcmul(surroundings + merged, gate, lips - surroundings)


def silu(x: Tensor) -> Tensor:
    """Apply SiLU, in place without gradients, where allocation costs more than the function."""
    return F.silu(x, inplace=not torch.is_grad_enabled())


def silent_conv(inputs: int, outputs: int) -> nn.Conv2d:
    """Return a last layer whose output is zero before training."""
    conv = nn.Conv2d(inputs, outputs, 3, 1, 1)
    for parameter in conv.parameters():
        nn.init.zeros_(parameter)
    return conv


def resized(x: Tensor, side: int) -> Tensor:
    """Resize (B, C, H, H) to (B, C, side, side), bilinear, or by averaging where it shrinks."""
    if x.shape[-1] == side:
        return x
    if x.shape[-1] > side:
        smaller: Tensor = F.adaptive_avg_pool2d(x, side)
        return smaller
    larger: Tensor = F.interpolate(x, size=(side, side), mode="bilinear", align_corners=False)
    return larger


def warp(picture: Tensor, flow: Tensor) -> Tensor:
    """Sample (B, C, H, W) at each position plus `flow` (B * n, 2, H, W), in shares of the side.

    Every picture is sampled by n consecutive flows without a copy of it.

    Returns:
        (B * n, C, H, W).
    """
    if not goes_by_rows(picture):
        return one_after_another(sampled(picture, flow))
    chosen = torch.arange(len(picture)).repeat_interleave(len(flow) // len(picture))
    place = flow.permute(0, 2, 3, 1)[..., None, :]
    return row_sums(picture, chosen[:, None, None, None], place, None)


def sampled(picture: Tensor, flow: Tensor) -> Tensor:
    """Sample like `warp`, but return (B, C, n, H, W)."""
    batch, _, height, width = picture.shape
    flow = flow.float()  # half precision would round positions to quarters of a pixel
    x = (torch.arange(width, device=flow.device, dtype=flow.dtype) + 0.5) / width
    y = (torch.arange(height, device=flow.device, dtype=flow.dtype) + 0.5) / height
    place = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
    grid = (place + flow.permute(0, 2, 3, 1)) * 2 - 1
    below_each_other = grid.reshape(batch, -1, width, 2)
    moved = F.grid_sample(picture, below_each_other, padding_mode="border", align_corners=False)
    apart: Tensor = moved.unflatten(2, (-1, height))
    return apart


def one_after_another(x: Tensor) -> Tensor:
    """Reshape (B, C, n, H, W) to (B * n, C, H, W), channels last in memory."""
    after = x.permute(0, 2, 3, 4, 1).flatten(0, 1).permute(0, 3, 1, 2)
    return after.contiguous(memory_format=torch.channels_last)
