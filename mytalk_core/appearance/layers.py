"""What the networks of the renderer are built of."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mytalk_core.appearance.row_sampling import goes_by_rows, row_sums


class MapNorm(nn.GroupNorm):
    """Group norm that is no slower on small maps than on large ones.

    Torch's own takes four times as long on a CPU, channels last, where maps are small and the
    channels of a group are no multiple of eight.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        batch, channels, height, width = x.shape
        members = channels // self.num_groups
        slow = height * width < 1024 and members % 8 > 0
        if not slow or x.device.type != "cpu" or torch.is_grad_enabled():
            return super().forward(x)
        rows = x.float().permute(0, 2, 3, 1).reshape(batch, height * width, channels)
        equal = rows.new_full((1, 1, height * width), 1 / (height * width)).expand(batch, -1, -1)

        def over_groups(x: Tensor) -> Tensor:  # mean of each channel's group, (B, 1, C)
            by_group = (equal @ x).unflatten(2, (self.num_groups, members))
            mean: Tensor = by_group.mean(dim=3, keepdim=True).expand_as(by_group).flatten(2)
            return mean

        # Means are taken out first: of flat maps the mean square less the squared mean is noise.
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
    """A picture to features at 1/2, 1/4, 1/8 .. of its size, one scale for each width."""

    def __init__(self, channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        for number, width in enumerate(widths):
            down = ConvBlock(channels, width, stride=2)
            # At half size a second pair of convolutions costs as much as a scale further down,
            # and sees less.
            self.stages.append(nn.Sequential(down, ResidualBlock(width)) if number else down)
            channels = width

    def forward(self, picture: Tensor) -> list[Tensor]:
        """(B, C, S, S) to feature maps, finest first."""
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
        """Two (B, width, H, W) to one."""
        both = torch.cat([lips, surroundings], dim=1)
        gate = torch.sigmoid(self.gate(both))
        merged: Tensor = self.merge(both)
        return torch.addcmul(surroundings + merged, gate, lips - surroundings)


def silent_conv(inputs: int, outputs: int) -> nn.Conv2d:
    """A last layer that says nothing until it is trained."""
    conv = nn.Conv2d(inputs, outputs, 3, 1, 1)
    for parameter in conv.parameters():
        nn.init.zeros_(parameter)
    return conv


def resized(x: Tensor, side: int) -> Tensor:
    """(B, C, H, H) to (B, C, side, side), bilinear; averaged where it shrinks."""
    if x.shape[-1] == side:
        return x
    if x.shape[-1] > side:
        smaller: Tensor = F.adaptive_avg_pool2d(x, side)
        return smaller
    larger: Tensor = F.interpolate(x, size=(side, side), mode="bilinear", align_corners=False)
    return larger


def warp(picture: Tensor, flow: Tensor) -> Tensor:
    """Sample (B, C, H, W) at each place plus `flow` (B * n, 2, H, W), in shares of the side.

    Every picture is sampled by n flows in a row, which costs no copy of it.

    Returns:
        (B * n, C, H, W).
    """
    if not goes_by_rows(picture):
        return one_after_another(sampled(picture, flow))
    chosen = torch.arange(len(picture)).repeat_interleave(len(flow) // len(picture))
    place = flow.permute(0, 2, 3, 1)[..., None, :]
    return row_sums(picture, chosen[:, None, None, None], place, None)


def sampled(picture: Tensor, flow: Tensor) -> Tensor:
    """As `warp`, to (B, C, n, H, W)."""
    batch, _, height, width = picture.shape
    flow = flow.float()  # half of it would round places to quarters of a pixel
    x = (torch.arange(width, device=flow.device, dtype=flow.dtype) + 0.5) / width
    y = (torch.arange(height, device=flow.device, dtype=flow.dtype) + 0.5) / height
    place = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
    grid = (place + flow.permute(0, 2, 3, 1)) * 2 - 1
    below_each_other = grid.reshape(batch, -1, width, 2)
    moved = F.grid_sample(picture, below_each_other, padding_mode="border", align_corners=False)
    apart: Tensor = moved.unflatten(2, (-1, height))
    return apart


def one_after_another(x: Tensor) -> Tensor:
    """(B, C, n, H, W) to (B * n, C, H, W), channels last in memory."""
    after = x.permute(0, 2, 3, 4, 1).flatten(0, 1).permute(0, 3, 1, 2)
    return after.contiguous(memory_format=torch.channels_last)
