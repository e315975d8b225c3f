"""Nights over large catalogues: the driver in simulation, and a night with nothing to do.

    make bench BENCH=catalogue_night ARGS="[TITLES] [SEGMENTS] [FINISHED] [MACHINES]"

- TITLES titles (100,000) are planned and run by the driver of `mytalk batch` with machines that
  answer at once: SEGMENTS pieces of film (10) a title are ordered, handed out and answered, and the
  records are compacted. MACHINES (100) have one CPU each. Printed is the resident memory of the
  driver as the pieces add up.
- `mytalk batch` over FINISHED titles (10,000) whose films exist, as a command, on local folders.

Nothing is dubbed. Records are written without waiting for the disk, in simulation to memory: what a
disk takes for them is none of the driver's time.
"""

import csv
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from unittest.mock import patch

from rich.console import Console

from mytalk_core.catalogue.entries import CatalogueTitle, content_id
from mytalk_core.catalogue.reading import CatalogueSource, read_catalogue
from mytalk_core.catalogue.stored_models import recipe
from mytalk_core.data.ledger import Ledger
from mytalk_core.data.run_records import RunStart, TitleRecord, TitleStatus
from mytalk_core.data.storage import open_store
from mytalk_core.dubbing.models import named_models
from pipelines.dub import Batch, BatchConfig, catalogue_run
from pipelines.title_worker import TitleTask
from tests.benchmarks.simulated_machines import SimulatedMachines
from tests.programs import ROOT
from tests.small_graph import no_tools

_LANGUAGES = ("de", "fr", "es", "it", "pt-BR", "pl", "ja", "ko", "hi")
_FILM = b"film"
_MEMORY = Path("/dev/shm")
# Runs a command from a process that is smaller, whose size counts as that of its child, too.
_MEASURED = """
import resource, subprocess, sys, time
start = time.monotonic()
subprocess.run(sys.argv[1:], check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(time.monotonic() - start, used.ru_utime + used.ru_stime, used.ru_maxrss)
"""


def catalogue(folder: Path, titles: int) -> Path:
    """A list of films of which each has nine languages."""
    path = folder / "catalogue.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["film", "dub", "language", "id"])
        for number in range(titles):
            film, language = number // 9, _LANGUAGES[number % 9]
            if number % 9 == 0:
                (folder / f"film{film}.mp4").write_bytes(_FILM)
                (folder / f"dub{film}.wav").write_bytes(b"dub")
            rows.writerow([f"film{film}.mp4", f"dub{film}.wav", language, f"title{number}"])
    return path


def record_of(title: CatalogueTitle, config_id: str, run: int) -> TitleRecord:
    """The record of a title that was dubbed."""
    ok, frames = TitleStatus.OK, 250
    record = partial(TitleRecord, title.id, run, ok, title.where, title.language, title.film)
    return record(
        config_id,
        output=title.output,
        report=f"{title.output}.report.html",
        film_bytes=len(_FILM),
        film_seconds=10.0,
        frames=frames,
        rendered_frames=frames,
        left_alone='{"mouth_outside": 5, "no_face": 12}',
        cpu_seconds=30.0,
        machine="machine",
    )


def resident_mb() -> float:
    """Memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


class _Clock:
    """Elapsed and processor time since the last look."""

    def __init__(self) -> None:
        self.look()

    def look(self) -> str:
        """Return the times, and start again."""
        now, cpu = time.monotonic(), time.process_time()
        text = ""
        if hasattr(self, "_now"):
            text = f"{now - self._now:.0f} s, processor {cpu - self._cpu:.0f} s"
        self._now, self._cpu = now, cpu
        return text


@contextmanager
def unsynced() -> Iterator[None]:
    """Do not wait for the disk within the block."""
    with patch.object(os, "fsync", lambda handle: None):
        yield


def simulate(titles: int, segments: int, machines: int) -> None:
    """Plan and run a night in simulation; print time and memory."""
    console, clock = Console(width=110), _Clock()
    memory = _MEMORY if _MEMORY.is_dir() else None
    with (
        tempfile.TemporaryDirectory() as name,
        tempfile.TemporaryDirectory(dir=memory) as out,
        unsynced(),
    ):
        folder = Path(name)
        source = CatalogueSource(str(catalogue(folder, titles)))
        ledger = Ledger(open_store(out))

        def record(task: TitleTask) -> TitleRecord:
            found = record_of(task.title, task.config_id, task.run)
            ledger.add_title(found)
            return found

        simulated = SimulatedMachines(machines, segments, record)
        batch = Batch(source.url, out, no_tools, no_tools, f"{out}.work", {})  # type: ignore[arg-type]
        entries = read_catalogue(source, out, date.today())
        clock.look()
        with simulated.in_place_of_ray(), catalogue_run(batch, entries, BatchConfig()) as run:
            console.print(f"{titles:,} titles planned: {clock.look()}; {resident_mb():.0f} MB")
            for number, _ in enumerate(run.results(), 1):
                if number % max(titles // 5, 1) == 0:
                    made = simulated.segments_made
                    console.print(f"{made:>10,} pieces: {clock.look()}; {resident_mb():.0f} MB")
        assert run.ended.ok == titles and simulated.segments_made == titles * segments
        console.print(f"records compacted: {clock.look()}; {resident_mb():.0f} MB")


def finish(folder: Path, titles: int) -> None:
    """Write films and ledger as a night leaves them."""
    out = folder / "out"
    ledger = Ledger(open_store(out))
    run = ledger.begin(RunStart(0, "", "", "", "")).number
    source, made_from = (
        CatalogueSource(str(catalogue(folder, titles))),
        recipe(named_models(None, None)),
    )
    for entry in read_catalogue(source, str(out), date.today()):
        assert isinstance(entry, CatalogueTitle)
        film = out / entry.output
        film.parent.mkdir(parents=True)
        for path in (film, film.with_name(f"{film.name}.report.html")):
            path.write_bytes(_FILM)
        ledger.add_title(record_of(entry, content_id(entry, made_from), run))
    ledger.compact(run)


def nothing_to_do(titles: int) -> None:
    """Run the command over finished titles; print time and memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with unsynced():
            finish(folder, titles)
        command = ["--quiet", "batch", str(folder / "catalogue.csv"), "--out", str(folder / "out")]
        done = subprocess.run(
            [sys.executable, "-c", _MEASURED, sys.executable, "-m", "jobs.app", *command],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        seconds, cpu, kibibytes = map(float, done.stdout.splitlines()[-1].split())
        ended = Ledger(open_store(folder / "out")).run(2)
        assert (ended.finished, ended.chosen) == (titles, 0)
    Console(width=110).print(
        f"nothing to do over {titles:,} titles: {seconds:.1f} s, processor {cpu:.1f} s,"
        f" {kibibytes * 1024 / 1e6:.0f} MB; load of the machine {os.getloadavg()[0]:.1f}"
    )


def main(
    titles: int = 100_000, segments: int = 10, finished: int = 10_000, machines: int = 100
) -> None:
    """Print a row for each measurement."""
    nothing_to_do(finished)
    simulate(titles, segments, machines)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
