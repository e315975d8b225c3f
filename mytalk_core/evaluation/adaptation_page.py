"""The report of an adapted renderer: its gain per minute, and a strip of mouths."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mytalk_core.appearance.adaptation import AdaptationRecord, ValidationPoint
from mytalk_core.appearance.adaptation_scores import EvaluationSet, dubbed
from mytalk_core.appearance.face_crops import window_slices
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.data.page import page_template
from mytalk_core.evaluation.figures import jpeg_uri, svg_uri
from mytalk_core.media.output import atomic_path

_SHOWN = 8  # frames in a strip


@dataclass(frozen=True)
class AdaptationPage:
    """The contents of the page."""

    films: Sequence[str]  # names of the files
    weights: str  # name of the file that was written
    shipped: str  # name of the file of the initial weights
    record: AdaptationRecord
    strip: NDArray[np.uint8]  # (3 S, N S, 3) RGB: truth, shipped, adapted, as `mouth_strip` gives
    settings: dict[str, str]  # of the adaptation, by name


def mouth_strip(
    sets: Sequence[EvaluationSet], shipped: Renderer, adapted: Renderer
) -> NDArray[np.uint8]:
    """Arrange evenly chosen held-out windows: true in the first row, then one row per renderer."""
    rows, columns = window_slices(sets[0].crops.pictures.shape[1])
    true = [each.crops for each in sets]
    drawn = ([dubbed(each, model) for each in sets] for model in (shipped, adapted))
    pictures = [
        np.concatenate([each.pictures[:, rows, columns] for each in row]) for row in (true, *drawn)
    ]
    chosen = np.linspace(0, len(pictures[0]) - 1, min(_SHOWN, len(pictures[0]))).round().astype(int)
    strip = np.concatenate([np.concatenate(list(row[chosen]), axis=1) for row in pictures])
    return strip.round().clip(0, 255).astype(np.uint8)


def write_adaptation_page(path: Path, page: AdaptationPage) -> None:
    """Write the page atomically, as one self-contained HTML file.

    Raises:
        OutputError: where the folder cannot be written or the disk is full.
    """
    record = page.record
    html = page_template("mytalk_core.evaluation", "adaptation_page.html.j2").render(
        page=page,
        record=record,
        minutes=record.seconds / 60,
        gain=record.after.psnr - record.before.psnr,
        curves=[
            (title, svg_uri(gain_figure(record.looks, name, record.chosen_step)))
            for name, title in (
                ("psnr", "mouth PSNR in dB (more is better)"),
                ("lpips", "mouth LPIPS (less is better)"),
            )
        ],
        strip=jpeg_uri(page.strip),
    )
    with atomic_path(path) as temporary:
        temporary.write_text(html, encoding="utf-8")


def gain_figure(points: Sequence[ValidationPoint], name: str, chosen_step: int) -> Figure:
    """Plot a score on the validation frames over minutes; the chosen checkpoint is marked.

    Args:
        name: a field of `Scores`.
    """
    figure = Figure(figsize=(6.4, 3.2), layout="constrained")
    axes = figure.add_subplot()
    minutes = [point.seconds / 60 for point in points]
    values = [getattr(point.scores, name) for point in points]
    axes.plot(minutes, values, marker=".")
    chosen = next(number for number, point in enumerate(points) if point.step == chosen_step)
    axes.plot(minutes[chosen], values[chosen], marker="o", fillstyle="none", markersize=12)
    axes.set_xlabel("minutes of training")
    axes.grid(alpha=0.3)
    return figure
