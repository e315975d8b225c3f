"""`mytalk status`: how a run of a catalogue stands."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobs.console import is_live, live, result
from jobs.options import with_options
from jobs.run_tables import status_line, status_table

if TYPE_CHECKING:
    from mytalk_core.catalogue.run_status import RunStatus


@dataclass(frozen=True)
class StatusOptions:
    """What `mytalk status` takes."""

    run: Annotated[str, typer.Argument(metavar="RUN", show_default=False)]
    """Folder of the results that `mytalk batch` writes: path or URL."""

    every: Annotated[float, typer.Option(min=1.0, metavar="SECONDS")] = 5.0
    """Seconds between two looks, on a terminal."""


@with_options
def status(options: StatusOptions) -> None:
    """Show how the latest run of a catalogue stands, from any machine.

    On a terminal the table is redrawn until the run ends. Only the ledger is read.

    \b
    mytalk status dubbed/
    mytalk --json status s3://studio/dubbed
    """
    from mytalk_core.catalogue.run_status import StatusReader
    from mytalk_core.data.storage import open_store
    from mytalk_core.data.stored_files import absolute

    reader = StatusReader(open_store(absolute(options.run)))
    found = reader.read()
    if is_live():
        with live(every_seconds=60.0) as show:
            while found.is_running:
                show(status_table(found), status_line(found))
                time.sleep(options.every)
                found = reader.read()
    result(_document(found), status_table(found))


def _document(found: RunStatus) -> dict[str, Any]:
    return {
        "run": asdict(found.start),
        "running": found.is_running,
        "ended": asdict(found.ended) if found.ended else None,
        "holder": str(found.holder) if found.holder else None,
        "cancelled": found.cancelled,
        "ok": found.ok,
        "failed": dict(found.failed),
        "left": found.left,
        "in_work": dict(found.in_work),
    }
