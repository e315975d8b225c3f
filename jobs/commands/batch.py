"""`mytalk batch`: dub a catalogue of titles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
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
from jobs.options import with_options

if TYPE_CHECKING:
    from mytalk_core.data.catalogue import BadRow, CatalogueRow
    from mytalk_core.data.title_status import TitleResult

_COLOURS = {"ok": "green", "failed": "red", "skipped-as-done": "dim"}


@dataclass(frozen=True)
class BatchOptions:
    """What `mytalk batch` takes."""

    catalogue: Annotated[str, typer.Argument(show_default=False)]
    """List (CSV, JSON Lines, Parquet), path or URL: video,speech,language[,script][,id]."""

    out: Annotated[Path, typer.Option(show_default=False)]
    """Folder for films and status."""

    workers: Annotated[int | None, typer.Option(min=1, show_default=False)] = None
    """Titles at a time; as many as fit by default."""

    even_size: Annotated[bool, typer.Option("--even-size")] = False
    """Extend a film of odd size by a column or row that players crop away."""

    allow_root: AllowRoot = None
    address: Address = ""


@with_options
def batch(options: BatchOptions) -> None:
    """Dub every title of a catalogue; a bad row fails alone.

    Films and reports are written to OUT/ID/, the result of each row to OUT/status.parquet. Paths
    are relative to the catalogue. The same command again dubs only what is missing or changed.

    \b
    mytalk batch catalogue.csv --out dubbed/
    mytalk batch catalogue.csv --out dubbed/ --workers 1
    mytalk batch catalogue.csv --out dubbed/ --address head:6379
    mytalk --json batch catalogue.csv --out dubbed/
    """
    entries = _entries(options)
    _dub(options, entries)

    from mytalk_core.data.title_status import STATUS_FILE, read_status

    results = read_status(options.out)  # in the order of the catalogue
    counts = Counter(each.status.value for each in results)
    summary = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    table = options.out / STATUS_FILE
    data = {
        "counts": dict(counts),
        "status": str(table),
        "titles": [asdict(each) for each in results],
    }
    result(data, Group(_table(results), f"{summary}; {table}"))
    if counts["failed"]:
        raise typer.Exit(EXIT_SOME_FAILED)


def _entries(options: BatchOptions) -> list[CatalogueRow | BadRow]:
    """Read the catalogue and check the output folder, before models are loaded."""
    from mytalk_core.data.catalogue import CatalogueRow, read_catalogue
    from mytalk_core.data.list_access import list_access
    from mytalk_core.data.output_check import Output, check_output_folder
    from mytalk_core.data.title_status import STATUS_FILE, title_files

    access = list_access(options.allow_root or (), private_addresses=False)
    entries = read_catalogue(options.catalogue, access)
    rows = [entry for entry in entries if isinstance(entry, CatalogueRow)]
    read = [path for row in rows for path in (row.video, row.speech, row.script) if path]
    written = [STATUS_FILE, *(path for row in rows for path in title_files(row.id))]
    check_output_folder(options.out, [Output(path) for path in written], [options.catalogue, *read])
    return entries


def _dub(options: BatchOptions, entries: Sequence[CatalogueRow | BadRow]) -> None:
    """Dub the titles of a catalogue and note each result as it arrives."""
    from mytalk_core.dubbing.catalogue_dubber import recipe, stored_dubber
    from mytalk_core.dubbing.config import DubConfig
    from mytalk_core.dubbing.models import named_models
    from pipelines.dub import BatchConfig, dub_catalogue

    config = DubConfig(even_size=options.even_size)
    make = partial(stored_dubber, config)
    made_from = recipe(named_models(None, None), config)
    batches = BatchConfig(options.workers, options.address)
    with progress(f"dubbing {len(entries)} titles", len(entries)) as advance:
        for each in dub_catalogue(entries, options.out, make, made_from, batches, note):
            note(f"{each.status}: {each.id}  {each.message or each.warning}".rstrip())
            advance(1)


def _table(results: list[TitleResult]) -> Table:
    table = Table(box=box.SIMPLE)
    for heading in ("title", "status"):
        table.add_column(heading)
    for heading in ("frames", "new lips"):
        table.add_column(heading, justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("film or error", overflow="fold")
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
