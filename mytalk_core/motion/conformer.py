"""Conformer layers with speech before self-attention and identity by cross-attention."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FeedForward(nn.Module):
    """Position-wise feed-forward network with pre-normalisation."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Linear(4 * width, width),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, width) to the same shape."""
        result: Tensor = self.layers(x)
        return result


class ConvolutionModule(nn.Module):
    """Gated depthwise convolution over time (Gulati et al. 2020, "Conformer", figure 2)."""

    def __init__(self, width: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Conv1d(width, 2 * width, 1)
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        # Layer norm in place of batch norm: the motion must not depend on where blocks are cut.
        self.middle = nn.LayerNorm(width)
        self.project = nn.Conv1d(width, width, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, width) to the same shape."""
        y = F.glu(self.expand(self.norm(x).transpose(1, 2)), dim=1)
        y = self.middle(self.depthwise(y).transpose(1, 2)).transpose(1, 2)
        y = self.project(F.silu(y))
        result: Tensor = self.dropout(y.transpose(1, 2))
        return result


class Attention(nn.Module):
    """Multi-head attention of `x` over `memory` with a learned bias per relative position."""

    def __init__(self, width: int, heads: int, reach: int, dropout: float) -> None:
        """Set `reach` to the frames on either side for self-attention, 0 for an unordered set."""
        super().__init__()
        self.heads = heads
        self.reach = reach
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.project = nn.Linear(width, width)
        self.dropout = dropout
        if reach:
            self.position_bias = nn.Parameter(torch.zeros(heads, 2 * reach + 1))

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        """Attend from (B, T, width) to (B, N, width), or to itself without memory."""
        y = self.norm(x)
        source = y if memory is None else memory
        query = self._split(self.query(y))
        key, value = (self._split(part) for part in self.key_value(source).chunk(2, dim=-1))
        attended = F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=self._bias(x.shape[1]) if self.reach else None,
            dropout_p=self.dropout if self.training else 0.0,
        )
        result: Tensor = self.project(attended.transpose(1, 2).flatten(2))
        return result

    def _split(self, x: Tensor) -> Tensor:
        split: Tensor = x.unflatten(2, (self.heads, -1)).transpose(1, 2)
        return split

    def _bias(self, length: int) -> Tensor:
        """Return (heads, T, T): a bias per distance, minus infinity beyond the reach."""
        place = torch.arange(length, device=self.position_bias.device)
        distance = place[None, :] - place[:, None]
        bias = self.position_bias[:, (distance.clamp(-self.reach, self.reach) + self.reach)]
        masked: Tensor = bias.masked_fill(distance.abs() > self.reach, float("-inf"))
        return masked


class ConformerLayer(nn.Module):
    """Half FFN, speech, self-attention, convolution, cross-attention to identity, half FFN."""

    def __init__(self, width: int, heads: int, kernel: int, reach: int, dropout: float) -> None:
        super().__init__()
        self.first = FeedForward(width, dropout)
        self.speech = nn.Linear(width, width)
        self.attention = Attention(width, heads, reach, dropout)
        self.convolution = ConvolutionModule(width, kernel, dropout)
        self.identity = Attention(width, heads, 0, dropout)
        self.second = FeedForward(width, dropout)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, speech: Tensor, identity: Tensor) -> Tensor:
        """Map `x` (B, T, width) with speech (B, T, width) and identity tokens (B, N, width)."""
        x = x + 0.5 * self.first(x)
        x = x + self.speech(speech)
        x = x + self.attention(x)
        x = x + self.convolution(x)
        x = x + self.identity(x, identity)
        result: Tensor = self.norm(x + 0.5 * self.second(x))
        return result
