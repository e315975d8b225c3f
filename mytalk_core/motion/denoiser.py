"""The denoiser of lip and jaw motion, conditioned on upper face, speech and identity."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mytalk_core.motion.conformer import ConformerLayer


@dataclass(frozen=True)
class DenoiserConfig:
    """Sizes of the denoiser."""

    # Width of the layers.
    width: int = 64
    # Conformer layers.
    layers: int = 2
    # Attention heads.
    heads: int = 4
    # Kernel of the depthwise convolution in frames; odd.
    kernel: int = 9
    # Frames on either side to which self-attention reaches: half a second.
    reach: int = 12
    # Probability of dropout.
    dropout: float = 0.3
    # Dimensions to which speech features are projected; a low rank removes voice differences.
    speech_rank: int = 32


def time_embedding(time: Tensor, width: int) -> Tensor:
    """Return sinusoids (B, width) of the diffusion time (B,) in 0..1."""
    scale = torch.exp(
        -math.log(10_000) * torch.arange(width // 2, device=time.device) / (width // 2)
    )
    angle = 1000 * time[:, None] * scale
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


class Denoiser(nn.Module):
    """Conformer layers that predict the residual of a linear estimate of motion from speech."""

    def __init__(
        self, components: int, upper_face: int, speech: int, config: DenoiserConfig
    ) -> None:
        """Set the sizes per frame of motion, upper face and speech."""
        super().__init__()
        width = config.width
        self.config = config
        self.motion = nn.Linear(2 * components, width)
        self.upper_face = nn.Linear(upper_face, width)
        self.speech = nn.Sequential(
            nn.Linear(speech, config.speech_rank),
            nn.LayerNorm(config.speech_rank),
            nn.Dropout(config.dropout),
            nn.Linear(config.speech_rank, width),
        )
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.layers = nn.ModuleList(
            ConformerLayer(width, config.heads, config.kernel, config.reach, config.dropout)
            for _ in range(config.layers)
        )
        self.output = nn.Linear(width, components)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(
        self,
        noisy: Tensor,
        time: Tensor,
        upper_face: Tensor,
        speech: Tensor,
        estimate: Tensor,
        identity: Tensor,
    ) -> Tensor:
        """Predict clean motion, (B, T, components).

        Args:
            noisy: (B, T, components) motion at diffusion time `time` (B,), 0..1.
            upper_face: (B, T, upper face) clean points.
            speech: (B, T, speech) standardised features.
            estimate: (B, T, components) linear estimate from speech.
            identity: (B, N, width) tokens.
        """
        x = self.motion(torch.cat([noisy, estimate], dim=-1)) + self.upper_face(upper_face)
        x = x + self.time(time_embedding(time, self.config.width))[:, None]
        spoken = self.speech(speech)
        for layer in self.layers:
            x = layer(x, spoken, identity)
        result: Tensor = estimate + self.output(x)
        return result
