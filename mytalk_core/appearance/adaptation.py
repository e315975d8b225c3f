"""Adaptation of the renderer to one actor, on the film that it is to redraw.

A short training of all weights from the shipped weights, with the losses that need no other
network. Parts of the film are held out. One half validates the weights during training: the best
weights are kept, and training stops when they no longer improve. The other half tests the result;
if it is not better, the shipped renderer is returned. The two halves share no frame.
"""

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from mytalk_core.appearance.actor_frames import HoldOutConfig, Take, hold_out_of_all
from mytalk_core.appearance.adaptation_batches import (
    AdaptationBatchConfig,
    AdaptationBatches,
    consecutive_frames,
)
from mytalk_core.appearance.adaptation_scores import (
    EvaluationSet,
    Scores,
    evaluation_set,
    score,
    spread_places,
    take_pages,
)
from mytalk_core.appearance.batches import RUN, AppearanceBatch
from mytalk_core.appearance.drawing_config import DUB_REFERENCES
from mytalk_core.appearance.losses import LossConfig, pixel_losses
from mytalk_core.appearance.perceptual import Lpips
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.training.loop import Hooks, LoopConfig, train
from mytalk_core.training.state import TrainingState, Validation

_WARMUP_STEPS = 10


@dataclass(frozen=True)
class AdaptationConfig:
    """Length and settings of an adaptation."""

    # Most optimiser steps, a multiple of 20, over which the learning rate falls. Unless time runs
    # out they alone determine the weights.
    steps: int = 240
    # Most seconds, validation included; a group of twenty steps that started is completed.
    seconds: float = 120.0
    # Steps between validations, a multiple of 20.
    look_every: int = 40
    # Validations in a row without improvement after which training stops.
    patience: int = 3
    # Tolerance for the last step when validations are compared, as a share of the initial error;
    # proportionally less for earlier steps. The few validation frames resolve no smaller
    # difference, and weights are steadiest when the learning rate is low.
    forgiven: float = 0.05
    learning_rate: float = 6e-4
    # Decay of the averaged weights per step.
    average_decay: float = 0.98
    batches: AdaptationBatchConfig = field(default_factory=AdaptationBatchConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    held_out: HoldOutConfig = field(default_factory=HoldOutConfig)
    # Frames for validation, and as many for the test.
    judged_frames: int = 24
    # Reference frames that these are drawn from: as many as in a dub.
    references: int = DUB_REFERENCES
    seed: int = 0

    @classmethod
    def lasting(cls, seconds: float) -> "AdaptationConfig":
        """Return a configuration for at most `seconds`: two cores take two steps a second."""
        return cls(steps=20 * max(round(seconds / 10), 1), seconds=seconds)


@dataclass(frozen=True)
class ValidationPoint:
    """Scores on the validation frames after some steps."""

    step: int
    seconds: float  # since the start, callbacks excluded
    scores: Scores


@dataclass(frozen=True)
class AdaptationRecord:
    """The result of an adaptation."""

    before: Scores  # on the test frames
    after: Scores  # of the adapted weights on the same frames, whether they are used or not
    helped: bool  # whether the adapted weights are used
    steps: int  # taken
    chosen_step: int  # of the best validation
    seconds: float  # from the first validation to the last
    learnt_frames: int  # training frames
    reporting_frames: int  # test frames
    looks: tuple[ValidationPoint, ...]  # the first one before training


@dataclass(frozen=True)
class Adapted:
    """An adapted renderer, or the shipped one where adaptation did not help."""

    renderer: Renderer
    record: AdaptationRecord


@dataclass(frozen=True)
class AdaptationData:
    """Takes of an actor, split for adaptation."""

    training: Sequence[Take]
    validation: Sequence[EvaluationSet]  # chooses the weights
    test: Sequence[EvaluationSet]  # measures the result


def adapt(
    renderer: Renderer,
    takes: Sequence[Take],
    config: AdaptationConfig,
    lpips: Lpips,
    progress: Callable[[int, int], None],
) -> Adapted:
    """Adapt a renderer to an actor, holding out parts of the film.

    Held-out frames are drawn from training frames as references and are not trained on.

    Args:
        renderer: the shipped one, on the device to train on; it is not changed.
        takes: of one actor.
        progress: called with (steps taken, steps in all).

    Raises:
        BadInputError: TOO_SHORT where the takes are too short to hold anything out.
        DivergedError: where a loss is no longer finite.
    """
    return learn_actor(renderer, split_takes(takes, config), config, lpips, progress)


def split_takes(takes: Sequence[Take], config: AdaptationConfig) -> AdaptationData:
    """Split takes into training, validation and test frames.

    Raises:
        BadInputError: TOO_SHORT where the takes are too short to hold anything out.
    """
    parts = [part for part in hold_out_of_all(takes, config.held_out) if len(part.training)]
    pages = take_pages([part.training for part in parts])

    def evaluation_sets(held_out: Sequence[Take]) -> list[EvaluationSet]:
        places = spread_places([len(take) for take in held_out], config.judged_frames)
        return [
            evaluation_set(
                take.choose(chosen),
                parts[number].training,
                pages[:number] + pages[number + 1 :],
                config.references,
            )
            for number, (take, chosen) in enumerate(zip(held_out, places, strict=True))
            if len(chosen)
        ]

    data = AdaptationData(
        training=[part.training for part in parts if consecutive_frames(part.training).size],
        validation=evaluation_sets([part.validation for part in parts]),
        test=evaluation_sets([part.test for part in parts]),
    )
    if not (data.training and data.validation and data.test):
        raise BadInputError(
            "the frames of the actor are too short to adapt to:"
            f" at least {config.held_out.least_seconds:.0f} s are needed.",
            reason=Reason.TOO_SHORT,
        )
    return data


def learn_actor(
    renderer: Renderer,
    data: AdaptationData,
    config: AdaptationConfig,
    lpips: Lpips,
    progress: Callable[[int, int], None],
    on_validation: Callable[[ValidationPoint, Renderer], None] = lambda point, renderer: None,
) -> Adapted:
    """Adapt a renderer to data that the caller has split.

    The same data, configuration and number of steps give the same weights on a machine.

    Args:
        on_validation: called after every validation with its renderer; its time does not count.

    Raises:
        DivergedError: where a loss is no longer finite.
    """
    state = TrainingState()
    history = _History(config, on_validation)
    learner = _Learner(
        renderer, data, config, lpips, lambda scores: history.error(state.step, scores)
    )
    history.add(0, score(renderer, data.validation, lpips), renderer)

    def validated(found: Validation) -> None:
        scores = Scores(found.figures["psnr"], found.figures["lpips"])
        history.add(found.step, scores, learner.model)

    def advanced(step: int) -> None:
        progress(step, config.steps)

    device = next(renderer.parameters()).device
    hooks = Hooks(progress=advanced, on_validation=validated)
    for _ in train(learner, _loop(config), state, device, hooks=hooks):
        if state.step >= config.steps or history.watch.seconds() > config.seconds:
            break
    if state.step > history.points[-1].step:  # time ran out between two validations
        learner.model.load_state_dict(state.average)
        scores = score(learner.model, data.validation, lpips)
        history.add(state.step, scores, learner.model)
        if history.error(state.step, scores) < state.best_score:
            state.best = state.average
    learner.model.load_state_dict(state.best)
    learner.model.eval()
    before, after = (score(model, data.test, lpips) for model in (renderer, learner.model))
    record = history.record(before, after, state.step, data)
    return Adapted(learner.model if record.helped else renderer, record)


class _History:
    """The validations of a run, and the time that they and the training took."""

    def __init__(
        self,
        config: AdaptationConfig,
        on_validation: Callable[[ValidationPoint, Renderer], None],
    ) -> None:
        self.points: list[ValidationPoint] = []
        self.watch = _Stopwatch()
        self._config = config
        self._on_validation = on_validation

    def add(self, step: int, scores: Scores, renderer: Renderer) -> None:
        """Add a validation and call the observer."""
        self.points.append(ValidationPoint(step, self.watch.seconds() if step else 0.0, scores))
        with self.watch.stopped():
            self._on_validation(self.points[-1], renderer)

    def error(self, step: int, scores: Scores) -> float:
        """Return the error relative to the first validation, minus the tolerance of the step."""
        config = self._config
        return scores.error_beside(self.points[0].scores) - config.forgiven * step / config.steps

    def record(
        self, before: Scores, after: Scores, steps: int, data: AdaptationData
    ) -> AdaptationRecord:
        """Return the record of the run, given the scores on the test frames."""
        best = min(self.points[1:], key=lambda each: self.error(each.step, each.scores))
        return AdaptationRecord(
            before=before,
            after=after,
            helped=after.error_beside(before) < 1,
            steps=steps,
            chosen_step=best.step,
            seconds=self.watch.seconds(),
            learnt_frames=sum(len(take) for take in data.training),
            reporting_frames=sum(len(each.crops.points) for each in data.test),
            looks=tuple(self.points),
        )


class _Learner:
    """The `Objective` of an adaptation."""

    def __init__(
        self,
        renderer: Renderer,
        data: AdaptationData,
        config: AdaptationConfig,
        lpips: Lpips,
        error: Callable[[Scores], float],
    ) -> None:
        self.model = copy.deepcopy(renderer)
        self._batches = AdaptationBatches(data.training, config.batches, renderer.config.size)
        self._validation = data.validation
        self._losses = config.losses
        self._lpips = lpips
        self._error = error
        self._device = next(renderer.parameters()).device

    def batch(self, random: np.random.Generator, step: int) -> AppearanceBatch:
        """Return the examples of one step."""
        return self._batches.batch(random, step).to(self._device)

    def losses(self, batch: AppearanceBatch, noise: torch.Generator) -> dict[str, Tensor]:
        """Return the losses of one step; none of them is random.

        The model is in evaluation mode, so that references are weighted as in a dub.
        """
        self.model.eval()
        people = self.model.encode_references(batch.references).repeat(RUN)
        return pixel_losses(self.model(batch.target, people), batch.target, self._losses)

    def validate(self) -> dict[str, float]:
        """Return the scores on the validation frames; the first one is the error."""
        scores = score(self.model, self._validation, self._lpips)
        return {"error": self._error(scores), "psnr": scores.psnr, "lpips": scores.lpips}


def _loop(config: AdaptationConfig) -> LoopConfig:
    """Return the settings of the loop.

    Where time or patience stops it early, weight averaging replaces the low final learning rate.
    """
    return LoopConfig(
        config.steps,
        learning_rate=config.learning_rate,
        warmup=_WARMUP_STEPS / config.steps,
        weight_decay=0.0,
        average_decay=config.average_decay,
        validate_every=config.look_every,
        patience=config.patience,
        checkpoint_seconds=0.0,  # the time limit is checked whenever the loop can be left
        half_precision_on=("cuda", "cpu"),
        seed=config.seed,
    )


class _Stopwatch:
    """Counts seconds since its creation, except while stopped."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def seconds(self) -> float:
        return time.monotonic() - self._start

    @contextmanager
    def stopped(self) -> Iterator[None]:
        start = time.monotonic()
        yield
        self._start += time.monotonic() - start
