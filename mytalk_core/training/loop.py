"""The training loop: AdamW, warm-up, cosine decay, clipping, weight averaging, early stopping.

Every step is seeded by its number, so a resumed run equals an uninterrupted one bit for bit.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mytalk_core.errors import MytalkError, Reason
from mytalk_core.media.prefetch import prefetched
from mytalk_core.training.clock import Clock
from mytalk_core.training.objective import Objective
from mytalk_core.training.precision import autocast
from mytalk_core.training.state import TrainingState, Validation
from mytalk_core.training.validation import validate

# Batches that wait for their step while another one is loaded.
_BATCHES_AHEAD = 1
# Steps between checks whether a checkpoint is due.
_CHECKPOINT_STEPS = 20


@dataclass(frozen=True)
class LoopConfig:
    """Hyperparameters of the loop."""

    # Optimiser steps.
    steps: int
    # Peak learning rate.
    learning_rate: float
    # Share of the steps over which the rate rises linearly.
    warmup: float = 0.05
    weight_decay: float = 0.05
    # Gradients are scaled down to this norm.
    clip: float = 1.0
    # Decay of the exponential moving average of the weights, per step.
    average_decay: float = 0.995
    # Steps between validations.
    validate_every: int = 250
    # Validations without improvement after which the run stops early.
    patience: int = 8
    # Seconds between checkpoints.
    checkpoint_seconds: float = 120.0
    # Device types ("cuda", "cpu") on which steps run in bfloat16 where the hardware supports it.
    half_precision_on: tuple[str, ...] = ("cuda",)
    seed: int = 0


@dataclass(frozen=True)
class Replica:
    """The part of one process in data-parallel training."""

    rank: int = 0  # only rank 0 validates
    wrap: Callable[[nn.Module], nn.Module] = lambda module: module  # makes it data-parallel


@dataclass(frozen=True)
class Hooks:
    """Callbacks of the loop."""

    # Called with the number of steps taken, after every step.
    progress: Callable[[int], None] = lambda step: None
    # Returns the number of clips drawn so far for the batches of this process.
    draws: Callable[[], int] = lambda: 0
    # Called after a validation, while the model still holds the averaged weights.
    on_validation: Callable[[Validation], None] = lambda found: None


_ALONE, _SILENT = Replica(), Hooks()


@dataclass(frozen=True)
class _Example:
    """The input of one step."""

    batch: Any
    noise_seed: int
    dropout_seed: int
    draws: int  # clips drawn up to and including this batch


class DivergedError(MytalkError):
    """A loss became infinite or NaN."""


class LossModule(nn.Module):
    """The losses as a module, so that data-parallel wrappers cover the whole step."""

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.model = objective.model
        self._losses = objective.losses

    def forward(self, batch: Any, noise: torch.Generator) -> dict[str, Tensor]:
        """Call `Objective.losses`."""
        return self._losses(batch, noise)


def learning_rate(step: int, config: LoopConfig) -> float:
    """Return the rate of a step: linear warm-up, then a cosine down to 1 % of the peak."""
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
    replica: Replica = _ALONE,
    hooks: Hooks = _SILENT,
) -> Iterator[TrainingState]:
    """Train to the last step or until patience runs out.

    Yield `state` at each checkpoint and at the end; nothing where it had stopped early already.

    Args:
        state: new, or restored from a checkpoint; changed in place.

    Raises:
        DivergedError: a loss is no longer finite; that state is not yielded.
    """
    if state.stopped:
        return
    optimiser = _Optimiser(objective, config, state, device, replica.wrap)
    saved = time.monotonic()
    clock = Clock(state)
    examples = _examples(objective, config, replica.rank, state.step, hooks.draws)
    for example in prefetched(examples, _BATCHES_AHEAD):
        optimiser.step(example)
        hooks.progress(state.step)
        last = state.step == config.steps
        if state.step % config.validate_every == 0 or last:
            losses = optimiser.mean_losses()
            clock.validation_begins()
            if replica.rank == 0:
                rate = learning_rate(state.step - 1, config)
                validate(objective, optimiser.average, state, losses, rate, hooks.on_validation)
            clock.validation_ends()
            impatient = state.since_best >= config.patience
            state.stopped = not last and _of_first_process(impatient, device)
            last = last or state.stopped
        # The first process decides when to save, because clocks differ.
        if state.step % _CHECKPOINT_STEPS == 0 or last:
            due = time.monotonic() - saved > config.checkpoint_seconds
            if _of_first_process(due, device) or last:
                optimiser.store()
                saved = time.monotonic()
                clock.read()
                yield state
        if last:
            return


class _Optimiser:
    """Take steps on a model; hold its optimiser, averaged weights and unread losses."""

    def __init__(
        self,
        objective: Objective,
        config: LoopConfig,
        state: TrainingState,
        device: torch.device,
        wrap: Callable[[nn.Module], nn.Module],
    ) -> None:
        """Move the model to the device and restore what `state` holds."""
        self._config = config
        self._state = state
        self._device = device
        self._model = objective.model.to(device)
        if state.weights:
            self._model.load_state_dict(state.weights)
        self._losses = wrap(LossModule(objective))
        groups: list[dict[str, Any]] = [
            {
                "params": [p for p in self._model.parameters() if p.dim() > 1],
                "weight_decay": config.weight_decay,
            },
            {"params": [p for p in self._model.parameters() if p.dim() <= 1]},
        ]
        self._optimiser = torch.optim.AdamW(groups, lr=config.learning_rate, weight_decay=0.0)
        if state.optimiser:
            self._optimiser.load_state_dict(state.optimiser)
        self.average = {
            name: value.to(device, copy=True)  # those of a checkpoint are on the CPU
            for name, value in (state.average or self._model.state_dict()).items()
        }
        self._unread: list[dict[str, Tensor]] = []

    def step(self, example: _Example) -> None:
        """Take one optimiser step and update the average and the counts of the state."""
        state = self._state
        noise = torch.Generator(self._device).manual_seed(example.noise_seed)
        torch.manual_seed(example.dropout_seed)  # dropout draws from the global generator
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate(state.step, self._config)
        half_precision = self._device.type in self._config.half_precision_on
        with autocast(self._device, half_precision, learning=True):
            losses = self._losses(example.batch, noise)
        self._optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        nn.utils.clip_grad_norm_(self._model.parameters(), self._config.clip)
        self._optimiser.step()
        decay = min(self._config.average_decay, (1 + state.step) / (10 + state.step))
        _average(self.average, self._model, decay)
        state.step += 1
        state.draws = example.draws
        self._unread.append({name: loss.detach() for name, loss in losses.items()})

    def mean_losses(self) -> dict[str, float]:
        """Return the means of the losses since the last call.

        Raises:
            DivergedError: one of them is not finite.
        """
        self._read_losses()
        means = {name: float(np.mean(values)) for name, values in self._state.losses.items()}
        self._state.losses = {}
        return means

    def store(self) -> None:
        """Put weights, average, optimiser and losses into the state.

        Raises:
            DivergedError: a loss is not finite.
        """
        self._state.optimiser, self._state.average = self._optimiser.state_dict(), self.average
        self._state.weights = self._model.state_dict()
        self._read_losses()

    def _read_losses(self) -> None:
        """Move losses into the state. Reading them after every step would stall a GPU."""
        for losses in self._unread:
            for name, loss in losses.items():
                self._state.losses.setdefault(name, []).append(float(loss))
                if not math.isfinite(float(loss)):
                    raise DivergedError(
                        f"the loss {name!r} became {float(loss)} before step {self._state.step}.",
                        reason=Reason.INTERNAL,
                        remedy="If this happens from the first steps on a GPU, set"
                        " TORCHDYNAMO_DISABLE=1 to train without compilation.",
                    )
        self._unread.clear()


def _examples(
    objective: Objective, config: LoopConfig, rank: int, step: int, draws: Callable[[], int]
) -> Iterator[_Example]:
    """Yield the input of each step from `step` on; each depends only on seed, rank and step."""
    for number in range(step, config.steps):
        random = np.random.default_rng([config.seed, rank, number])
        noise_seed = int(random.integers(2**62))
        batch = objective.batch(random, number)
        yield _Example(batch, noise_seed, int(random.integers(2**62)), draws())


def _average(average: dict[str, Tensor], model: nn.Module, decay: float) -> None:
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            average[name].lerp_(value, 1 - decay)
        else:
            average[name].copy_(value)


def _of_first_process(value: bool, device: torch.device) -> bool:
    """Return the value of rank 0 in every process."""
    shared = torch.tensor(float(value), device=device)
    if torch.distributed.is_initialized():
        torch.distributed.broadcast(shared, 0)
    return bool(shared)
