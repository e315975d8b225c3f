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
"""Key of the mean over speakers, each speaker weighted equally."""


@dataclass(frozen=True)
class Metric:
    """A column."""

    name: str  # as in measurements and JSON
    title: str  # as shown, with the unit
    better: Literal["higher", "lower", "neither"]
    decimals: int = 3


@dataclass(frozen=True)
class Measurement:
    """One value of one clip, or of another item that belongs to one speaker."""

    method: str
    speaker: str
    metric: str
    value: float  # NaN where the metric is undefined for this clip
    clip: str = ""  # key of the clip, where tables are compared clip by clip
    weight: float = 1.0  # in means; > 0


@dataclass(frozen=True)
class Cell:
    """A value as printed."""

    text: str
    best: bool  # among the methods that are no references
    interval: str  # confidence interval in brackets; empty where unknown


@dataclass(frozen=True)
class MetricTable:
    """Methods by metrics, with the underlying measurements."""

    metrics: Sequence[Metric]
    measurements: Sequence[Measurement]
    # Methods excluded from the best value, such as the truth.
    references: frozenset[str] = field(default_factory=frozenset)

    @cached_property
    def methods(self) -> list[str]:
        """The methods, in the order in which they were measured."""
        return list(dict.fromkeys(m.method for m in self.measurements))

    @cached_property
    def speakers(self) -> list[str]:
        """The speakers, in alphabetical order."""
        return sorted({m.speaker for m in self.measurements})

    def value(self, method: str, metric: str, speaker: str = OVERALL) -> float:
        """Return the mean over a speaker's clips, or over speakers' means; NaN where unknown."""
        if speaker == OVERALL:
            return _mean(self.value(method, metric, one) for one in self.speakers)
        values, weights = self._known(method, metric, speaker)
        return float(np.average(values, weights=weights)) if len(values) else float("nan")

    def interval(
        self, method: str, metric: str, speaker: str = OVERALL
    ) -> tuple[float, float] | None:
        """Return the 95 % confidence interval of `value` for other clips of the same speakers.

        Percentile bootstrap over each speaker's clips (Efron 1979) with a fixed seed. None where
        no speaker has two clips. Other speakers may differ by more.
        """
        key = method, metric, speaker
        if key not in self._intervals:
            self._intervals[key] = self._bootstrapped(*key)
        return self._intervals[key]

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
        """Return the known values and their weights."""
        found = self._values.get((method, metric, speaker), [])
        values, weights = np.array(found, np.float64).reshape(-1, 2).T
        return values, weights

    @cached_property
    def _values(self) -> dict[tuple[str, str, str], list[tuple[float, float]]]:
        """Known values with weights, by method, metric and speaker."""
        found = defaultdict(list)
        for each in self.measurements:
            if not math.isnan(each.value):
                pair = (each.value, each.weight)
                found[each.method, each.metric, each.speaker].append(pair)
        return dict(found)

    @cached_property
    def _intervals(self) -> dict[tuple[str, str, str], tuple[float, float] | None]:
        """Cache of `interval`, which page, text and terminal all use."""
        return {}

    def to_markdown(self) -> str:
        """Return one table over all speakers, then one per speaker, as Markdown.

        The best value of a metric is bold; `interval` follows in brackets.
        """
        parts = [f"### Mean over {counted(len(self.speakers), 'speaker')}\n\n{self._grid(OVERALL)}"]
        parts += [f"### {speaker}\n\n{self._grid(speaker)}" for speaker in self.speakers]
        return "\n".join(parts)

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2)

    def to_dict(self) -> dict[str, object]:
        """Return values and intervals by metric, method, and speaker or `all`; None if unknown."""
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
        """Return every method with its cells, one for each metric."""
        best = {metric.name: self._best(metric, speaker) for metric in self.metrics}
        rows = []
        for method in self.methods:
            competes = method not in self.references
            texts = [
                _text(self.value(method, metric.name, speaker), metric.decimals)
                for metric in self.metrics
            ]
            # Compared as printed, so that values that look equal are marked alike.
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
    """Return one clip's scores by metric name as measurements."""
    return [Measurement(method, speaker, name, value, clip) for name, value in scores]


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, such as `1 clip` or `2 clips`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _text(value: float, decimals: int) -> str:
    return "n/a" if math.isnan(value) else f"{value:.{decimals}f}"


def _range_text(interval: tuple[float, float] | None, decimals: int) -> str:
    """Format an interval in brackets; empty where it is unknown or has zero width."""
    if interval is None:
        return ""
    low, high = (_text(end, decimals) for end in interval)
    return "" if low == high else f"[{low}, {high}]"


def _json_number(value: float) -> float | None:
    return value if math.isfinite(value) else None
