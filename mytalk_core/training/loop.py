"""Optimiser steps with warm-up, cosine decay, clipping, an average of the weights, early stopping.

Randomness belongs to the step, not to the process, so that a run that was killed and resumed
takes the same path as one that was not.
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
    # Validations in a row without a better one after which the run ends before its last step.
    patience: int = 8
    # Seconds between checkpoints.
    checkpoint_seconds: float = 120.0
    # Kinds of device ("cuda", "cpu") on which steps run in half precision, where they have it.
    half_precision_on: tuple[str, ...] = ("cuda",)
    seed: int = 0


@dataclass(frozen=True)
class _Example:
    """All that one step is given."""

    batch: Any
    noise_seed: int
    dropout_seed: int
    draws: int  # clips drawn up to and with this batch


class DivergedError(MytalkError):
    """Losses became infinite or no numbers at all; the weights are lost."""


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
    judged: Callable[[Validation], None] = lambda found: None,
) -> Iterator[TrainingState]:
    """Train to the last step, or until nothing gets better; yields the state at checkpoints and
    at the end. Of a run that had stopped before its last step nothing is yielded.

    Raises:
        DivergedError: where a loss is no longer finite; nothing of that is yielded.

    Args:
        state: new, or a checkpoint's; changed in place.
        rank: this process; only 0 validates.
        wrap: makes a module data-parallel.
        progress: told the number of steps taken, after every step.
        draws: how many clips the objective's batches have taken so far, for the state.
        judged: told of every validation while the model still holds the weights that it is of.
    """
    if state.stopped:
        return
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
    average = {
        name: value.to(device, copy=True)  # a checkpoint's are on the CPU
        for name, value in (state.average or model.state_dict()).items()
    }
    unread: list[dict[str, Tensor]] = []
    saved = time.monotonic()
    clock = Clock(state)
    examples = _examples(objective, config, rank, state.step, draws)
    for example in prefetched(examples, _BATCHES_AHEAD):
        noise = torch.Generator(device).manual_seed(example.noise_seed)
        torch.manual_seed(example.dropout_seed)  # dropout draws from the process's state
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(state.step, config)
        with autocast(device, device.type in config.half_precision_on, learning=True):
            losses = wrapped(example.batch, noise)
        optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        optimiser.step()
        _average(average, model, min(config.average_decay, (1 + state.step) / (10 + state.step)))
        state.step += 1
        state.draws = example.draws
        unread.append({name: loss.detach() for name, loss in losses.items()})
        progress(state.step)
        last = state.step == config.steps
        if state.step % config.validate_every == 0 or last:
            _read(unread, state)
            losses_since = {name: float(np.mean(values)) for name, values in state.losses.items()}
            state.losses = {}
            clock.validation_begins()
            if rank == 0:
                rate = learning_rate(state.step - 1, config)
                validate(objective, average, state, losses_since, rate, judged)
            clock.validation_ends()
            state.stopped = not last and _of_first(state.since_best >= config.patience, device)
            last = last or state.stopped
        # Processes must agree on when to save, and their clocks do not.
        if state.step % 20 == 0 or last:
            late = time.monotonic() - saved > config.checkpoint_seconds
            if _of_first(late, device) or last:
                state.optimiser, state.average = optimiser.state_dict(), average
                state.weights = model.state_dict()
                saved = time.monotonic()
                _read(unread, state)
                clock.read()
                yield state
        if last:
            return


def _examples(
    objective: Objective, config: LoopConfig, rank: int, step: int, draws: Callable[[], int]
) -> Iterator[_Example]:
    """What each step from `step` on is given; a function of the step, not of what was before."""
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


def _read(unread: list[dict[str, Tensor]], state: TrainingState) -> None:
    """Move losses into the state; not after every step, for a GPU stands still while it is read.

    Nothing of a run that has diverged is saved or judged.
    """
    for losses in unread:
        for name, loss in losses.items():
            state.losses.setdefault(name, []).append(float(loss))
            if not math.isfinite(float(loss)):
                raise DivergedError(
                    f"the loss {name!r} became {float(loss)} before step {state.step}.",
                    reason=Reason.INTERNAL,
                    remedy="If it does so from the start on a GPU, set TORCHDYNAMO_DISABLE=1: then"
                    " nothing is compiled.",
                )
    unread.clear()


def _of_first(answer: bool, device: torch.device) -> bool:
    """What the first process answers, in all of them."""
    said = torch.tensor(float(answer), device=device)
    if torch.distributed.is_initialized():
        torch.distributed.broadcast(said, 0)
    return bool(said)
