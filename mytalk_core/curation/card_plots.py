"""Charts of the dataset card as SVG, legible on light and dark pages."""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from mytalk_core.curation.distributions import Histogram
from mytalk_core.curation.filters import Filter
from mytalk_core.curation.funnel import Amount, Funnel, SpeakerLine

_INK = "#7d828e"  # equal contrast to white and to black
_KEPT, _GIVEN, _LIMIT = "#2f8f83", "#9aa0ab66", "#d2603a"
_SPLIT_COLOURS = {"train": "#2f8f83", "val": "#c99a2e", "test": "#6a7fc1"}
_MOST_BARS = 40
_STYLE: Any = {
    "svg.hashsalt": "mytalk",  # fixed ids, so that equal charts are equal bytes
    "svg.fonttype": "none",
    "text.parse_math": False,  # names of speakers may contain dollar signs
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def format_duration(amount: Amount) -> str:
    """Format a duration: `1,234 h`, `3 h 20 min`, `4 min 30 s` or `12 s`."""
    seconds = round(amount.milliseconds / 1000)
    if seconds >= 100 * 3600:
        return f"{round(seconds / 3600):,} h"
    if seconds >= 3600:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    if seconds >= 60:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds} s"


class Picture:
    """The axes of a chart while it is drawn, and its SVG afterwards."""

    def __init__(self) -> None:
        self.axes: Axes
        self.svg = b""


@contextmanager
def _picture(width: float, height: float) -> Iterator[Picture]:
    picture = Picture()
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # Names are stored as text and drawn with the viewer's fonts.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(width, height), layout="constrained", facecolor="none")
        picture.axes = figure.add_subplot(facecolor="none")
        yield picture
        buffer = io.BytesIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing)
    picture.svg = buffer.getvalue()


def _unit(milliseconds: int) -> tuple[float, str]:
    """Choose a unit of time for an amount: (milliseconds of the unit, its name)."""
    if milliseconds >= 2 * 3_600_000:
        return 3_600_000, "hours"
    return (60_000, "minutes") if milliseconds >= 120_000 else (1000, "seconds")


def funnel_chart(funnel: Funnel) -> bytes:
    """Bar chart of the footage left after each step, and of the footage it removes."""
    steps: list[tuple[str, Amount, Amount | None]] = [("all inputs", funnel.input, None)]
    steps += [
        (line.rule or f"not {line.reason.replace('_', ' ')} before", line.left, line.first)
        for line in funnel.lines
    ]
    unit, name = _unit(funnel.input.milliseconds)
    whole = max(funnel.input.milliseconds / unit, 1e-9)
    with _picture(8.6, 0.5 + 0.34 * len(steps)) as picture:
        axes = picture.axes
        for row, (_, left, first) in enumerate(steps):
            length = left.milliseconds / unit
            axes.barh(row, length, height=0.66, color=_KEPT)
            label = f"{format_duration(left)} · {left.count:,} clips"
            if first is not None and first.count:
                axes.barh(row, first.milliseconds / unit, left=length, height=0.66, color=_LIMIT)
                label += f" (-{first.count:,})"
            end = length + (first.milliseconds / unit if first else 0)
            axes.annotate(label, (end, row), (5, 0), textcoords="offset points", va="center")
        axes.set_yticks(range(len(steps)), [step[0] for step in steps])
        axes.set_xlim(0, 1.6 * whole)  # room for the labels
        axes.invert_yaxis()
        axes.set_xticks([tick for tick in axes.get_xticks() if tick <= whole])
        axes.set_xlabel(name, loc="left")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
    return picture.svg


def distribution_chart(histogram: Histogram, limit: Filter | None) -> bytes:
    """Histogram of a measurement, of all and of kept clips, with the filter's limit."""
    measurement = histogram.measurement
    edges, last = measurement.edges, measurement.bins
    width = edges[1] - edges[0]
    with _picture(3.7, 2.2) as picture:
        axes = picture.axes
        for counts, colour in ((histogram.given, _GIVEN), (histogram.kept, _KEPT)):
            # The outermost bars include the values beyond them.
            inside = counts[1 : last + 1].copy()
            inside[0] += counts[0]
            inside[-1] += counts[last + 1]
            axes.bar(edges[:-1], inside, width, align="edge", color=colour)
        for value in _limits(limit, float(edges[0])):
            axes.axvline(value, color=_LIMIT, linestyle="--", linewidth=1.4)
        axes.set_xlim(edges[0], edges[-1])
        axes.set_xlabel(measurement.title)
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.xaxis.set_major_locator(MaxNLocator(6))
    return picture.svg


def _limits(limit: Filter | None, low: float) -> list[float]:
    if limit is None:
        return []
    if limit.minimum is not None:
        return [limit.minimum]
    maximum = float(limit.maximum or 0)
    return [-maximum, maximum] if low < 0 else [maximum]


def speaker_chart(speakers: Sequence[SpeakerLine]) -> bytes:
    """Kept footage of each speaker, largest first; a curve above `_MOST_BARS` speakers."""
    ordered = sorted(speakers, key=lambda line: (-line.kept.milliseconds, line.speaker))
    unit, name = _unit(max((line.kept.milliseconds for line in ordered), default=0))
    amounts = np.array([line.kept.milliseconds / unit for line in ordered])
    with _picture(8.6, 2.6) as picture:
        axes = picture.axes
        if len(ordered) <= _MOST_BARS:
            colours = [_SPLIT_COLOURS[line.split] for line in ordered]
            axes.bar(range(len(ordered)), amounts, color=colours, width=0.8)
            names = [_short(line.speaker or "unknown") for line in ordered]
            axes.set_xticks(
                range(len(ordered)), names, rotation=45, ha="right", rotation_mode="anchor"
            )
            _colour_key(axes)
        else:
            axes.fill_between(np.arange(1, len(amounts) + 1), amounts, color=_KEPT, step="mid")
            axes.set_xlim(1, len(amounts))
            axes.set_xlabel("speakers, most footage first")
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.set_ylim(bottom=0)
        axes.set_ylabel(name)
    return picture.svg


def _short(name: str) -> str:
    return name if len(name) <= 14 else f"{name[:12]}..."


def _colour_key(axes: Axes) -> None:
    for split, colour in _SPLIT_COLOURS.items():
        axes.bar(0, 0, color=colour, label=split)
    axes.legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 1))


def split_chart(funnel: Funnel) -> bytes:
    """Shares of the splits in the kept footage as one stacked bar."""
    with _picture(8.6, 0.7) as picture:
        axes = picture.axes
        start = 0.0
        for split, amount in funnel.splits.items():
            share = amount.milliseconds / max(funnel.kept.milliseconds, 1)
            label = f"{split} {share:.1%}"
            axes.barh(0, share, left=start, color=_SPLIT_COLOURS[split], label=label)
            start += share
        axes.set_xlim(0, 1)
        axes.axis("off")
        axes.legend(frameon=False, ncols=3, loc="upper left", bbox_to_anchor=(0, 0))
    return picture.svg
