"""What becomes of damaged media: inputs of `tests/cases.py` cut short, and with bits flipped.

    python tests/benchmarks/media_fuzz.py [TRUNCATIONS] [FLIPS]

Each input is cut off at TRUNCATIONS places (20) and copied FLIPS times (200) with a burst of bits
flipped at another place. Of every copy a child process reads all pictures and sound, as a dub
does. A copy may be refused with a typed error, or read. Prints a row an input, and ends with 1
where a copy raised another error, crashed the process, or gave no sign of life for a minute.
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
from tests.cases import RECIPES, Kitchen, footage_of_this_machine, run_program
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
# Not the lists, the folder, and what other inputs are only compared with.
MEDIA = [
    name
    for name in RECIPES
    if Path(name).suffix not in ("", ".csv") and not name.startswith(("cutA", "square", "woven"))
]


def read_copies(path: Path, damages: list[Damage], folder: Path) -> list[Reading]:
    """What becomes of each copy, in one child after the other."""
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
        kitchen = Kitchen(Path(scratch), footage_of_this_machine(Path(scratch)), run_program)
        for name in track(MEDIA, console=Console(stderr=True)):
            path = kitchen.made(name)
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
