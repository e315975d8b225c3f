"""Validation of the averaged weights on held-out clips."""

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
    on_validation: Callable[[Validation], None],
) -> None:
    """Validate the averaged weights, record the result in the state and keep the best weights.

    The model's own weights are restored afterwards.

    Args:
        losses: means since the last validation.
        learning_rate: of the last step.
        on_validation: called while the model still holds the averaged weights.
    """
    model = objective.model
    current = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(average)
    model.eval()
    figures = objective.validate()
    on_validation(Validation(state.step, losses, figures, learning_rate, state.rates[-1]))
    model.train()
    model.load_state_dict(current)
    score = next(iter(figures.values()))
    state.history.append({"step": state.step, **losses, **figures})
    state.since_best += 1
    if score < state.best_score:
        state.best_score, state.since_best = score, 0
        state.best = {name: value.detach().cpu().clone() for name, value in average.items()}
