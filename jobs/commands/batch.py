"""`mytalk batch`: a catalogue of titles."""

from collections import Counter
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from jobs.cluster_option import Address
from jobs.console import EXIT_SOME_FAILED, note, progress, result
from jobs.list_options import AllowRoot

if TYPE_CHECKING:
    from mytalk_core.data.title_status import TitleResult

_COLOURS = {"ok": "green", "failed": "red", "skipped-as-done": "dim"}


def batch(
    catalogue: Annotated[
        Path,
        typer.Argument(
            show_default=False,
            help="List (CSV, JSON Lines, Parquet): video,speech,language[,script][,id].",
        ),
    ],
    out: Annotated[Path, typer.Option(show_default=False, help="Folder for films and status.")],
    workers: Annotated[
        int | None,
        typer.Option(min=1, show_default=False, help="Titles at a time; by default what fits."),
    ] = None,
    even_size: Annotated[
        bool,
        typer.Option(
            "--even-size",
            help="Extend a film of odd size by a column or row that players crop away.",
        ),
    ] = False,
    allow_root: AllowRoot = None,
    address: Address = "",
) -> None:
    """Dub every title of a catalogue; each row on its own, a bad one fails alone.

    Films and reports stand in OUT/ID/, what became of each row in OUT/status.parquet. Paths are
    relative to the catalogue. The same command again does only what is missing or changed.

    \b
    mytalk batch catalogue.csv --out dubbed/
    mytalk batch catalogue.csv --out dubbed/ --workers 1
    mytalk batch catalogue.csv --out dubbed/ --address head:6379
    mytalk --json batch catalogue.csv --out dubbed/
    """
    from mytalk_core.data.catalogue import CatalogueRow, read_catalogue
    from mytalk_core.data.list_access import list_access

    access = list_access(allow_root or (), private_addresses=False)
    entries = read_catalogue(catalogue, access)  # before seconds go into loading models

    from mytalk_core.data.output_check import Output, check_output_folder
    from mytalk_core.data.title_status import STATUS_FILE, read_status, title_files

    rows = [entry for entry in entries if isinstance(entry, CatalogueRow)]
    read = [path for row in rows for path in (row.video, row.speech, row.script) if path]
    written = [STATUS_FILE, *(path for row in rows for path in title_files(row.id))]
    check_output_folder(out, [Output(path) for path in written], [catalogue, *read])

    from mytalk_core.dubbing.config import DubConfig
    from mytalk_core.dubbing.models import named_models
    from mytalk_core.dubbing.title import recipe, stored_dubber
    from pipelines.dub import BatchConfig, dub_catalogue

    config = DubConfig(even_size=even_size)
    make = partial(stored_dubber, config)
    made_from = recipe(named_models(None, None), config)
    batches = BatchConfig(workers, address)
    with progress(f"dubbing {len(entries)} titles", len(entries)) as advance:
        for each in dub_catalogue(entries, out, make, made_from, batches, note):
            note(f"{each.status}: {each.id}  {each.message or each.warning}".rstrip())
            advance(1)
    results = read_status(out)  # in the order of the catalogue
    counts = Counter(each.status.value for each in results)
    summary = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    data = {
        "counts": dict(counts),
        "status": str(out / STATUS_FILE),
        "titles": [asdict(each) for each in results],
    }
    result(data, Group(_table(results), f"{summary}; {out / STATUS_FILE}"))
    if counts["failed"]:
        raise typer.Exit(EXIT_SOME_FAILED)


def _table(results: list["TitleResult"]) -> Table:
    table = Table(box=box.SIMPLE)
    for heading in ("title", "status"):
        table.add_column(heading)
    for heading in ("frames", "new lips"):
        table.add_column(heading, justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("film, or what was wrong", overflow="fold")
    for each in results:
        table.add_row(
            Text(each.id),
            Text(each.status.value, style=_COLOURS[each.status.value]),
            str(each.frames or ""),
            str(each.rendered_frames) if each.frames else "",
            f"{each.seconds:.1f}" if each.seconds else "",
            Text("; ".join(filter(None, (each.film, each.message, each.warning)))),
        )
    return table
