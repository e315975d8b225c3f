"""Optimiser steps with warm-up, cosine decay, clipping and an average of the weights.

Randomness belongs to the step, not to the process, so that a run that was killed and resumed
takes the same path as one that was not.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from mytalk_core.media.prefetch import prefetched
from mytalk_core.training.precision import autocast

# Batches that are ready before their step, beside the one that is being made.
_BATCHES_AHEAD = 1


@dataclass(frozen=True)
class LoopConfig:
    """How any of the models is optimised."""

    # Optimiser steps.
    steps: int
    # Peak learning rate.
    learning_rate: float
    # Share of the steps over which the rate rises.
    warmup: float = 0.05
    weight_decay: float = 0.05
    # Largest norm of the gradient.
    clip: float = 1.0
    # Share of the averaged weights kept at a step.
    average_decay: float = 0.995
    # Steps between validations.
    validate_every: int = 250
    # Seconds between checkpoints.
    checkpoint_seconds: float = 120.0
    # Half precision on hardware that has it; the networks say whether they bear it.
    mixed_precision: bool = False
    seed: int = 0


class Objective(Protocol):
    """What is trained: a model, where its batches come from, and how it is judged."""

    @property
    def model(self) -> nn.Module:
        """Whose weights are trained."""

    def batch(self, random: np.random.Generator) -> Any:
        """The examples of one step.

        Called by another thread while earlier steps are taken: what it gives must not depend on
        the weights that are trained.
        """

    def losses(self, batch: Any, noise: torch.Generator) -> dict[str, Tensor]:
        """The losses of one step, weighted; their sum is minimised."""

    def validate(self) -> dict[str, float]:
        """Figures of the model as it stands on held-out clips; less of the first is better."""


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
    history: list[dict[str, float]] = field(default_factory=list)
    losses: dict[str, list[float]] = field(default_factory=dict)  # since the last validation


@dataclass(frozen=True)
class _Example:
    """All that one step is given."""

    batch: Any
    noise_seed: int
    dropout_seed: int
    draws: int  # clips drawn up to and with this batch


class LossModule(nn.Module):
    """Losses as a module's output, so that data-parallel wrappers see the whole step."""

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.model = objective.model
        self._losses = objective.losses

    def forward(self, batch: Any, noise: torch.Generator) -> dict[str, Tensor]:
        """As `Objective.losses`."""
        return self._losses(batch, noise)


def learning_rate(step: int, config: LoopConfig) -> float:
    """Linear warm-up, then half a cosine to a hundredth of the peak."""
    warmup = max(int(config.warmup * config.steps), 1)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(config.steps - warmup, 1)
    return config.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)


def train(
    objective: Objective,
    config: LoopConfig,
    state: TrainingState,
    device: torch.device,
    rank: int = 0,
    wrap: Callable[[nn.Module], nn.Module] = lambda module: module,
    progress: Callable[[int], None] = lambda step: None,
    draws: Callable[[], int] = lambda: 0,
) -> Iterator[TrainingState]:
    """Train to the last step; yields the state at checkpoints and at the end.

    Args:
        state: new, or a checkpoint's; changed in place.
        rank: this process; only 0 validates.
        wrap: makes a module data-parallel.
        progress: told the number of steps taken, after every step.
        draws: how many clips the objective's batches have taken so far, for the state.
    """
    model = objective.model.to(device)
    if state.weights:
        model.load_state_dict(state.weights)
    wrapped = wrap(LossModule(objective))
    decayed = [p for p in model.parameters() if p.dim() > 1]
    plain = [p for p in model.parameters() if p.dim() <= 1]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": plain},
    ]
    optimiser = torch.optim.AdamW(groups, lr=config.learning_rate, weight_decay=0.0)
    if state.optimiser:
        optimiser.load_state_dict(state.optimiser)
    average = {name: value.clone() for name, value in (state.average or model.state_dict()).items()}
    saved = time.monotonic()
    examples = _examples(objective, config, rank, state.step, draws)
    for example in prefetched(examples, _BATCHES_AHEAD):
        noise = torch.Generator(device).manual_seed(example.noise_seed)
        torch.manual_seed(example.dropout_seed)  # dropout draws from the process's state
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(state.step, config)
        with autocast(device, config.mixed_precision):
            losses = wrapped(example.batch, noise)
        optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimiser.step()
        _average(average, model, min(config.average_decay, (1 + state.step) / (10 + state.step)))
        state.step += 1
        state.draws = example.draws
        for name, loss in losses.items():
            state.losses.setdefault(name, []).append(float(loss.detach()))
        progress(state.step)
        last = state.step == config.steps
        if state.step % config.validate_every == 0 or last:
            entry = {name: float(np.mean(values)) for name, values in state.losses.items()}
            state.losses = {}
            if rank == 0:
                _validate(objective, model, average, state, entry)
        # Processes must agree on when to save, and their clocks do not.
        if state.step % 20 == 0 or last:
            late = time.monotonic() - saved > config.checkpoint_seconds
            due = torch.tensor(float(late), device=device)
            if torch.distributed.is_initialized():
                torch.distributed.broadcast(due, 0)
            if due or last:
                state.optimiser, state.average = optimiser.state_dict(), average
                state.weights = model.state_dict()
                saved = time.monotonic()
                yield state


def _examples(
    objective: Objective, config: LoopConfig, rank: int, step: int, draws: Callable[[], int]
) -> Iterator[_Example]:
    """What each step from `step` on is given; a function of the step, not of what was before."""
    for number in range(step, config.steps):
        random = np.random.default_rng([config.seed, rank, number])
        noise_seed = int(random.integers(2**62))
        batch = objective.batch(random)
        yield _Example(batch, noise_seed, int(random.integers(2**62)), draws())


def _average(average: dict[str, Tensor], model: nn.Module, decay: float) -> None:
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            average[name].lerp_(value, 1 - decay)
        else:
            average[name].copy_(value)


def _validate(
    objective: Objective,
    model: nn.Module,
    average: dict[str, Tensor],
    state: TrainingState,
    losses: dict[str, float],
) -> None:
    """Judge the averaged weights, note it in the history, keep them where they are the best."""
    current = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(average)
    model.eval()
    figures = objective.validate()
    model.train()
    model.load_state_dict(current)
    score = next(iter(figures.values()))
    state.history.append({"step": state.step, **losses, **figures})
    if score < state.best_score:
        state.best_score = score
        state.best = {name: value.detach().cpu().clone() for name, value in average.items()}
