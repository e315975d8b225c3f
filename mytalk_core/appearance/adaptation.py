"""The renderer learns one actor from the film that it is to redraw: the film is its own teacher.

A short training of all weights with the losses that need no other network, from the shipped weights
on. Stretches of the film are kept back. Some of them judge the weights from time to time: the best
ones are kept, and learning ends where nothing gets better. The others say what came of them; if
that is nothing, the shipped renderer is given back. Each question has judges of its own.
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
    frames_in_a_row,
)
from mytalk_core.appearance.adaptation_exam import (
    Exam,
    Scores,
    exam,
    score,
    spread_places,
    take_pages,
)
from mytalk_core.appearance.batches import RUN, AppearanceBatch
from mytalk_core.appearance.losses import LossConfig, pixel_losses
from mytalk_core.appearance.perceptual import Lpips
from mytalk_core.appearance.reference_choice import SHOWN
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.training.loop import Hooks, LoopConfig, train
from mytalk_core.training.state import TrainingState, Validation

_WARMUP_STEPS = 10


@dataclass(frozen=True)
class AdaptationConfig:
    """How long and how the renderer learns an actor."""

    # Optimiser steps at most, a multiple of 20, over which the rate falls. As long as time does not
    # run out, they alone decide the weights.
    steps: int = 240
    # Seconds at most, looks at what was kept back included; twenty steps that began are finished.
    seconds: float = 120.0
    # Steps between looks, a multiple of 20.
    look_every: int = 40
    # Looks in a row without a better one after which learning ends.
    patience: int = 3
    # What the last step is forgiven, a share of the error before the first, when looks are
    # compared; earlier ones less, evenly. Few frames choose and tell no finer, and what is learnt
    # while the rate falls is the steadiest.
    forgiven: float = 0.05
    learning_rate: float = 6e-4
    # Share of the averaged weights kept at a step.
    average_decay: float = 0.98
    batches: AdaptationBatchConfig = field(default_factory=AdaptationBatchConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    held_out: HoldOutConfig = field(default_factory=HoldOutConfig)
    # Frames that judge while learning goes on, and as many that say in the end what came of it.
    judged_frames: int = 24
    # Reference frames that these are drawn from: as many as a dub shows.
    references: int = SHOWN
    seed: int = 0

    @classmethod
    def lasting(cls, seconds: float) -> "AdaptationConfig":
        """For so many seconds on two cores, which take two steps in one; or less on more."""
        return cls(steps=20 * max(round(seconds / 10), 1), seconds=seconds)


@dataclass(frozen=True)
class Look:
    """What was found on the frames that choose, after some steps."""

    step: int
    seconds: float  # since learning began
    scores: Scores


@dataclass(frozen=True)
class AdaptationRecord:
    """What came of learning an actor."""

    before: Scores  # on the frames that report
    after: Scores  # of what learning made, on the same, whether it is used or not
    helped: bool  # whether it is used
    steps: int  # taken
    chosen_step: int  # whose weights were the best of those that were looked at
    seconds: float  # that it took, from the first look to the last
    learnt_frames: int
    reporting_frames: int
    looks: tuple[Look, ...]  # the first one before learning


@dataclass(frozen=True)
class Adapted:
    """A renderer that knows an actor, or the shipped one where learning did not help."""

    renderer: Renderer
    record: AdaptationRecord


@dataclass(frozen=True)
class Lesson:
    """What is learnt from, and what judges it."""

    learnt: Sequence[Take]
    choosing: Sequence[Exam]  # judge the weights while they learn
    reporting: Sequence[Exam]  # say in the end what came of it


def adapt(
    renderer: Renderer,
    takes: Sequence[Take],
    config: AdaptationConfig,
    lpips: Lpips,
    progress: Callable[[int, int], None],
) -> Adapted:
    """Learn an actor from frames of a film; stretches of it are kept back to judge that.

    What is kept back is drawn from references that are learnt from, and teaches nothing itself.

    Args:
        renderer: the shipped one, on the device where it shall learn; it stays as it is.
        takes: of one actor.
        progress: told (steps taken, steps in all).

    Raises:
        BadInputError: TOO_SHORT where takes are too short to keep something of them back.
        DivergedError: where a loss is no longer finite.
    """
    lesson = plan_lesson(takes, config)
    return learn_actor(renderer, lesson, config, lpips, progress)


def plan_lesson(takes: Sequence[Take], config: AdaptationConfig) -> Lesson:
    """What is learnt from takes and what judges it.

    Raises:
        BadInputError: TOO_SHORT where takes are too short to keep something of them back.
    """
    parts = [part for part in hold_out_of_all(takes, config.held_out) if len(part.learnt)]
    pages = take_pages([part.learnt for part in parts])

    def exams(kept: Sequence[Take]) -> list[Exam]:
        places = spread_places([len(take) for take in kept], config.judged_frames)
        return [
            exam(
                take.choose(chosen),
                parts[number].learnt,
                pages[:number] + pages[number + 1 :],
                config.references,
            )
            for number, (take, chosen) in enumerate(zip(kept, places, strict=True))
            if len(chosen)
        ]

    lesson = Lesson(
        learnt=[part.learnt for part in parts if frames_in_a_row(part.learnt).size],
        choosing=exams([part.choosing for part in parts]),
        reporting=exams([part.reporting for part in parts]),
    )
    if not (lesson.learnt and lesson.choosing and lesson.reporting):
        raise BadInputError(
            "too short to learn an actor from:"
            f" {config.held_out.least_seconds:.0f} s of them are the least.",
            reason=Reason.TOO_SHORT,
        )
    return lesson


def learn_actor(
    renderer: Renderer,
    lesson: Lesson,
    config: AdaptationConfig,
    lpips: Lpips,
    progress: Callable[[int, int], None],
    looked: Callable[[Look, Renderer], None] = lambda look, renderer: None,
) -> Adapted:
    """Learn an actor; `adapt` where the caller has chosen who judges.

    The same lesson, configuration and number of steps give the same weights on a machine.

    Args:
        looked: told of every look with the renderer that it is of; its time does not count.

    Raises:
        DivergedError: where a loss is no longer finite.
    """
    device = next(renderer.parameters()).device
    watch = _Stopwatch()
    looks = [Look(0, 0.0, score(renderer, lesson.choosing, lpips))]
    with watch.stopped():
        looked(looks[0], renderer)
    state = TrainingState()

    def error(step: int, scores: Scores) -> float:
        return scores.error_beside(looks[0].scores) - config.forgiven * step / config.steps

    learner = _Learner(renderer, lesson, config, lpips, lambda scores: error(state.step, scores))

    def look(step: int, scores: Scores) -> None:
        looks.append(Look(step, watch.seconds(), scores))
        with watch.stopped():
            looked(looks[-1], learner.model)

    def judged(found: Validation) -> None:
        look(found.step, Scores(found.figures["psnr"], found.figures["lpips"]))

    def advanced(step: int) -> None:
        progress(step, config.steps)

    hooks = Hooks(progress=advanced, on_validation=judged)
    for _ in train(learner, _loop(config), state, device, hooks=hooks):
        if state.step >= config.steps or watch.seconds() > config.seconds:
            break
    if state.step > looks[-1].step:  # time ran out between two looks
        learner.model.load_state_dict(state.average)
        look(state.step, score(learner.model, lesson.choosing, lpips))
        if error(state.step, looks[-1].scores) < state.best_score:
            state.best = state.average
    learner.model.load_state_dict(state.best)
    learner.model.eval()
    before, after = (score(model, lesson.reporting, lpips) for model in (renderer, learner.model))
    record = AdaptationRecord(
        before=before,
        after=after,
        helped=after.error_beside(before) < 1,
        steps=state.step,
        chosen_step=min(looks[1:], key=lambda each: error(each.step, each.scores)).step,
        seconds=watch.seconds(),
        learnt_frames=sum(len(take) for take in lesson.learnt),
        reporting_frames=sum(len(each.crops.points) for each in lesson.reporting),
        looks=tuple(looks),
    )
    return Adapted(learner.model if record.helped else renderer, record)


class _Learner:
    """The actor as the training loop sees it: an `Objective`."""

    def __init__(
        self,
        renderer: Renderer,
        lesson: Lesson,
        config: AdaptationConfig,
        lpips: Lpips,
        error: Callable[[Scores], float],
    ) -> None:
        self.model = copy.deepcopy(renderer)
        self._batches = AdaptationBatches(lesson.learnt, config.batches, renderer.config.size)
        self._choosing = lesson.choosing
        self._losses = config.losses
        self._lpips = lpips
        self._error = error
        self._device = next(renderer.parameters()).device

    def batch(self, random: np.random.Generator, step: int) -> AppearanceBatch:
        """The examples of one step."""
        return self._batches.batch(random, step).to(self._device)

    def losses(self, batch: AppearanceBatch, noise: torch.Generator) -> dict[str, Tensor]:
        """The losses of one step; nothing in it is random.

        The actor is learnt as they will be drawn: references are taken as decisively.
        """
        self.model.eval()
        people = self.model.encode_references(batch.references).repeat(RUN)
        return pixel_losses(self.model(batch.target, people), batch.target, self._losses)

    def validate(self) -> dict[str, float]:
        """How the weights do on the frames that choose; the first figure is the error."""
        scores = score(self.model, self._choosing, self._lpips)
        return {"error": self._error(scores), "psnr": scores.psnr, "lpips": scores.lpips}


def _loop(config: AdaptationConfig) -> LoopConfig:
    """The loop's settings. Where time or patience end it early, averaging does what a lower rate
    would have done."""
    return LoopConfig(
        config.steps,
        learning_rate=config.learning_rate,
        warmup=_WARMUP_STEPS / config.steps,
        weight_decay=0.0,
        average_decay=config.average_decay,
        validate_every=config.look_every,
        patience=config.patience,
        checkpoint_seconds=0.0,  # time is looked at as often as the loop can be left
        half_precision_on=("cuda", "cpu"),
        seed=config.seed,
    )


class _Stopwatch:
    """Counts seconds from the start on but for what it is stopped for."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def seconds(self) -> float:
        return time.monotonic() - self._began

    @contextmanager
    def stopped(self) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._began += time.monotonic() - began
