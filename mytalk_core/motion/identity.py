"""Identity of a face from landmarks: tokens for the denoiser and a vector for the loss."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class IdentityConfig:
    """Sizes of the identity extractor."""

    # Tokens for the cross-attention of the denoiser.
    tokens: int = 4
    # Width of the per-frame network.
    hidden: int = 128
    # Size of the identity vector.
    vector: int = 64


class IdentityExtractor(nn.Module):
    """Encode a set of frames without their order, so that no performance leaks into it."""

    def __init__(self, coordinates: int, width: int, config: IdentityConfig) -> None:
        super().__init__()
        self._tokens = config.tokens
        self.frame = nn.Sequential(
            nn.Linear(coordinates, config.hidden),
            nn.SiLU(),
            nn.Linear(config.hidden, config.hidden),
            nn.SiLU(),
        )
        self.tokens = nn.Linear(2 * config.hidden, config.tokens * width)
        self.vector = nn.Linear(2 * config.hidden, config.vector)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Encode aligned points (B, N, coordinates) of N frames in any order.

        Returns:
            tokens (B, tokens, width) and the unit identity vector (B, vector).
        """
        features = self.frame(frames)
        pooled = torch.cat([features.mean(dim=1), features.amax(dim=1)], dim=-1)
        tokens = self.tokens(pooled).unflatten(1, (self._tokens, -1))
        return tokens, F.normalize(self.vector(pooled), dim=-1)


def identity_loss(source: Tensor, predicted: Tensor) -> Tensor:
    """Return the mean of one minus the cosine of identity vectors (B, D), 0..2."""
    loss: Tensor = (1 - (source * predicted).sum(dim=-1)).mean()
    return loss
