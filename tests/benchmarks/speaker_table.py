"""A table of what was measured on clips: each row the mean of clips, then of speakers."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from rich.table import Table

Scores: TypeAlias = Mapping[str, Sequence[Mapping[str, float]]]
"""By speaker, of each clip, figures by their names."""


def speaker_table(
    title: str, rows_are: str, columns: Mapping[str, tuple[str, int]], rows: Mapping[str, Scores]
) -> Table:
    """The means of every row.

    Args:
        rows_are: heading of the names of rows.
        columns: by the name of a figure its heading and its decimals.
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
