"""Deterministic diffusion samplers for networks that predict clean data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from mytalk_core.motion.noise_schedule import signal_share, signal_to_noise

Solver = Literal["ddim", "dpm++2m"]


@dataclass(frozen=True)
class DiffusionConfig:
    """Noise schedule and sampler."""

    # Offset of the noise schedule.
    offset: float = 0.008
    # Sampling steps.
    steps: int = 4
    # Standard deviation of the initial noise. Below 1 samples concentrate around the most likely
    # motion; at 0 they do not depend on the seed.
    temperature: float = 0.3
    # DDIM, or DPM-Solver++ of second order.
    solver: Solver = "ddim"


def ddim_step(noisy: Tensor, clean: Tensor, share_now: Tensor, share_next: Tensor) -> Tensor:
    """Take one DDIM step (Song et al. 2021, "Denoising diffusion implicit models", eq. 12).

    Args:
        noisy: x_t at signal share `share_now`.
        clean: the predicted x_0.
        share_next: signal share after the step; 1 returns `clean`.
    """
    noise = (noisy - share_now.sqrt() * clean) / (1 - share_now).sqrt().clamp(min=1e-4)
    result: Tensor = share_next.sqrt() * clean + (1 - share_next).sqrt() * noise
    return result


def extrapolated(
    clean: Tensor, clean_before: Tensor, share_before: Tensor, share_now: Tensor, share_next: Tensor
) -> Tensor:
    """Extrapolate the last two predictions linearly, for a step of second order.

    DPM-Solver++(2M): Lu et al. 2022, "DPM-Solver++: fast solver for guided sampling of diffusion
    probabilistic models", algorithm 2, D_i. The step itself is that of DDIM, which is
    DPM-Solver++ of first order (section 4.1).

    Args:
        clean, clean_before: x_0 predicted at `share_now` and one step earlier at `share_before`.
        share_next: signal share after the step, below 1.
    """
    before, now, after = (_half_log_snr(s) for s in (share_before, share_now, share_next))
    # The lower bound of the schedule makes steps near time 1 have no length.
    slope = (clean - clean_before) / (now - before).clamp(min=1e-3)
    result: Tensor = clean + 0.5 * (after - now) * slope
    return result


def _half_log_snr(share: Tensor) -> Tensor:
    """Return lambda of the paper, log(alpha / sigma)."""
    result: Tensor = 0.5 * signal_to_noise(share).log()
    return result


def sample(
    denoise: Callable[[Tensor, Tensor], Tensor], noise: Tensor, config: DiffusionConfig
) -> Tensor:
    """Sample data from noise.

    Args:
        denoise: maps x_t (B, ...) and time (B,) to x_0 of the same shape.
        noise: (B, ...) unit Gaussian; determines the result.
    """
    times = torch.linspace(1.0, 0.0, config.steps + 1, device=noise.device)
    shares = signal_share(times, config.offset)
    data = noise * config.temperature
    before: Tensor | None = None
    for step in range(config.steps):
        clean = denoise(data, times[step].expand(len(data)))
        aim = clean
        # The first step has no previous prediction, and lambda is infinite after the last one.
        if config.solver == "dpm++2m" and before is not None and step < config.steps - 1:
            aim = extrapolated(clean, before, *shares[step - 1 : step + 2])
        data = ddim_step(data, aim, shares[step], shares[step + 1])
        before = clean
    return data
