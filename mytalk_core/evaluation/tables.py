"""Tables of metrics by method: per speaker, and the mean over speakers."""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

_RESAMPLES = 1000
_COVERED = (2.5, 97.5)  # percent

OVERALL = "all"
"""What stands for the mean over speakers, each speaker counting the same."""


@dataclass(frozen=True)
class Metric:
    """A column."""

    name: str  # as measurements carry it
    title: str  # as people read it, with the unit
    better: Literal["higher", "lower", "neither"]
    decimals: int = 3


@dataclass(frozen=True)
class Measurement:
    """One number of one clip (or of anything else that belongs to one speaker)."""

    method: str
    speaker: str
    metric: str
    value: float  # NaN where the metric says nothing about this clip
    clip: str = ""  # key of the clip whose speech it was, where one asks
    weight: float = 1.0  # how much it counts in a mean; > 0


@dataclass(frozen=True)
class Cell:
    """A value as it is printed."""

    text: str
    best: bool  # among the methods that compete
    interval: str  # within which the value lies, empty where nothing is known of it


@dataclass(frozen=True)
class MetricTable:
    """Methods by metrics, with the measurements they come from."""

    metrics: Sequence[Metric]
    measurements: Sequence[Measurement]
    # Methods that do not compete for the best value: the truth, above all.
    references: frozenset[str] = field(default_factory=frozenset)

    @cached_property
    def methods(self) -> list[str]:
        """In the order in which they were measured."""
        return list(dict.fromkeys(m.method for m in self.measurements))

    @cached_property
    def speakers(self) -> list[str]:
        """In alphabetical order."""
        return sorted({m.speaker for m in self.measurements})

    def value(self, method: str, metric: str, speaker: str = OVERALL) -> float:
        """Mean over a speaker's clips, or over the speakers' means; NaN where nothing is known."""
        if speaker == OVERALL:
            return _mean(self.value(method, metric, one) for one in self.speakers)
        values, weights = self._known(method, metric, speaker)
        return float(np.average(values, weights=weights)) if len(values) else float("nan")

    def interval(
        self, method: str, metric: str, speaker: str = OVERALL
    ) -> tuple[float, float] | None:
        """Where `value` lies with 95 % confidence, were other clips of these speakers measured.

        Percentile bootstrap over each speaker's clips (Efron 1979); the same numbers every time.
        None where no speaker has two clips. Other speakers may differ by more.
        """
        asked = method, metric, speaker
        if asked not in self._intervals:
            self._intervals[asked] = self._bootstrapped(*asked)
        return self._intervals[asked]

    def _bootstrapped(self, method: str, metric: str, speaker: str) -> tuple[float, float] | None:
        speakers = self.speakers if speaker == OVERALL else [speaker]
        found = [self._known(method, metric, one) for one in speakers]
        random = np.random.default_rng(0)
        if not any(len(values) > 1 for values, _ in found):
            return None
        means = []
        for values, weights in found:
            if len(values):
                drawn = random.integers(len(values), size=(_RESAMPLES, len(values)))
                means.append(np.average(values[drawn], weights=weights[drawn], axis=1))
        low, high = np.percentile(np.mean(means, axis=0), _COVERED)
        return float(low), float(high)

    def _known(
        self, method: str, metric: str, speaker: str
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Values and weights."""
        found = self._values.get((method, metric, speaker), [])
        values, weights = np.array(found, np.float64).reshape(-1, 2).T
        return values, weights

    @cached_property
    def _values(self) -> dict[tuple[str, str, str], list[tuple[float, float]]]:
        """Known values and their weights by method, metric and speaker."""
        found = defaultdict(list)
        for each in self.measurements:
            if not math.isnan(each.value):
                pair = (each.value, each.weight)
                found[each.method, each.metric, each.speaker].append(pair)
        return dict(found)

    @cached_property
    def _intervals(self) -> dict[tuple[str, str, str], tuple[float, float] | None]:
        """What `interval` has found so far: a page, a text and a terminal ask for the same."""
        return {}

    def to_markdown(self) -> str:
        """One table over all speakers, then one per speaker; the best value of a metric is bold.

        In brackets stands `interval`.
        """
        parts = [f"### Mean over {counted(len(self.speakers), 'speaker')}\n\n{self._grid(OVERALL)}"]
        parts += [f"### {speaker}\n\n{self._grid(speaker)}" for speaker in self.speakers]
        return "\n".join(parts)

    def to_json(self) -> str:
        """`to_dict` as text."""
        return json.dumps(self.to_dict(), indent=2)

    def to_dict(self) -> dict[str, object]:
        """The same numbers for machines: metric, method, then `all` and every speaker.

        What is not known is None, null in JSON.
        """
        numbers = {
            metric.name: {
                method: {
                    speaker: _json_number(self.value(method, metric.name, speaker))
                    for speaker in (OVERALL, *self.speakers)
                }
                for method in self.methods
            }
            for metric in self.metrics
        }
        described = {m.name: {"title": m.title, "better": m.better} for m in self.metrics}
        return {
            "metrics": described,
            "references": sorted(self.references),
            "speakers": self.speakers,
            "values": numbers,
            "intervals": {
                metric.name: {
                    method: {
                        speaker: self.interval(method, metric.name, speaker)
                        for speaker in (OVERALL, *self.speakers)
                    }
                    for method in self.methods
                }
                for metric in self.metrics
            },
        }

    def rows(self, speaker: str = OVERALL) -> list[tuple[str, list[Cell]]]:
        """Every method with its cells, one for each metric."""
        best = {metric.name: self._best(metric, speaker) for metric in self.metrics}
        rows = []
        for method in self.methods:
            competes = method not in self.references
            texts = [
                _text(self.value(method, metric.name, speaker), metric.decimals)
                for metric in self.metrics
            ]
            # Compared as printed, so that equal-looking values are equally good.
            cells = [
                Cell(
                    text,
                    competes and text == best[metric.name],
                    _range_text(self.interval(method, metric.name, speaker), metric.decimals),
                )
                for text, metric in zip(texts, self.metrics, strict=True)
            ]
            rows.append((method, cells))
        return rows

    def _grid(self, speaker: str) -> str:
        header = ["method", *(metric.title for metric in self.metrics)]
        lines = [header, ["---", *("---:" for _ in self.metrics)]]
        for method, cells in self.rows(speaker):
            texts = [
                (f"**{cell.text}**" if cell.best else cell.text) + f" {cell.interval}"
                for cell in cells
            ]
            lines.append([method, *(text.strip() for text in texts)])
        return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"

    def _best(self, metric: Metric, speaker: str) -> str | None:
        values = [
            self.value(method, metric.name, speaker)
            for method in self.methods
            if method not in self.references
        ]
        known = [value for value in values if not math.isnan(value)]
        if not known or metric.better == "neither":
            return None
        return _text(max(known) if metric.better == "higher" else min(known), metric.decimals)


def measurements(
    method: str, speaker: str, scores: Iterable[tuple[str, float]], clip: str = ""
) -> list[Measurement]:
    """One clip's scores by metric name as rows of a table."""
    return [Measurement(method, speaker, name, value, clip) for name, value in scores]


def counted(count: int, noun: str) -> str:
    """`1 clip`, `2 clips`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _text(value: float, decimals: int) -> str:
    return "n/a" if math.isnan(value) else f"{value:.{decimals}f}"


def _range_text(interval: tuple[float, float] | None, decimals: int) -> str:
    """In brackets; empty where nothing is known or nothing varies."""
    if interval is None:
        return ""
    low, high = (_text(end, decimals) for end in interval)
    return "" if low == high else f"[{low}, {high}]"


def _json_number(value: float) -> float | None:
    return value if math.isfinite(value) else None
