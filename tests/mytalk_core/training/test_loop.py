"""The loop: learning rate, exact resumption, validation, early stopping."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from mytalk_core.data.clip_buffer import BufferConfig, ClipBuffer
from mytalk_core.data.clip_index import ClipIndex, clip_index
from mytalk_core.training.loop import (
    DivergedError,
    Hooks,
    LoopConfig,
    Replica,
    learning_rate,
    train,
)
from mytalk_core.training.state import TrainingState, Validation
from tests.synthetic_face import write_curated

CPU = torch.device("cpu")
CONFIG = LoopConfig(steps=60, learning_rate=0.01, validate_every=15, checkpoint_seconds=0.0)


class Regression:
    """A small network with dropout that learns a noisy linear function."""

    def __init__(self, scores: list[float] | None = None) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 1))
        self._scores = iter(scores or [])
        self.validated: list[dict[str, Tensor]] = []
        self.was_training: list[bool] = []

    def batch(self, random: np.random.Generator, step: int) -> Tensor:
        return torch.from_numpy(random.normal(size=(8, 3)).astype(np.float32))

    def losses(self, batch: Tensor, noise: torch.Generator) -> dict[str, Tensor]:
        truth = batch.sum(dim=1, keepdim=True) + torch.randn(8, 1, generator=noise)
        return {"square": (self.model(batch) - truth).square().mean()}

    def validate(self) -> dict[str, float]:
        self.was_training.append(self.model.training)
        self.validated.append(copy.deepcopy(self.model.state_dict()))
        probe = torch.eye(3)
        error = float((self.model(probe) - 1).square().mean().detach())
        return {"error": next(self._scores, error), "second": 7.0}


def states(
    objective: Regression, config: LoopConfig, state: TrainingState | None = None
) -> list[TrainingState]:
    """Return copies of all states that training yields, as checkpoints would hold them."""
    run = train(objective, config, state or TrainingState(), CPU)
    return [copy.deepcopy(saved) for saved in run]


def test_the_learning_rate_warms_up_then_decays_to_one_percent() -> None:
    config = LoopConfig(steps=100, learning_rate=1.0, warmup=0.1)
    rates = [learning_rate(step, config) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[10] == pytest.approx(1)
    assert rates[55] == pytest.approx(0.01 + 0.99 / 2)
    assert rates[-1] == pytest.approx(0.01, abs=1e-3)


@given(st.integers(1, 500), st.floats(0, 0.9), st.floats(1e-6, 1))
def test_the_learning_rate_stays_in_range_with_one_peak(
    steps: int, warmup: float, peak: float
) -> None:
    config = LoopConfig(steps=steps, learning_rate=peak, warmup=warmup)
    rates = [learning_rate(step, config) for step in range(steps)]
    assert all(0 < rate <= peak * (1 + 1e-9) for rate in rates)
    top = int(np.argmax(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)


def test_training_reduces_the_error() -> None:
    objective = Regression()
    (*_, last) = states(objective, replace(CONFIG, steps=300))
    errors = [entry["error"] for entry in last.history]
    assert errors[-1] < errors[0] / 3
    assert [entry["step"] for entry in last.history] == list(range(15, 301, 15))
    assert all(np.isfinite(entry["square"]) for entry in last.history)


class FromClips(Regression):
    """The same on clips drawn through a buffer smaller than the data set."""

    def __init__(self, index: ClipIndex, draws: int = 0) -> None:
        super().__init__()
        config = BufferConfig(capacity=5, draws_per_clip=3, threads=2)
        self.clips = ClipBuffer(index, lambda members: members["json"], config, draws=draws)
        self.batches: list[list[bytes]] = []

    def batch(self, random: np.random.Generator, step: int) -> Tensor:
        self.batches.append([self.clips.draw(random) for _ in range(8)])
        values = [[len(clip), clip[0], clip[-1]] for clip in self.batches[-1]]
        return torch.tensor(values, dtype=torch.float32) / 100

    def run(self, state: TrainingState) -> list[TrainingState]:
        run = train(self, CONFIG, state, CPU, hooks=Hooks(draws=lambda: self.clips.draws))
        return [copy.deepcopy(saved) for saved in run]


@pytest.mark.parametrize("kept", [0, 1])
def test_a_resumed_run_takes_the_same_batches(kept: int, tmp_path: Path) -> None:
    """The data set is larger than the buffer, and batches are loaded ahead of their steps."""
    write_curated(tmp_path, {"train": ["ann", "bo", "cy"]}, clips=4)
    index = clip_index(tmp_path, "train")
    straight = FromClips(index)
    unbroken = straight.run(TrainingState())
    checkpoint = copy.deepcopy(unbroken[kept])
    assert checkpoint.draws == 8 * checkpoint.step
    step = checkpoint.step
    resumed = FromClips(index, checkpoint.draws)
    ended = resumed.run(checkpoint)[-1]
    assert resumed.batches == straight.batches[step:]
    assert ended.history == unbroken[-1].history  # losses are means over both processes
    assert all(torch.equal(ended.weights[n], w) for n, w in unbroken[-1].weights.items())


@pytest.mark.parametrize("kept", [0, 1])
def test_a_resumed_run_ends_with_the_same_weights(kept: int) -> None:
    """Bit for bit, dropout included, from either checkpoint."""
    unbroken = states(Regression(), CONFIG)
    assert [state.step for state in unbroken] == [20, 40, 60]
    torch.rand(123)  # a new process has another random state
    resumed = states(Regression(), CONFIG, copy.deepcopy(unbroken[kept]))
    for part in ("weights", "average", "best"):
        one, other = getattr(unbroken[-1], part), getattr(resumed[-1], part)
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one), part
    assert resumed[-1].best_score == unbroken[-1].best_score


def test_the_result_does_not_depend_on_the_global_generator() -> None:
    one = states(Regression(), CONFIG)[-1]
    objective = Regression()
    torch.manual_seed(99)
    other = states(objective, CONFIG)[-1]
    assert all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)


def test_another_seed_gives_other_weights() -> None:
    one = states(Regression(), CONFIG)[-1]
    other = states(Regression(), replace(CONFIG, seed=1))[-1]
    assert not torch.equal(one.weights["0.weight"], other.weights["0.weight"])


def test_the_weights_of_the_best_validation_are_kept() -> None:
    objective = Regression(scores=[3.0, 1.0, 2.0, 4.0])
    last = states(objective, CONFIG)[-1]
    assert last.best_score == 1.0
    assert all(torch.equal(last.best[name], objective.validated[1][name]) for name in last.best)
    assert [entry["error"] for entry in last.history] == [3.0, 1.0, 2.0, 4.0]


STOPS = replace(CONFIG, steps=300, patience=2)
SCORES = [3.0, 1.0, 2.0, 4.0, 0.5]  # at step 60 the second in a row without improvement


def test_a_run_without_improvement_stops_early_with_its_best_weights() -> None:
    objective = Regression(SCORES)
    last = states(objective, STOPS)[-1]
    assert (last.step, last.stopped, last.best_score) == (60, True, 1.0)
    assert [entry["error"] for entry in last.history] == SCORES[:4]
    assert all(torch.equal(last.best[name], objective.validated[1][name]) for name in last.best)


def test_a_stopped_run_takes_no_further_step() -> None:
    stopped = states(Regression(SCORES), STOPS)[-1]
    steps: list[int] = []
    again = train(Regression(), STOPS, stopped, CPU, hooks=Hooks(progress=steps.append))
    assert list(again) == [] and steps == []


def test_a_resumed_run_keeps_its_count_of_patience() -> None:
    before, *_ = states(Regression(SCORES), STOPS)  # one validation, at step 15
    assert before.step == 20
    resumed = states(Regression(SCORES[1:]), STOPS, before)[-1]
    assert (resumed.step, resumed.stopped) == (60, True)


def test_an_improvement_resets_the_patience() -> None:
    (*_, last) = states(Regression([3.0, 4.0, 2.0, 4.0]), replace(CONFIG, patience=2))
    assert (last.step, last.stopped) == (60, False)


def test_the_validation_hook_runs_while_the_model_holds_the_validated_weights() -> None:
    objective = Regression()
    found: list[Validation] = []
    weights: list[Tensor] = []

    def record(validation: Validation) -> None:
        found.append(validation)
        weights.append(objective.model.state_dict()["0.weight"].clone())

    hooks = Hooks(on_validation=record)
    (*_, last) = train(objective, CONFIG, TrainingState(), CPU, hooks=hooks)
    assert [{"step": v.step, **v.losses, **v.figures} for v in found] == last.history
    assert [v.learning_rate for v in found] == [learning_rate(v.step - 1, CONFIG) for v in found]
    assert [v.steps_per_second for v in found] == last.rates and min(last.rates) > 0
    assert all(
        torch.equal(w, j["0.weight"]) for w, j in zip(weights, objective.validated, strict=True)
    )
    assert last.seconds > 0


def test_averaged_weights_are_validated_without_dropout_and_training_continues() -> None:
    objective = Regression()
    last = states(objective, CONFIG)[-1]
    assert objective.was_training == [False] * 4
    assert objective.model.training
    assert torch.equal(objective.validated[-1]["0.weight"], last.average["0.weight"])
    assert not torch.equal(last.weights["0.weight"], last.average["0.weight"])
    assert torch.equal(last.weights["0.weight"], objective.model.state_dict()["0.weight"])


def test_only_the_first_process_validates() -> None:
    objective, config = Regression(), replace(CONFIG, checkpoint_seconds=1e9)
    (last,) = train(objective, config, TrainingState(), CPU, Replica(rank=1))
    assert objective.validated == []
    assert last.history == []


def test_progress_is_reported_after_every_step_and_the_end_is_always_saved() -> None:
    steps: list[int] = []
    config = replace(CONFIG, steps=7, checkpoint_seconds=1e9)
    hooks = Hooks(progress=steps.append)
    saved = list(train(Regression(), config, TrainingState(), CPU, hooks=hooks))
    assert steps == list(range(1, 8))
    assert [state.step for state in saved] == [7]


def test_a_diverged_run_saves_nothing() -> None:
    class Diverging(Regression):
        def losses(self, batch: Tensor, noise: torch.Generator) -> dict[str, Tensor]:
            square = super().losses(batch, noise)["square"]
            return {"square": square * self.model[0].bias[0].new_tensor(float("nan"))}

    objective = Diverging()
    with pytest.raises(DivergedError, match="'square' became nan before step 15"):
        states(objective, CONFIG)
    assert objective.validated == []


def test_the_gradient_is_clipped_before_the_step() -> None:
    """A loss scaled by a million moves weights no farther."""

    class Steep(Regression):
        def losses(self, batch: Tensor, noise: torch.Generator) -> dict[str, Tensor]:
            return {"square": 1e6 * super().losses(batch, noise)["square"]}

    objective = Steep()
    states(objective, replace(CONFIG, steps=5))
    assert all(torch.isfinite(weight).all() for weight in objective.model.parameters())
    gradients = [weight.grad for weight in objective.model.parameters() if weight.grad is not None]
    norms = [gradient.norm() for gradient in gradients]
    assert torch.stack(norms).norm().item() == pytest.approx(1, abs=1e-3)
