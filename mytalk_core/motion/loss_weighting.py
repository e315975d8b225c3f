"""Loss weights over diffusion time, for networks that predict clean data."""

from typing import Literal

import torch
from torch import Tensor

from mytalk_core.motion.noise_schedule import signal_share, signal_to_noise

LossWeighting = Literal["uniform", "min-snr", "truncated-snr"]

# The paper's gamma.
_LARGEST_SNR = 5.0
# Number of times over which the mean weight is computed.
_GRID = 1000


def loss_weight(time: Tensor, weighting: LossWeighting, offset: float) -> Tensor:
    """Return the weights (B,) of x_0 errors at times (B,); their mean over all times is 1.

    "uniform" is 1 at all times. "min-snr" is min(SNR, 5) (Hang et al. 2023, "Efficient diffusion
    training via min-SNR weighting strategy", section 3.4). "truncated-snr" is max(SNR, 1)
    (Salimans and Ho 2022, "Progressive distillation for fast sampling of diffusion models",
    section 4), here bounded by 5 as well.
    """
    if weighting == "uniform":
        return torch.ones_like(time)
    least = 0.0 if weighting == "min-snr" else 1.0

    def raw(at: Tensor) -> Tensor:
        return signal_to_noise(signal_share(at, offset)).clamp(least, _LARGEST_SNR)

    middles = (torch.arange(_GRID, device=time.device) + 0.5) / _GRID
    return raw(time) / raw(middles).mean()
