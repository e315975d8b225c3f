"""The report of a training run, as HTML and Markdown: curves, samples, tables, settings."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from mytalk_core.data.page import page_template
from mytalk_core.evaluation.curves import best_figure, training_curves
from mytalk_core.evaluation.figures import png, png_uri, svg_uri
from mytalk_core.evaluation.sections import Section
from mytalk_core.media.output import atomic_path, make_folder


@dataclass(frozen=True)
class TrainingPage:
    """The contents of the report."""

    title: str
    facts: Mapping[str, str]  # the summary at the top, by name
    history: Sequence[Mapping[str, float]]  # one entry per validation, as `training_curves` has it
    configuration: Mapping[str, Mapping[str, str]]  # settings by group
    best_score: float  # of the validation that chose the weights
    held_out: Section
    samples: Mapping[str, Figure]  # held-out clips, by caption
    notes: Sequence[str] = ()  # remarks on the data


def settings(config: Any) -> dict[str, str]:
    """Return the fields of a configuration dataclass as text; nested names are joined by dots."""
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
    """Write the report atomically, as one self-contained HTML file.

    Raises:
        OutputError: where the folder cannot be written or the disk is full.
    """
    template = page_template("mytalk_core.evaluation", "training_page.html.j2")
    curves = [(curve.title, svg_uri(curve.figure)) for curve in training_curves(page.history)]
    samples = [(title, png_uri(png(figure))) for title, figure in page.samples.items()]
    html = template.render(page=page, facts=_facts(page), curves=curves, samples=samples)
    with atomic_path(path) as temporary:
        temporary.write_text(html, encoding="utf-8")


def write_training_text(path: Path, page: TrainingPage) -> None:
    """Write the report as Markdown; its pictures go into a folder beside it, named like the file.

    Raises:
        OutputError: where the folder cannot be written or the disk is full.
    """
    folder = path.with_suffix("")
    make_folder(folder)

    def picture(name: str, title: str, figure: Figure) -> tuple[str, str]:
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes(png(figure))
        return title, f"{folder.name}/{name}"

    curves = training_curves(page.history)
    template = page_template("mytalk_core.evaluation", "training_page.md.j2", escape=False)
    text = template.render(
        page=page,
        facts=_facts(page),
        curves=[
            picture(f"curve_{number}.png", curve.title, curve.figure)
            for number, curve in enumerate(curves, start=1)
        ],
        samples=[
            picture(f"sample_{number}.png", title, figure)
            for number, (title, figure) in enumerate(page.samples.items(), start=1)
        ],
    )
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _facts(page: TrainingPage) -> dict[str, str]:
    what, value = best_figure(page.history, page.best_score)
    return {**page.facts, f"best {what}": value}
