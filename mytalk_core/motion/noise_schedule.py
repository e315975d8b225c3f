"""How much of the motion is left in the noise at each diffusion time."""

import math

import torch
from torch import Tensor

# The least share of signal: no logarithm of it is infinite.
_LEAST_SHARE = 1e-5


def signal_share(time: Tensor, offset: float) -> Tensor:
    """The share of signal variance left at `time` in 0 (clean) .. 1 (noise).

    Cosine schedule: Nichol and Dhariwal, "Improved denoising diffusion probabilistic models",
    2021, equation 17.

    Args:
        offset: keeps the schedule from vanishing near time 0; the paper's s.
    """

    def raw(at: Tensor | float) -> Tensor:
        angle = (torch.as_tensor(at) + offset) / (1 + offset) * math.pi / 2
        return torch.cos(angle).square()

    return (raw(time) / raw(0.0)).clamp(_LEAST_SHARE, 1.0)


def signal_to_noise(share: Tensor) -> Tensor:
    """Variance of the signal over that of the noise, 0..inf; infinite at share 1."""
    ratio: Tensor = share / (1 - share)
    return ratio


def add_noise(clean: Tensor, noise: Tensor, time: Tensor, offset: float) -> Tensor:
    """The forward process in closed form, q(x_t | x_0) (Ho et al. 2020, equation 4).

    Args:
        clean, noise: (B, ...) of the same shape.
        time: (B,) in 0..1.
    """
    share = signal_share(time, offset).reshape(-1, *[1] * (clean.dim() - 1))
    noisy: Tensor = share.sqrt() * clean + (1 - share).sqrt() * noise
    return noisy
