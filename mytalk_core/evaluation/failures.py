"""The worst cases of a method, each with its scores and a picture."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mytalk_core.evaluation.cases import DubCase
from mytalk_core.evaluation.closure import lip_range
from mytalk_core.evaluation.figures import svg_uri
from mytalk_core.evaluation.motion_methods import OURS, RIDGE, TRUTH, Method
from mytalk_core.evaluation.shown_case import ShownCase
from mytalk_core.evaluation.tables import MetricTable
from mytalk_core.faces.alignment import Points
from mytalk_core.faces.shape import signed_opening
from mytalk_core.media.clock import MOTION_FPS
from mytalk_core.speech.phones import BILABIALS

_CASES_PER_METRIC = 2
# Frames of a case whose lips are drawn, and the least distance between two of them.
_DRAWN_FRAMES = 6
_APART = 5  # frames
FAILURES_NOTE = (
    "The worst cases by each measure. Above: mouth opening over time, M, B and P shaded; triangles"
    " mark the frames whose lips are drawn below, with the mean distance from the truth."
)
"""Explains the pictures."""

_COLOURS = {TRUTH: "black", OURS: "#d0482b", RIDGE: "#3b7dd8"}

Badness = Callable[[Sequence[float]], float]
"""Maps the values of a metric on one clip to a badness; 0 is no fault."""

_WAYS: Mapping[str, tuple[str, Badness, Callable[[Sequence[float]], str]]] = {
    "lmd": ("LMD", lambda values: values[0], lambda values: f"{values[0]:.4f}"),
    "aperture_r": ("aperture r", lambda values: 1 - values[0], lambda values: f"{values[0]:.2f}"),
    "closure": (
        "M, B, P not closed",
        lambda values: values.count(0),
        lambda values: f"{values.count(0)} of {len(values)}",
    ),
    "lse_abs_offset": (
        "sync offset",
        lambda values: values[0],
        lambda values: f"{values[0]:.0f} frames",
    ),
}


def worst_cases(
    table: MetricTable, cases: Sequence[DubCase], methods: Mapping[str, Method]
) -> tuple[ShownCase, ...]:
    """Return the two cases on which ours is worst by each of distance, correlation, closure, sync.

    Args:
        table: the measurements of `cases`.
        methods: of these, ours, the truth and ridge (if present) are drawn.
    """
    faults = _faults(table)
    chosen = {case.target.key: case for case in cases if case.target.key in faults}
    drawn = {name: methods[name] for name in _COLOURS if name in methods}
    return tuple(
        ShownCase(
            speaker=chosen[key].source.speaker,
            source=chosen[key].source.key,
            target=key,
            what=_what(chosen[key]),
            faults=tuple(found),
            picture=_picture(chosen[key], drawn),
        )
        for key, found in faults.items()
    )


def _what(case: DubCase) -> str:
    lips = "" if case.source.key == case.target.key else f" on the lips of {case.source.key}"
    return f"speech of {case.target.key}{lips}"


def _faults(table: MetricTable) -> dict[str, list[str]]:
    """Describe the faults of the worst clips, by clip key in the order of the metrics."""
    faults: dict[str, list[str]] = defaultdict(list)
    for metric, (title, badness, text) in _WAYS.items():
        by_clip: dict[str, list[float]] = defaultdict(list)
        for each in table.measurements:
            if (each.method, each.metric) == (OURS, metric) and not np.isnan(each.value):
                by_clip[each.clip].append(each.value)
        worst = sorted(by_clip, key=lambda clip: (-badness(by_clip[clip]), clip))
        for clip in worst[:_CASES_PER_METRIC]:
            if badness(by_clip[clip]) == 0:
                break
            faults[clip].append(f"{title} {text(by_clip[clip])}")
    return faults


def _picture(case: DubCase, methods: Mapping[str, Method]) -> str:
    """Draw openings over time above, and the lips at the frames of the greatest error below."""
    lips = {
        name: method(case)[:, : len(case.source.scheme.lips)] for name, method in methods.items()
    }
    error = np.linalg.norm((lips[OURS] - lips[TRUTH])[..., :2], axis=-1).mean(axis=1)
    frames = _worst_frames(error)
    with matplotlib.rc_context({"font.size": 9}):
        figure = Figure(figsize=(9.0, 4.6), layout="constrained")
        grid = figure.add_gridspec(2, len(frames), height_ratios=(1.7, 1))
        _draw_openings(figure.add_subplot(grid[0, :]), case, lips, frames)
        for column, frame in enumerate(frames):
            axes = figure.add_subplot(grid[1, column])
            _draw_lips(axes, case, {name: some[frame] for name, some in lips.items()})
            axes.set_title(f"{frame / float(MOTION_FPS):.2f} s, {error[frame]:.3f}", fontsize=9)
        return svg_uri(figure)


def _worst_frames(error: NDArray[np.floating]) -> list[int]:
    """Return the frames of the greatest errors, at least _APART apart, in order of time."""
    found: list[int] = []
    for frame in np.argsort(-error, kind="stable").tolist():
        if all(abs(frame - other) >= _APART for other in found):
            found.append(frame)
    return sorted(found[:_DRAWN_FRAMES])


def _draw_openings(
    axes: Axes, case: DubCase, lips: Mapping[str, Points], frames: Sequence[int]
) -> None:
    fps = float(MOTION_FPS)
    times = np.arange(case.frames) / fps
    for name, some in lips.items():
        opening = signed_opening(some, case.source.scheme)
        axes.plot(times, opening, color=_COLOURS[name], label=name)
    source = case.source
    closed = lip_range(source.shape, source.closed, source.scheme).closed_below
    axes.axhline(closed, color="grey", linewidth=0.8, linestyle=":", label="closed below")
    for phone in case.target.phones:
        if phone.name in BILABIALS:
            start, end = float(phone.start), float(phone.end)
            axes.axvspan(start, end, color="gold", alpha=0.4, linewidth=0)
            axes.annotate(
                phone.name,
                ((start + end) / 2, 1.01),
                xycoords=("data", "axes fraction"),
                ha="center",
            )
    axes.plot(
        [frame / fps for frame in frames],
        np.zeros(len(frames)),
        marker="^",
        linestyle="",
        color="grey",
        transform=axes.get_xaxis_transform(),
        clip_on=False,
    )
    axes.set_xlim(0, times[-1])
    axes.set_xlabel("seconds")
    axes.set_ylabel("opening, inter-ocular")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, ncols=4, loc="upper right")


def _draw_lips(axes: Axes, case: DubCase, lips: Mapping[str, Points]) -> None:
    outer = len(case.source.scheme.outer_lips)
    for name, points in lips.items():
        for contour in (points[:outer], points[outer:]):
            closed = np.concatenate([contour, contour[:1]])
            axes.plot(closed[:, 0], -closed[:, 1], color=_COLOURS[name], linewidth=1)
    axes.set_aspect("equal")
    axes.set_axis_off()
