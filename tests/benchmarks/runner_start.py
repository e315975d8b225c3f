"""How long it takes until workers have the libraries of a dub, by the way in which they start.

    python -m tests.benchmarks.runner_start [WORKERS]

Each way runs three times in a process of its own. Memory is that of all its processes, shared pages
counted once.
"""

import json
import multiprocessing
import os
import resource
import subprocess
import sys
import time
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path

from rich.console import Console
from rich.table import Table

WAYS = ("fork", "forkserver", "spawn")
_RUNS = 3


def _wait_for_parent(connection: Connection) -> None:
    """Import what a worker needs, say so, and wait until the parent has measured."""
    from pipelines.local_worker import PRELOADED

    for module in PRELOADED:
        import_module(module)
    connection.send(os.getpid())
    connection.recv()


def _measure(way: str, count: int, began: float) -> dict[str, float]:
    from pipelines.local_worker import PRELOADED, prepare_workers

    if way == "forkserver":
        prepare_workers()
    if way == "fork":
        for module in PRELOADED:
            import_module(module)
    context = multiprocessing.get_context(way)
    pipes = [context.Pipe() for _ in range(count)]
    workers = [context.Process(target=_wait_for_parent, args=(other,)) for _, other in pipes]
    for worker in workers:
        worker.start()
    processes = [os.getpid(), *(own.recv() for own, _ in pipes)]
    ready = time.time() - began
    if way == "forkserver":
        processes.append(int(Path(f"/proc/{processes[1]}/stat").read_text().split()[3]))
    memory = sum(_shared_memory(process) for process in processes)
    for own, _ in pipes:
        own.send(None)
    for worker in workers:
        worker.join()
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": ready,
        "parent": used.ru_utime + used.ru_stime,
        "memory": memory,
    }


def _shared_memory(process: int) -> float:
    """Return the proportional set size of a process, in MB."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _threads() -> int:
    """Return the threads that the preloaded modules have started in a new process."""
    program = (
        "from importlib import import_module; from pathlib import Path;"
        "from pipelines.local_worker import PRELOADED;"
        "[import_module(each) for each in PRELOADED];"
        "print(len(list(Path('/proc/self/task').iterdir())) - 1)"
    )
    return int(subprocess.check_output([sys.executable, "-c", program]))


def main(count: int) -> None:
    """Print a table."""
    threads = _threads()
    table = Table(
        "way",
        "ready, s",
        "CPU of the parent, s",
        "memory, MB",
        title=f"{count} workers; {threads} threads started by what the fork server imports",
    )
    for way in WAYS:
        runs = []
        for _ in range(_RUNS):
            command = [sys.executable, "-m", __spec__.name, str(count), way, str(time.time())]
            runs.append(json.loads(subprocess.check_output(command)))
        best = min(runs, key=lambda run: run["seconds"])
        table.add_row(way, *(f"{best[name]:.2f}" for name in ("seconds", "parent", "memory")))
    Console().print(table)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        measured = _measure(sys.argv[2], int(sys.argv[1]), float(sys.argv[3]))
        sys.stdout.write(json.dumps(measured))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else len(os.sched_getaffinity(0)))
