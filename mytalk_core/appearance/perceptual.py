"""Perceptual distances of pictures, by features of networks trained for classification.

VGG16 features serve losses, LPIPS serves evaluation. Both are frozen. The weights come from the
model store (`perceptual-vgg16`, `perceptual-alexnet`), which names their origin.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

Network = Literal["alexnet", "vgg16"]

# Mean and standard deviation of ImageNet in 0..1, which the networks' inputs are normalised by.
# LPIPS states the same for pictures in -1..1.
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)

# Zhang et al. add it to the divisor; under the root it also keeps gradients finite where a picture
# is flat.
_TINY = 1e-20


@dataclass(frozen=True)
class _Convolution:
    stride: int
    padding: int
    pool: int  # window of the max pooling before it, with stride 2; 0 for none
    tapped: bool  # whether LPIPS compares its output


_VGG16 = tuple(
    _Convolution(1, 1, 2 if first and block else 0, last)
    for block, count in enumerate((2, 2, 3, 3, 3))
    for first, last in ((index == 0, index == count - 1) for index in range(count))
)
_ALEXNET = (
    _Convolution(4, 2, 0, True),
    _Convolution(1, 2, 3, True),
    _Convolution(1, 1, 3, True),
    _Convolution(1, 1, 0, True),
    _Convolution(1, 1, 0, True),
)
_PLANS = {"vgg16": _VGG16, "alexnet": _ALEXNET}
_PREFIXES = {"vgg16": "VGG16_0", "alexnet": "AlexNet_0"}


class _Features(nn.Module):
    """The first convolutions of a network. Their weights are not trained and not saved."""

    def __init__(self, weights: Mapping[str, Tensor], network: Network, taps: int) -> None:
        super().__init__()
        plan = _PLANS[network]
        ends = [index for index, layer in enumerate(plan) if layer.tapped]
        self._plan = plan[: ends[taps - 1] + 1]
        for index in range(len(self._plan)):
            name = f"{_PREFIXES[network]}.Conv_{index}"
            kernel = weights[f"{name}.kernel"].permute(3, 2, 0, 1).contiguous()  # from HWIO
            self.register_buffer(f"kernel_{index}", kernel, persistent=False)
            self.register_buffer(f"bias_{index}", weights[f"{name}.bias"], persistent=False)
        mean, deviation = (torch.tensor(value).view(1, 3, 1, 1) for value in (_MEAN, _DEVIATION))
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("deviation", deviation, persistent=False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        maps = []
        x = (pictures - self.get_buffer("mean")) / self.get_buffer("deviation")
        for index, layer in enumerate(self._plan):
            if layer.pool:
                x = F.max_pool2d(x, layer.pool, 2)
            kernel, bias = self.get_buffer(f"kernel_{index}"), self.get_buffer(f"bias_{index}")
            x = F.relu(F.conv2d(x, kernel, bias, layer.stride, layer.padding))
            if layer.tapped:
                maps.append(x)
        return maps


class VggFeatures(_Features):
    """VGG16 (Simonyan and Zisserman 2015) up to a layer.

    The input is RGB (B, 3, H, W) in 0..1, H and W at least 16. The output is the first `taps` of
    relu1_2 (B, 64, H, W), relu2_2 (B, 128, H/2, W/2), relu3_3 (B, 256, H/4, W/4), relu4_3
    (B, 512, H/8, W/8) and relu5_3 (B, 512, H/16, W/16), sizes rounded down. Later layers are not
    computed.
    """

    def __init__(self, weights: Mapping[str, Tensor], taps: int = 5) -> None:
        super().__init__(weights, "vgg16", taps)


class Lpips(nn.Module):
    """Learned perceptual distance of pictures (Zhang et al., CVPR 2018, version 0.1).

    Features of five layers are normalised to unit length at every position; the squares of their
    differences are weighted per channel, averaged over positions and summed over layers. 0 for
    equal pictures; larger is worse. RGB (B, 3, H, W) in 0..1, H and W at least 32.
    """

    def __init__(self, weights: Mapping[str, Tensor], network: Network) -> None:
        super().__init__()
        self._network = _Features(weights, network, taps=5)
        for index in range(5):
            head = weights[f"NetLinLayer_{index}.Conv_0.kernel"].reshape(1, -1, 1, 1)
            self.register_buffer(f"head_{index}", head, persistent=False)

    def forward(self, pictures: Tensor, others: Tensor) -> Tensor:
        """Return the distance of each pair, (B,)."""
        layers = self._differences(self.features(pictures), self.features(others))
        return torch.stack([layer.mean(dim=(1, 2, 3)) for layer in layers]).sum(dim=0)

    def spatial(self, pictures: Tensor, others: Tensor) -> Tensor:
        """Return the distance at every pixel, (B, 1, H, W), for means over a region.

        Layers are resized bilinearly to the pictures' size, as in the authors' `spatial` form.
        """
        return self.compare(self.features(pictures), self.features(others), pictures.shape[-2:])

    def features(self, pictures: Tensor) -> list[Tensor]:
        """Return the normalised features that `compare` takes, for reuse between comparisons."""
        return [
            maps / (maps.square().sum(dim=1, keepdim=True) + _TINY).sqrt()
            for maps in self._network(pictures)
        ]

    def compare(self, some: list[Tensor], other: list[Tensor], size: Sequence[int]) -> Tensor:
        """Return `spatial` of two pictures of `size` (H, W) from their features."""
        layers = self._differences(some, other)
        grown = [F.interpolate(layer, tuple(size), mode="bilinear") for layer in layers]
        return torch.stack(grown).sum(dim=0)

    def _differences(self, some: list[Tensor], other: list[Tensor]) -> list[Tensor]:
        """Return the weighted squared differences of each layer, (B, 1, h, w)."""
        return [
            ((a - b).square() * self.get_buffer(f"head_{index}")).sum(dim=1, keepdim=True)
            for index, (a, b) in enumerate(zip(some, other, strict=True))
        ]


def perceptual_vgg(path: Path, taps: int = 5) -> VggFeatures:
    """Load VGG16 features from the file of the model `perceptual-vgg16`."""
    return VggFeatures(load_file(path), taps)


def perceptual_lpips(path: Path, network: Network = "alexnet") -> Lpips:
    """Load LPIPS from the file of the model `perceptual-alexnet` or `perceptual-vgg16`."""
    return Lpips(load_file(path), network)
