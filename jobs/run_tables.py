"""A run of a catalogue on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from mytalk_core.catalogue.estimate import NightEstimate
    from mytalk_core.catalogue.run_status import CatalogueReport, RunStatus
    from mytalk_core.data.run_records import TitleRecord

_COLOURS = {"ok": "green", "failed": "red"}


def status_line(status: RunStatus) -> str:
    """The status of a run in one line."""
    failed = sum(status.failed.values())
    return (
        f"run {status.start.number}, {_state(status)}: {status.ok:,} ok, {failed:,} failed,"
        f" {status.left:,} left of {status.start.chosen:,}"
    )


def status_table(status: RunStatus) -> RenderableType:
    """The status of a run: what it set out to do, how far it is, what is being dubbed."""
    start = status.start
    facts = Table.grid(padding=(0, 2))
    facts.add_row("catalogue", Text(start.catalogue))
    facts.add_row("started", f"{start.started} by {start.who}")
    facts.add_row(
        "titles",
        f"{start.titles:,}: {start.chosen:,} to dub, {start.finished:,} finished before,"
        f" {start.failed_before:,} failed before, {start.refused:,} refused,"
        f" {start.unasked:,} not asked for",
    )
    facts.add_row("ok", f"{status.ok:,}")
    facts.add_row("failed", _counts(status.failed) or "0")
    facts.add_row("left", f"{status.left:,}")
    parts: list[RenderableType] = [Text(status_line(status)), facts]
    if status.in_work:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("being dubbed")
        table.add_column("pieces drawn", justify="right")
        for title, pieces in status.in_work.items():
            table.add_row(Text(title), f"{pieces:,}")
        parts.append(table)
    return Group(*parts)


def report_table(report: CatalogueReport, attention: list[TitleRecord]) -> RenderableType:
    """What became of a catalogue, with the titles that need attention."""
    facts = Table.grid(padding=(0, 2))
    facts.add_row("titles", f"{report.titles:,}: {report.ok:,} ok, {report.failed:,} failed")
    facts.add_row("failed by class", _counts(report.by_class) or "none")
    facts.add_row("failed by reason", _counts(report.by_reason) or "none")
    for language, counts in report.by_language.items():
        facts.add_row(f"language {language}", _counts(counts))
    facts.add_row("film", f"{report.film_hours:.2f} h, {report.lips_hours:.2f} h with new lips")
    facts.add_row("processor", f"{report.cpu_hours:.2f} h")
    if not attention:
        return facts
    return Group(facts, results_table(attention))


def results_table(records: list[TitleRecord]) -> Table:
    """Titles with their film or error."""
    table = Table(box=box.SIMPLE)
    for heading in ("title", "status"):
        table.add_column(heading)
    for heading in ("frames", "new lips", "seconds"):
        table.add_column(heading, justify="right")
    table.add_column("film or error", overflow="fold")
    for each in records:
        status = each.status.value
        table.add_row(
            Text(each.id),
            Text(status, style=_COLOURS[status]),
            str(each.frames or ""),
            str(each.rendered_frames) if each.frames else "",
            f"{each.seconds:.1f}" if each.seconds else "",
            Text("; ".join(filter(None, (each.output, each.message, each.warning)))),
        )
    return table


def _state(status: RunStatus) -> str:
    if status.ended:
        return f"ended {status.ended.ended} ({status.ended.why})"
    if status.holder:
        return "asked to end" if status.cancelled else f"running ({status.holder})"
    return "killed before its end"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def estimate_table(found: NightEstimate) -> RenderableType:
    """What a run would do."""
    facts = Table.grid(padding=(0, 2))
    facts.add_row("titles", f"{found.titles:,}")
    facts.add_row("to dub", f"{found.to_dub:,}" + (f": {_counts(found.why)}" if found.why else ""))
    facts.add_row(
        "others",
        f"{found.finished:,} finished before, {found.failed_before:,} failed before,"
        f" {found.refused:,} refused, {found.unasked:,} not asked for",
    )
    unknown = f" ({found.unknown_sizes:,} of unknown size)" if found.unknown_sizes else ""
    facts.add_row("films to read", f"{found.source_bytes / 1e9:,.2f} GB{unknown}")
    amounts = (
        ("film", found.film_hours, "h"),
        ("visible speech", found.lips_minutes, "min"),
        ("processor", found.cpu_hours, "h"),
        ("films to write", None if found.film_bytes is None else found.film_bytes / 1e9, "GB"),
        ("cost of the processors", found.cpu_cost, found.currency),
        ("cost of the films a month", found.storage_cost, found.currency),
    )
    for name, amount, unit in amounts:
        if amount is not None:
            facts.add_row(name, f"{amount:,.2f} {unit}".rstrip())
    if found.film_hours is None and found.to_dub:
        facts.add_row("estimates", "none: no title was dubbed before, or no size is known")
    return facts
