"""A table of measurements: each row the mean over a speaker's clips, then over speakers."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from rich.table import Table

Scores: TypeAlias = Mapping[str, Sequence[Mapping[str, float]]]
"""Metrics by name, of each clip, by speaker."""


def speaker_table(
    title: str, rows_are: str, columns: Mapping[str, tuple[str, int]], rows: Mapping[str, Scores]
) -> Table:
    """Return a table of the means of every row.

    Args:
        rows_are: heading of the row names.
        columns: heading and decimals by the name of a metric.
    """
    table = Table(title=title)
    table.add_column(rows_are)
    for heading, _ in columns.values():
        table.add_column(heading, justify="right")
    for row, scores in rows.items():
        table.add_row(
            row, *(f"{_mean(scores, name):.{digits}f}" for name, (_, digits) in columns.items())
        )
    return table


def _mean(scores: Scores, name: str) -> float:
    return float(np.mean([np.mean([clip[name] for clip in clips]) for clips in scores.values()]))
