"""What a run has come to: all that a resumed one needs, and what validation found."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass
class TrainingState:
    """All that a resumed run needs."""

    step: int = 0
    draws: int = 0  # clips that each process drew for these steps; all draw the same number
    optimiser: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, Tensor] = field(default_factory=dict)
    average: dict[str, Tensor] = field(default_factory=dict)
    best: dict[str, Tensor] = field(default_factory=dict)  # averaged weights of the best validation
    best_score: float = math.inf
    since_best: int = 0  # validations since that one
    stopped: bool = False  # before its last step, because nothing got better
    history: list[dict[str, float]] = field(default_factory=list)
    losses: dict[str, list[float]] = field(default_factory=dict)  # since the last validation
    seconds: float = 0.0  # spent on the steps and their validations, not on those that were lost
    rates: list[float] = field(default_factory=list)  # steps a second before each validation


@dataclass(frozen=True)
class Validation:
    """What one validation found."""

    step: int
    losses: Mapping[str, float]  # means since the one before
    figures: Mapping[str, float]  # on held-out clips; less of the first is better
    learning_rate: float  # of the last step
    steps_per_second: float  # since the one before, which does not count
