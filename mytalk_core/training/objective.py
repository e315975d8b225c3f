"""What the loop trains: a model, where its batches come from, and how it is judged."""

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn


class Objective(Protocol):
    """What is trained: a model, where its batches come from, and how it is judged."""

    @property
    def model(self) -> nn.Module:
        """Whose weights are trained."""

    def batch(self, random: np.random.Generator, step: int) -> Any:
        """The examples of one step, counted from 0.

        Called by another thread while earlier steps are taken: what it gives must not depend on
        the weights that are trained.
        """

    def losses(self, batch: Any, noise: torch.Generator) -> dict[str, Tensor]:
        """The losses of one step, weighted; their sum is minimised."""

    def validate(self) -> dict[str, float]:
        """Figures of the model as it stands on held-out clips; less of the first is better."""
