"""From noise to data in few deterministic steps, for networks that predict clean data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from mytalk_core.motion.noise_schedule import signal_share, signal_to_noise

Solver = Literal["ddim", "dpm++2m"]


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
    # What takes a step: DDIM, or DPM-Solver++ of second order.
    solver: Solver = "ddim"


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


def extrapolated(
    clean: Tensor, clean_before: Tensor, share_before: Tensor, share_now: Tensor, share_next: Tensor
) -> Tensor:
    """The clean data that a step of second order uses: a line through the last two guesses.

    DPM-Solver++(2M): Lu et al. 2022, "DPM-Solver++: fast solver for guided sampling of diffusion
    probabilistic models", algorithm 2, D_i. The step itself is DDIM's (its section 4.1: DDIM is
    DPM-Solver++ of first order).

    Args:
        clean, clean_before: x_0 guessed at `share_now` and, one step before, at `share_before`.
        share_next: signal share that the step goes to, below 1.
    """
    before, now, after = (_half_log_snr(s) for s in (share_before, share_now, share_next))
    # The schedule's least share holds for a moment: steps within it go nowhere.
    slope = (clean - clean_before) / (now - before).clamp(min=1e-3)
    result: Tensor = clean + 0.5 * (after - now) * slope
    return result


def _half_log_snr(share: Tensor) -> Tensor:
    """The paper's lambda, log(alpha / sigma)."""
    result: Tensor = 0.5 * signal_to_noise(share).log()
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
    before: Tensor | None = None
    for step in range(config.steps):
        clean = denoise(data, times[step].expand(len(data)))
        aim = clean
        # Neither the first step, which has nothing before it, nor the last, which ends at the data
        # themselves, can be of second order.
        if config.solver == "dpm++2m" and before is not None and step < config.steps - 1:
            aim = extrapolated(clean, before, *shares[step - 1 : step + 2])
        data = ddim_step(data, aim, shares[step], shares[step + 1])
        before = clean
    return data
