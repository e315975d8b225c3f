"""Robustness to damaged media: inputs of `tests/cases.py`, truncated and with flipped bits.

    python tests/benchmarks/media_fuzz.py [TRUNCATIONS] [FLIPS]

Each input is truncated at TRUNCATIONS offsets (20) and copied FLIPS times (200) with a burst of
flipped bits at a random offset. A child process reads all video and audio of each copy, as a dub
does. A copy must be read or refused with a typed error. Prints a row per input; exits with 1 where
a copy raised another error, crashed the process, or made no progress for a minute.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from mytalk_core.footage.isolated import IsolatedProcess, IsolationConfig
from tests.cases import RECIPES, CaseInputs, footage_of_this_machine, run_program
from tests.damaged_media import (
    FAULTS,
    READ,
    REFUSED,
    Damage,
    Reading,
    cut_off,
    flipped,
    reading,
)

TRUNCATIONS, FLIPS = 20, 200
LIMIT_SECONDS = 60
WORKERS = 2
# Without the lists, the folder, and inputs that serve only for comparison.
MEDIA = [
    name
    for name in RECIPES
    if Path(name).suffix not in ("", ".csv") and not name.startswith(("cutA", "square", "woven"))
]


def read_copies(path: Path, damages: list[Damage], folder: Path) -> list[Reading]:
    """Read each copy in a child process."""
    readings = []
    with IsolatedProcess(IsolationConfig(stall_seconds=LIMIT_SECONDS)) as child:
        for damage in damages:
            copy = folder / f"{damage.kind}-{damage.place}{path.suffix}"
            copy.write_bytes(damage.content)
            readings.append(reading(child, copy))
            copy.unlink()
    return readings


def main() -> int:
    truncations, flips = (*map(int, sys.argv[1:]), *(TRUNCATIONS, FLIPS)[len(sys.argv) - 1 :])
    console = Console(width=110)
    table = Table("input", "copies", READ, "fewer frames", REFUSED, *FAULTS, title="damaged media")
    faults = 0
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(WORKERS) as pool:
        inputs = CaseInputs(Path(scratch), footage_of_this_machine(Path(scratch)), run_program)
        for name in track(MEDIA, console=Console(stderr=True)):
            path = inputs.made(name)
            content = path.read_bytes()
            damages = [*cut_off(content, truncations), *flipped(content, flips, len(content))]
            folders = [Path(tempfile.mkdtemp(dir=scratch)) for _ in range(WORKERS)]
            shares = [damages[start::WORKERS] for start in range(WORKERS)]
            parts = pool.map(read_copies, [path] * WORKERS, shares, folders)
            readings = list(chain.from_iterable(parts))
            (whole,) = read_copies(path, [Damage("whole", 0, content)], Path(scratch))
            fewer = sum(each.outcome == READ and each.frames < whole.frames for each in readings)
            count = Counter(each.outcome for each in readings)
            faults += sum(count[fault] for fault in FAULTS)
            numbers = [count[READ], fewer, count[REFUSED], *(count[each] for each in FAULTS)]
            table.add_row(name, str(len(readings)), *map(str, numbers))
            for each in readings:
                if each.outcome in FAULTS:
                    console.print(f"{name}: {each.outcome}: {each.message}")
    console.print(table)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
