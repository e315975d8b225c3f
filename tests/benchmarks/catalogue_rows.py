"""Catalogues of many titles: `make bench BENCH=catalogue_rows ARGS="[ROWS] [FINISHED]"`.

A list of ROWS rows (100,000) over few small files is checked, then planned as a first night; then a
night with nothing to do is planned over FINISHED titles (10,000), whose films exist. Each runs in
a process of its own, of which the largest resident size is printed. Nothing is dubbed.
"""

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from rich.console import Console

from mytalk_core.catalogue.entries import CatalogueTitle, content_id
from mytalk_core.catalogue.night import plan_night
from mytalk_core.catalogue.problem_table import ProblemTable
from mytalk_core.catalogue.reading import CatalogueSource, read_catalogue
from mytalk_core.data.ledger import Ledger
from mytalk_core.data.run_records import RunStart, TitleRecord, TitleStatus
from mytalk_core.data.storage import open_store

_LANGUAGES = ("de", "fr", "es", "it", "pt-BR", "pl", "ja", "ko", "hi")
_RECIPE = {"weights": "abc"}


def _written(folder: Path, rows: int) -> Path:
    """A list whose films each have nine languages."""
    (folder / "dub.wav").write_bytes(b"dub")
    for film in range(100):
        (folder / f"film{film}.mp4").write_bytes(b"film")
    path = folder / "catalogue.csv"
    with path.open("w") as lines:
        lines.write("film,dub,language,id\n")
        for number in range(rows):
            film, language = number // 9 % 100, _LANGUAGES[number % 9]
            lines.write(f"film{film}.mp4,dub.wav,{language},title{number}\n")
    return path


def _check(folder: Path, rows: int) -> None:
    source = CatalogueSource(str(_written(folder, rows)))
    with ProblemTable(None, 1_000) as table:
        for entry in read_catalogue(source, str(folder / "out"), date.today()):
            table.add(entry)
    assert (table.titles, table.refused) == (rows, 0)


def _first_night(folder: Path, rows: int) -> None:
    source = CatalogueSource(str(_written(folder, rows)))
    entries = read_catalogue(source, str(folder / "out"), date.today())
    plan = plan_night(entries, Ledger(open_store(folder / "out")), _RECIPE)
    assert len(plan.chosen) == rows


def _finish(folder: Path, rows: int) -> None:
    """Write films and ledger as a night leaves them."""
    out = folder / "out"
    ledger = Ledger(open_store(out))
    run = ledger.begin(RunStart(0, "", "", "", "")).number
    source = CatalogueSource(str(_written(folder, rows)))
    for entry in read_catalogue(source, str(out), date.today()):
        assert isinstance(entry, CatalogueTitle)
        film = out / entry.output
        film.parent.mkdir(parents=True)
        for name in (film, film.with_name(f"{film.name}.report.html")):
            name.write_bytes(b"film")
        ledger.add_title(
            TitleRecord(
                entry.id,
                run,
                TitleStatus.OK,
                entry.where,
                entry.language,
                entry.film,
                content_id(entry, _RECIPE),
                output=entry.output,
                film_bytes=4,
            )
        )
    ledger.compact(run)


def _nothing(folder: Path, rows: int) -> None:
    source = CatalogueSource(str(folder / "catalogue.csv"))
    entries = read_catalogue(source, str(folder / "out"), date.today())
    plan = plan_night(entries, Ledger(open_store(folder / "out")), _RECIPE)
    assert not plan.chosen and plan.titles == rows


def _measured(name: str, work: Callable[[Path, int], None], folder: Path, rows: int) -> None:
    def run() -> None:
        start = time.monotonic()
        work(folder, rows)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        seconds = time.monotonic() - start
        Console().print(f"{name:<28} {rows:>9,} rows {seconds:>8.1f} s {peak:>7.0f} MB")

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(process.exitcode)


def main(rows: int = 100_000, finished: int = 10_000) -> None:
    """Print a row for each measurement."""
    with tempfile.TemporaryDirectory() as folder:
        _measured("check", _check, Path(folder), rows)
        _measured("first night planned", _first_night, Path(folder), rows)
    with tempfile.TemporaryDirectory() as folder:
        _measured("(written for the next)", _finish, Path(folder), finished)
        _measured("night with nothing to do", _nothing, Path(folder), finished)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
