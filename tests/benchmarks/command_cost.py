"""What a command costs: time, processor time and memory of all its processes together."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

_INTERVAL = 0.25  # seconds between two samples
_TICKS = os.sysconf("SC_CLK_TCK")
# Fields of /proc/PID/stat after the name of the program.
_SESSION, _USER, _SYSTEM = 3, 11, 12


@dataclass(frozen=True)
class CommandCost:
    """What a command took, processes that it started included."""

    wall: float  # seconds
    cpu: float  # seconds of processor time, as last sampled of each process
    peak: int  # bytes: largest memory at one time, see `_memory`
    load: float  # of the machine at the end, mean of the last minute


def run_mytalk(arguments: Sequence[str | Path]) -> CommandCost:
    """Run `mytalk ARGUMENTS` with its output on standard error, and measure it.

    Raises:
        subprocess.CalledProcessError: where the command fails.
    """
    command = [sys.executable, "-m", "jobs.app", *map(str, arguments)]
    start = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=sys.stderr,
        start_new_session=True,
    )
    processor: dict[int, float] = {}
    peak = 0
    while process.poll() is None:
        memory = 0
        for pid, seconds, size in _of_session(process.pid):
            processor[pid] = seconds
            memory += size
        peak = max(peak, memory)
        time.sleep(_INTERVAL)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    wall = time.monotonic() - start
    return CommandCost(wall, sum(processor.values()), peak, os.getloadavg()[0])


def _of_session(session: int) -> list[tuple[int, float, int]]:
    """Processor seconds and bytes of memory of every process of a session, by its number."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            stat = (folder / "stat").read_text().rpartition(") ")[2].split()
            if int(stat[_SESSION]) == session:
                seconds = (int(stat[_USER]) + int(stat[_SYSTEM])) / _TICKS
                found.append((int(folder.name), seconds, _memory(folder)))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
    return found


def _memory(process: Path) -> int:
    """Bytes of memory of a process that the kernel cannot drop.

    Pages that processes share, as of libraries that they were forked with, are divided among them.
    Pages of files do not count: arrays that a dub keeps on disk are mapped, and read again where
    memory is short.
    """
    lines = (process / "smaps_rollup").read_text().splitlines()[1:]
    kilobytes = {name: int(rest.split()[0]) for name, rest in (line.split(":") for line in lines)}
    return 1024 * (kilobytes["Pss_Anon"] + kilobytes["Pss_Shmem"])
