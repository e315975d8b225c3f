"""Effect of training choices on held-out speakers: examples without speech, losses.

    python tests/benchmarks/motion_training.py CURATED [SEEDS] [STEPS]

`CURATED`: output of `mytalk curate`; the split val evaluates and selects the step, as in training,
test is not used. Every choice is trained with `SEEDS` seeds (2) for `STEPS` steps (300) of 16
windows on one process, on the same clips and voices. Prints means over seeds and the range of the
selection metric.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from tests.benchmarks.short_motion_runs import USUAL, ShortMotionRuns

CHOICES = {
    "all with speech": replace(USUAL, unheard=0.0, weighting="uniform"),
    "1 in 10 without": replace(USUAL, unheard=0.1, weighting="uniform"),
    "1 in 5 without": replace(USUAL, unheard=0.2, weighting="uniform"),
    "and min-SNR": replace(USUAL, unheard=0.1, weighting="min-snr"),
    "and truncated SNR": replace(USUAL, unheard=0.1, weighting="truncated-snr"),
    "no sync loss": replace(USUAL, sync_weight=0.0),
    "five times the sync loss": replace(USUAL, sync_weight=0.1),
    "no closure loss": replace(USUAL, closure_weight=0.0),
}


def row(table: Table, label: str, found: Sequence[dict[str, float]]) -> None:
    """Add a row of means over seeds."""

    def of(name: str) -> NDArray[np.float64]:
        return np.array([each[name] for each in found])

    judged = of("judged_by")
    table.add_row(
        label,
        f"{judged.mean():.5f}",
        f"{judged.min():.5f} to {judged.max():.5f}",
        f"{of('lmd').mean():.5f}",
        f"{of('aperture_r').mean():.4f}",
        f"{of('step').mean():.0f}",
    )


def main(curated: Path, seeds: int, steps: int) -> None:
    """Print the table."""
    trained = ShortMotionRuns(curated, steps)
    table = Table(title=f"val, {seeds} seeds, {steps} steps")
    for heading in ("training", "judged by", "over seeds", "LMD", "aperture r", "best step"):
        table.add_column(heading, justify="right")
    for label, config in CHOICES.items():
        row(table, label, [trained(config, seed)[1] for seed in range(seeds)])
    Console(width=110).print(table)


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        int(sys.argv[2]) if len(sys.argv) > 2 else 2,
        int(sys.argv[3]) if len(sys.argv) > 3 else 300,
    )
