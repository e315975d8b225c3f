"""What the engine of a catalogue costs, and how a catalogue and one long film scale.

    make bench BENCH=catalogue_speed ARGS="[TITLES] [SECONDS] [LONG_SECONDS]"

Dubs TITLES (4) films of SECONDS (6), then one film of LONG_SECONDS (40), all of 360x288:

- in a plain loop: one process, one thread, one title after the other;
- with `mytalk batch` on one worker and on two.

Each runs in a process of its own with an empty work folder. Imports, models and the start of Ray
are part of the time; those of a film of one second are printed for comparison. All ways must give
the same films. Run it on an idle machine with two cores or more.
"""

import csv
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mytalk_core.data.artifacts import Artifacts
from tests.benchmarks.dub_speed import ROOT, film_and_speech, footage
from tests.catalogue_titles import catalogue_title, inline_link

_WAYS = ("plain loop", "batch, 1 worker", "batch, 2 workers")


def _catalogue(films: Sequence[tuple[Path, Path]], path: Path) -> Path:
    """A list of films and their speech."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["film", "dub", "language", "id"])
        rows.writerows([film, dub, "en", f"t{at}"] for at, (film, dub) in enumerate(films))
    return path


def loop(catalogue: Path, out: Path) -> None:
    """Dub a list in this process, on one thread."""
    import cv2
    import torch

    from mytalk_core.catalogue.stored_models import stored_dubber, stored_tools

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    dubber, link = stored_dubber(), inline_link(Artifacts(out / "work"), stored_tools())
    with catalogue.open(newline="") as file:
        for row in csv.DictReader(file):
            title = catalogue_title(row["id"], Path(row["film"]), Path(row["dub"]))
            film = out / title.output
            film.parent.mkdir(parents=True)
            dubber(title, film, link)


def _seconds(way: str, catalogue: Path, out: Path) -> float:
    """Dub a list in a process; return the time that it took."""
    if way == _WAYS[0]:
        command = [__file__, "--loop", str(catalogue), str(out)]
    else:
        workers = way.split()[1]
        batch = ["--quiet", "batch", str(catalogue), "--out", str(out), "--workers", workers]
        command = ["-m", "jobs.app", *batch]
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    start = time.monotonic()
    subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, **one_thread, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    return time.monotonic() - start


def _digests(out: Path) -> dict[str, str]:
    """The films in a folder of results."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.glob("t*/t*.mp4")
    }


def measure(films: Sequence[tuple[Path, Path]], folder: Path) -> list[float]:
    """Dub films in all ways; return the seconds of each."""
    folder.mkdir()
    catalogue, found, digests = _catalogue(films, folder / "list.csv"), [], []
    for at, way in enumerate(_WAYS):
        out = folder / str(at)
        out.mkdir()
        found.append(_seconds(way, catalogue, out))
        digests.append(_digests(out))
    assert len(digests[0]) == len(films)
    assert all(each == digests[0] for each in digests), "the films differ"
    return found


def main(titles: int = 4, seconds: int = 6, long_seconds: int = 40) -> None:
    """Measure and print the table."""
    table = Table(title=f"mytalk batch, {os.cpu_count()} CPUs: seconds from start to end")
    for heading in ("", *_WAYS, "tax of the engine", "2 workers against 1"):
        table.add_column(heading, justify="right" if heading else "left")
    with tempfile.TemporaryDirectory() as name:
        folder, clips = Path(name), footage()
        films = []
        for number in range(titles):
            (folder / f"in{number}").mkdir()
            films.append(film_and_speech(clips[number:], seconds, folder / f"in{number}"))
        for label, chosen in (
            ("one film of 1 s", [film_and_speech(clips, 1, folder)]),
            (f"{titles} films of {seconds} s", films),
            (f"one film of {long_seconds} s", [film_and_speech(clips, long_seconds, folder)]),
        ):
            plain, one, two = measure(chosen, folder / label.replace(" ", "-"))
            tax, scaling = f"{one / plain - 1:+.0%}", f"{one / two:.2f}x"
            table.add_row(label, *(f"{each:.0f}" for each in (plain, one, two)), tax, scaling)
    table.caption = f"load of the machine at the end: {os.getloadavg()[0]:.1f}"
    Console(width=110).print(table)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--loop"]:
        loop(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main(*map(int, sys.argv[1:]))
