"""Effect of guidance on the lips, compared with a factor on all motion.

    python tests/benchmarks/motion_guidance.py CURATED [WEIGHTS] [SPLIT]

`CURATED`: output of `mytalk curate`; `WEIGHTS`: a motion.safetensors, default the shipped one;
`SPLIT`: default val. Prints a table of guidance strengths and one of plain factors (articulation),
and the time of a minute of motion with and without guidance.
"""

import sys
import time
from pathlib import Path
from typing import cast

from rich.console import Console

from mytalk_core.data.splits import Split
from mytalk_core.dubbing.models import shipped_weights
from mytalk_core.evaluation.cases import DubCase
from mytalk_core.faces.alignment import Points
from mytalk_core.media.clock import MOTION_FPS
from mytalk_core.motion.model import load_model
from tests.benchmarks.motion_scores import cases_of, motion_of, row_of, scores, table_of

STRENGTHS = (0.0, 1.0, 1.25, 1.5, 2.0)
FACTORS = (1.0, 1.15, 1.3, 1.5)


def main(curated: Path, weights: Path, split: Split) -> None:
    """Print the tables."""
    console = Console(width=110)
    model = load_model(weights)
    cases = cases_of(curated, split)
    frames = sum(case.frames for some in cases for case in some)
    plain = {id(case): motion_of(model)(case) for some in cases for case in some}

    table = table_of(f"guidance, {split}", "strength")
    cost = {}
    for strength in STRENGTHS:
        start = time.monotonic()
        figures = scores(motion_of(model, strength), cases)
        cost[strength] = (time.monotonic() - start) / frames * 60 * float(MOTION_FPS)
        table.add_row(f"{strength:.2f}", *row_of(figures))
    console.print(table)

    def known(case: DubCase) -> Points:
        return plain[id(case)]

    table = table_of(f"articulation, without guidance, {split}", "factor")
    for factor in FACTORS:
        table.add_row(f"{factor:.2f}", *row_of(scores(known, cases, factor)))
    console.print(table)
    console.print(
        f"a minute of motion takes {cost[1.0]:.2f} s without guidance, {cost[1.5]:.2f} s with it"
        " (this machine under its current load)"
    )


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        Path(sys.argv[2]) if len(sys.argv) > 2 else shipped_weights("motion"),
        cast(Split, sys.argv[3] if len(sys.argv) > 3 else "val"),
    )
