"""The interface between the training loop and a model."""

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn


class Objective(Protocol):
    """A model with its batches, losses and validation."""

    @property
    def model(self) -> nn.Module:
        """The model whose weights are trained."""

    def batch(self, random: np.random.Generator, step: int) -> Any:
        """Return the examples of one step, counted from 0.

        Called ahead of the step in another thread: the result must not depend on the weights.
        """

    def losses(self, batch: Any, noise: torch.Generator) -> dict[str, Tensor]:
        """Return the weighted losses of one step; their sum is minimised."""

    def validate(self) -> dict[str, float]:
        """Return metrics on held-out clips; the first selects weights, lower is better."""
