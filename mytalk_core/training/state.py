"""The state of a training run, and the result of a validation."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass
class TrainingState:
    """Everything that resuming a run needs; the content of a checkpoint."""

    step: int = 0
    draws: int = 0  # clips that each process drew for these steps, the same number in each
    optimiser: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, Tensor] = field(default_factory=dict)
    average: dict[str, Tensor] = field(default_factory=dict)
    best: dict[str, Tensor] = field(default_factory=dict)  # averaged weights at the best validation
    best_score: float = math.inf
    since_best: int = 0  # validations since the best one
    stopped: bool = False  # early, because patience ran out
    history: list[dict[str, float]] = field(default_factory=list)
    losses: dict[str, list[float]] = field(default_factory=dict)  # since the last validation
    seconds: float = 0.0  # spent on these steps and validations, without those that were lost
    rates: list[float] = field(default_factory=list)  # steps per second before each validation


@dataclass(frozen=True)
class Validation:
    """The result of one validation."""

    step: int
    losses: Mapping[str, float]  # means since the previous validation
    figures: Mapping[str, float]  # metrics on held-out clips; the first selects, lower is better
    learning_rate: float  # of the last step
    steps_per_second: float  # since the end of the previous validation
