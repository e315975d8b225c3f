"""Samplers by steps: scores, distance from a converged solution, and time.

    python tests/benchmarks/motion_solvers.py CURATED [WEIGHTS] [SPLIT]

Arguments as in `motion_guidance.py`. Prints a table of solvers and steps: scores, distance of the
lips from those of 64 steps of DPM-Solver++(2M) with the same noise, and seconds per minute of
motion.
"""

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
from rich.console import Console

from mytalk_core.data.splits import Split
from mytalk_core.dubbing.models import shipped_weights
from mytalk_core.media.clock import MOTION_FPS
from mytalk_core.motion.model import load_model
from mytalk_core.motion.sampler import Solver
from tests.benchmarks.motion_scores import (
    cases_of,
    motion_of,
    row_of,
    scores,
    table_of,
    with_diffusion,
)

SOLVERS: tuple[Solver, ...] = ("ddim", "dpm++2m")
STEPS = (1, 2, 3, 4, 6, 8)
MANY = 64


def main(curated: Path, weights: Path, split: Split) -> None:
    """Print the table."""
    console = Console(width=130)
    model = load_model(weights)
    cases = cases_of(curated, split)
    own = cases[0]
    usual = model.config.diffusion
    exact = motion_of(with_diffusion(model, replace(usual, steps=MANY, solver="dpm++2m")))
    ends = [exact(case) for case in own[:8]]
    table = table_of(f"samplers, {split}, temperature {usual.temperature}", "sampler")
    table.add_column(f"from {MANY} steps", justify="right")
    table.add_column("s per minute", justify="right")
    for steps in STEPS:
        for solver in SOLVERS:
            motion = motion_of(with_diffusion(model, replace(usual, steps=steps, solver=solver)))
            start = time.monotonic()
            found = [motion(case) for case in own[:8]]
            seconds = time.monotonic() - start
            minutes = sum(len(each) for each in found) / float(MOTION_FPS) / 60
            distance = np.mean(
                [np.linalg.norm(a - b, axis=-1).mean() for a, b in zip(found, ends, strict=True)]
            )
            table.add_row(
                f"{solver}, {steps}",
                *row_of(scores(motion, cases)),
                f"{distance:.5f}",
                f"{seconds / minutes:.2f}",
            )
    console.print(table)


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        Path(sys.argv[2]) if len(sys.argv) > 2 else shipped_weights("motion"),
        cast(Split, sys.argv[3] if len(sys.argv) > 3 else "val"),
    )
