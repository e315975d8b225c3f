"""The motion space: principal components of displacements from the mean of a face."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass(frozen=True)
class MotionSpaceConfig:
    """Size of the motion space."""

    # Principal components kept; 24 explain 99.8 % of the variance of lips and jaw.
    components: int = 24
    # Lower bound of the standard deviations used for scaling, as a share of the first. It keeps
    # landmark noise in the last components from weighing as much as the mouth opening.
    std_floor: float = 0.15


class MotionSpace(nn.Module):
    """A fixed linear map between displacements and standardised components."""

    basis: Tensor
    std: Tensor

    def __init__(self, coordinates: int, config: MotionSpaceConfig) -> None:
        super().__init__()
        self.register_buffer("basis", torch.zeros(config.components, coordinates))
        self.register_buffer("std", torch.ones(config.components))
        self._floor = config.std_floor

    def fit(self, covariance: NDArray[np.float64]) -> None:
        """Fit the basis and deviations to the covariance of displacements, inter-ocular squared."""
        values, vectors = np.linalg.eigh(covariance)
        order = np.argsort(values)[::-1][: len(self.std)]
        # The sign of an eigenvector is arbitrary; fix it so that a refit gives the same basis.
        basis = vectors[:, order].T
        basis *= np.sign(basis[np.arange(len(basis)), np.abs(basis).argmax(axis=1)])[:, None]
        std = np.sqrt(np.maximum(values[order], 0))
        self.basis.copy_(torch.from_numpy(basis))
        self.std.copy_(torch.from_numpy(np.maximum(std, self._floor * std[0])))

    def encode(self, displacements: Tensor) -> Tensor:
        """Map (..., coordinates) in inter-ocular units to (..., components)."""
        return displacements @ self.basis.T / self.std

    def decode(self, components: Tensor) -> Tensor:
        """Map components to displacements; the inverse of `encode` up to the dropped components."""
        return (components * self.std) @ self.basis
