"""Perceptual networks of the real depth, with few channels and random weights."""

from pathlib import Path

import torch
from safetensors.torch import save_file

from mytalk_core.appearance.training import JudgingModels

_KERNELS = {"VGG16_0": (3,) * 13, "AlexNet_0": (11, 5, 3, 3, 3)}  # kernel sides by network
_CHANNELS = 4


def write_small_judges(folder: Path) -> JudgingModels:
    """Write them under the names and in the layout of the packaged ones."""
    paths = {}
    for prefix, sides in _KERNELS.items():
        random = torch.Generator().manual_seed(0)
        weights, channels = {}, 3
        for index, side in enumerate(sides):
            name, scale = f"{prefix}.Conv_{index}", (2 / (side * side * channels)) ** 0.5
            kernel = torch.randn(side, side, channels, _CHANNELS, generator=random) * scale
            weights |= {f"{name}.kernel": kernel, f"{name}.bias": torch.zeros(_CHANNELS)}
            channels = _CHANNELS
        for index in range(5):
            weights[f"NetLinLayer_{index}.Conv_0.kernel"] = torch.full((1, 1, _CHANNELS, 1), 0.5)
        paths[prefix] = folder / f"{prefix}.safetensors"
        save_file(weights, paths[prefix])
    return JudgingModels(vgg=paths["VGG16_0"], alexnet=paths["AlexNet_0"])
