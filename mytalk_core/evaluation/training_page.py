"""The page beside trained weights: curves, configuration, and figures on held-out speakers."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mytalk_core.data.page import page_template
from mytalk_core.evaluation.curves import best_figure, training_curves
from mytalk_core.evaluation.sections import Section
from mytalk_core.media.output import atomic_path


@dataclass(frozen=True)
class TrainingPage:
    """All that the page says."""

    title: str
    facts: Mapping[str, str]  # what one wants to know first, by name
    history: Sequence[Mapping[str, float]]  # one entry per validation, as `training_curves` has it
    configuration: Mapping[str, Mapping[str, str]]  # settings by what they belong to
    best_score: float  # of the validation that chose the weights, as validation gives it
    held_out: Section


def settings(config: Any) -> dict[str, str]:
    """The fields of a configuration (a dataclass) as text; those of nested ones with a dot."""
    return {name: str(value) for name, value in _flat(asdict(config), "").items()}


def _flat(fields: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        flat |= (
            _flat(value, f"{prefix}{name}.")
            if isinstance(value, Mapping)
            else {prefix + name: value}
        )
    return flat


def write_training_page(path: Path, page: TrainingPage) -> None:
    """Write the page as one HTML file that needs nothing but itself, complete or not at all.

    Raises:
        OutputError: where the folder cannot be written or the disk is full.
    """
    template = page_template("mytalk_core.evaluation", "training_page.html.j2")
    what, value = best_figure(page.history, page.best_score)
    html = template.render(
        page=page,
        facts={**page.facts, f"best {what}": value},
        curves=training_curves(page.history),
    )
    with atomic_path(path) as temporary:
        temporary.write_text(html, encoding="utf-8")
