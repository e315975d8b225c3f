"""Judging the averaged weights on held-out clips, and keeping them where they are the best."""

from collections.abc import Callable, Mapping

from torch import Tensor

from mytalk_core.training.objective import Objective
from mytalk_core.training.state import TrainingState, Validation


def validate(
    objective: Objective,
    average: Mapping[str, Tensor],
    state: TrainingState,
    losses: Mapping[str, float],
    learning_rate: float,
    judged: Callable[[Validation], None],
) -> None:
    """Judge the averaged weights and note it in the state; the model goes on as it was.

    Args:
        losses: means since the last validation.
        learning_rate: of the last step.
        judged: told of what was found while the model still holds the averaged weights.
    """
    model = objective.model
    current = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(average)
    model.eval()
    figures = objective.validate()
    judged(Validation(state.step, losses, figures, learning_rate, state.rates[-1]))
    model.train()
    model.load_state_dict(current)
    score = next(iter(figures.values()))
    state.history.append({"step": state.step, **losses, **figures})
    state.since_best += 1
    if score < state.best_score:
        state.best_score, state.since_best = score, 0
        state.best = {name: value.detach().cpu().clone() for name, value in average.items()}
