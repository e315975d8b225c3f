"""Curves of a training run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure


@dataclass(frozen=True)
class HeldOutFigure:
    """How a validation figure is shown."""

    title: str
    sign: int = 1  # -1 where validation negates it so that less is better


HELD_OUT = {
    "judged_by": HeldOutFigure("cross-LMD x (2 - cross aperture r), held out (less is better)"),
    "cross_lmd": HeldOutFigure("cross-LMD, held out (less is better)"),
    "cross_r": HeldOutFigure("cross aperture correlation, held out (more is better)"),
    "lmd": HeldOutFigure("lip distance by own speech, held out (less is better)"),
    "aperture_r": HeldOutFigure("aperture correlation by own speech, held out (more is better)"),
    "negative_mouth_psnr": HeldOutFigure("mouth PSNR in dB, held out (more is better)", -1),
}
"""Validation figures by name; all other names of a history except `step` are losses."""


@dataclass(frozen=True)
class Curve:
    """A figure with its title."""

    title: str
    figure: Figure


def training_curves(history: Sequence[Mapping[str, float]]) -> list[Curve]:
    """Plot the losses in one figure, then every held-out figure in its own.

    Args:
        history: one entry per validation, at least one: `step`, the losses, the held-out figures.
    """
    names = [name for name in history[-1] if name != "step"]
    losses = {name: _points(history, name) for name in names if name not in HELD_OUT}
    curves = [Curve("losses, mean since the last point", _picture(losses, logarithmic=True))]
    for name in names:
        if name in HELD_OUT:
            figure = HELD_OUT[name]
            points = [(step, figure.sign * value) for step, value in _points(history, name)]
            curves.append(Curve(figure.title, _picture({name: points}, logarithmic=False)))
    return curves


def best_figure(history: Sequence[Mapping[str, float]], score: float) -> tuple[str, str]:
    """Return the title of the figure that chooses the weights, and `score` as shown.

    It is the first held-out figure of a history.
    """
    name = next(name for name in history[-1] if name in HELD_OUT)
    return HELD_OUT[name].title, f"{HELD_OUT[name].sign * score:.4f}"


def _points(history: Sequence[Mapping[str, float]], name: str) -> list[tuple[float, float]]:
    return [(entry["step"], entry[name]) for entry in history if name in entry]


def _picture(series: Mapping[str, Sequence[tuple[float, float]]], logarithmic: bool) -> Figure:
    figure = Figure(figsize=(6.4, 3.2), layout="constrained")
    axes = figure.add_subplot()
    for name, points in series.items():
        steps, values = zip(*points, strict=True)
        axes.plot(steps, values, marker=".", label=name)
    axes.set_xlabel("step")
    axes.grid(alpha=0.3)
    if logarithmic:
        axes.set_yscale("log")
    if len(series) > 1:
        axes.legend(frameon=False)
    return figure
