"""The quality of a catalogue: its roll-up for commands, and how the terminal shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from jobs.beam_options import LOCAL_RUNNER, beam_engine
from jobs.console import progress

if TYPE_CHECKING:
    from mytalk_core.catalogue.quality.limits import QualityLimits
    from pipelines.quality import RollUp

_WORST = 10  # groups that the terminal shows
_COLUMNS = ("titles", "no film", "lines", "failed", "share", "too long", "off sync")


def rolled_up(
    results: str,
    out: str,
    limits: QualityLimits,
    runner: str = LOCAL_RUNNER,
    options: Sequence[str] | None = None,
) -> RollUp:
    """Add up the quality of a catalogue with a progress bar; write tables and page.

    Args:
        results, out: absolute paths or URLs of the folder of the results, and of the tables.

    Raises:
        BadInputError, OutputError, StorageError: as `pipelines.quality.roll_up`.
    """
    with (
        progress("adding up the reports of all titles", None),
        beam_engine(runner, options) as engine,
    ):
        from mytalk_core.data.storage import open_store
        from pipelines.quality import QualityRun, roll_up

        return roll_up(QualityRun(open_store(results), open_store(out)), limits, engine)


def quality_data(found: RollUp) -> dict[str, Any]:
    """A roll-up as JSON values."""
    exceeded = [{**asdict(each), "text": each.text} for each in found.exceeded]
    return {"page": found.page, "groups": found.groups, "exceeded": exceeded}


def quality_table(found: RollUp) -> RenderableType:
    """The worst groups of a roll-up, and the limits that are exceeded."""
    table = Table("group", box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    for heading in _COLUMNS:
        table.add_column(heading, justify="right")
    for row in found.groups[:_WORST]:
        name = f"{row['kind']} {row['name']}".rstrip()
        counts = ("titles", "titles_failed", "lines", "lines_failed")
        faults = ("lines_too_long", "lines_out_of_sync")
        table.add_row(
            Text(name),
            *(f"{row[key]:,}" for key in counts),
            "" if row["lines"] == 0 else f"{row['lines_failed_share']:.1%}",
            *(f"{row[key]:,}" for key in faults),
        )
    limits = [Text(f"Limit exceeded: {each.text}.", style="red") for each in found.exceeded]
    return Group(table, *limits, f"quality: {found.page}")
