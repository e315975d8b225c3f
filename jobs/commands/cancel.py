"""`mytalk cancel`: end a run of a catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from jobs.console import result
from jobs.options import with_options


@dataclass(frozen=True)
class CancelOptions:
    """What `mytalk cancel` takes."""

    run: Annotated[str, typer.Argument(metavar="RUN", show_default=False)]
    """Folder of the results that `mytalk batch` writes: path or URL."""


@with_options
def cancel(options: CancelOptions) -> None:
    """Ask the latest run of a catalogue to end, from any machine.

    It ends within seconds; what is being dubbed is abandoned, and the next run goes on from the
    pieces that are drawn.

    \b
    mytalk cancel dubbed/
    mytalk cancel s3://studio/dubbed
    """
    from mytalk_core.catalogue.run_status import StatusReader
    from mytalk_core.data.ledger import Ledger
    from mytalk_core.data.storage import open_store
    from mytalk_core.data.stored_files import absolute
    from mytalk_core.media.process_identity import this_process

    store = open_store(absolute(options.run))
    found = StatusReader(store).read()
    number = found.start.number
    if found.ended:
        result({"run": number, "cancelled": False}, f"run {number} has ended: {found.ended.why}")
        return
    Ledger(store).cancel(number, this_process())
    result({"run": number, "cancelled": True}, f"run {number} was asked to end")
