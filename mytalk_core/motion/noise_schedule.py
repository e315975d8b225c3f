"""The cosine noise schedule."""

import math

import torch
from torch import Tensor

# Keeps the logarithm of the signal share finite.
_LEAST_SHARE = 1e-5


def signal_share(time: Tensor, offset: float) -> Tensor:
    """Return the share of signal variance at `time`, 0 (clean) to 1 (noise).

    Nichol and Dhariwal, "Improved denoising diffusion probabilistic models", 2021, equation 17.

    Args:
        offset: s of the paper; keeps noise from vanishing near time 0.
    """

    def raw(at: Tensor | float) -> Tensor:
        angle = (torch.as_tensor(at) + offset) / (1 + offset) * math.pi / 2
        return torch.cos(angle).square()

    return (raw(time) / raw(0.0)).clamp(_LEAST_SHARE, 1.0)


def signal_to_noise(share: Tensor) -> Tensor:
    """Return the ratio of signal to noise variance, 0..inf; infinite at share 1."""
    ratio: Tensor = share / (1 - share)
    return ratio


def add_noise(clean: Tensor, noise: Tensor, time: Tensor, offset: float) -> Tensor:
    """Sample the forward process q(x_t | x_0) in closed form (Ho et al. 2020, equation 4).

    Args:
        clean, noise: (B, ...) of the same shape.
        time: (B,) in 0..1.
    """
    share = signal_share(time, offset).reshape(-1, *[1] * (clean.dim() - 1))
    noisy: Tensor = share.sqrt() * clean + (1 - share).sqrt() * noise
    return noisy
