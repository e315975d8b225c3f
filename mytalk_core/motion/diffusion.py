"""Noise schedule, noising and the deterministic sampler, for networks that predict clean data."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class DiffusionConfig:
    """How noise is added and taken away."""

    # Offset that keeps the schedule from vanishing near time 0.
    offset: float = 0.008
    # Steps of the sampler.
    steps: int = 4
    # Standard deviation of the noise that sampling starts from; below 1 the samples gather around
    # the most likely motion, at 0 every seed gives the same.
    temperature: float = 0.3


def signal_share(time: Tensor, offset: float) -> Tensor:
    """The share of signal variance left at `time` in 0 (clean) .. 1 (noise).

    Cosine schedule: Nichol and Dhariwal, "Improved denoising diffusion probabilistic models",
    2021, equation 17.
    """

    def raw(at: Tensor | float) -> Tensor:
        angle = (torch.as_tensor(at) + offset) / (1 + offset) * math.pi / 2
        return torch.cos(angle).square()

    return (raw(time) / raw(0.0)).clamp(1e-5, 1.0)


def add_noise(clean: Tensor, noise: Tensor, time: Tensor, offset: float) -> Tensor:
    """The forward process in closed form, q(x_t | x_0) (Ho et al. 2020, equation 4).

    Args:
        clean, noise: (B, ...) of the same shape.
        time: (B,) in 0..1.
    """
    share = signal_share(time, offset).reshape(-1, *[1] * (clean.dim() - 1))
    noisy: Tensor = share.sqrt() * clean + (1 - share).sqrt() * noise
    return noisy


def ddim_step(noisy: Tensor, clean: Tensor, share_now: Tensor, share_next: Tensor) -> Tensor:
    """One deterministic step (Song et al. 2021, "Denoising diffusion implicit models", eq. 12).

    Args:
        noisy: x_t at signal share `share_now`.
        clean: the network's x_0 for it.
        share_next: signal share to go to; 1 returns `clean`.
    """
    noise = (noisy - share_now.sqrt() * clean) / (1 - share_now).sqrt().clamp(min=1e-4)
    result: Tensor = share_next.sqrt() * clean + (1 - share_next).sqrt() * noise
    return result


def sample(
    denoise: Callable[[Tensor, Tensor], Tensor], noise: Tensor, config: DiffusionConfig
) -> Tensor:
    """From noise to data.

    Args:
        denoise: (x_t (B, ...), time (B,)) to x_0 of the same shape.
        noise: (B, ...) unit Gaussian; the same noise gives the same data.
    """
    times = torch.linspace(1.0, 0.0, config.steps + 1, device=noise.device)
    shares = signal_share(times, config.offset)
    data = noise * config.temperature
    for step in range(config.steps):
        clean = denoise(data, times[step].expand(len(data)))
        data = ddim_step(data, clean, shares[step], shares[step + 1])
    return data
