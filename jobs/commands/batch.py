"""`mytalk batch`: check and dub a catalogue of titles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from jobs.cluster_option import Address
from jobs.console import EXIT_BAD_INPUT, EXIT_SOME_FAILED, note, progress, result
from jobs.default_command import DefaultCommandGroup
from jobs.list_options import AllowPrivate, AllowRoot
from jobs.options import with_options
from mytalk_core.errors import BadInputError, Reason

if TYPE_CHECKING:
    from mytalk_core.catalogue.entries import Entry
    from mytalk_core.catalogue.job import BatchJob
    from mytalk_core.data.title_status import TitleResult

batch = typer.Typer(
    cls=DefaultCommandGroup,
    no_args_is_help=True,
    help="Dub a catalogue of titles, or check it.\n\n"
    "`mytalk batch CATALOGUE --out DIR` is `mytalk batch run CATALOGUE --out DIR`.",
)

_COLOURS = {"ok": "green", "failed": "red", "skipped-as-done": "dim"}
_SHOWN = 1_000  # problems that the terminal and JSON show; a table of its own has all

Job = Annotated[
    str,
    typer.Argument(
        metavar="JOB",
        show_default=False,
        help="A job (YAML or JSON), or a catalogue alone (CSV, JSON Lines, Parquet); path or URL.",
    ),
]


@dataclass(frozen=True)
class BatchOptions:
    """What `mytalk batch` takes."""

    job: Job

    out: Annotated[str, typer.Option(show_default="as the job says")] = ""
    """Folder for films and status."""

    workers: Annotated[int | None, typer.Option(min=1, show_default=False)] = None
    """Titles at a time; as many as fit by default."""

    allow_root: AllowRoot = None
    allow_private_addresses: AllowPrivate = False
    address: Address = ""


@batch.command("run")
@with_options
def run(options: BatchOptions) -> None:
    """Dub every title of a catalogue; a bad row fails alone.

    Films and reports are written to OUT/ID/, the result of each row to OUT/status.parquet. Paths
    are relative to the catalogue. The same command again dubs only what is missing or changed.

    \b
    mytalk batch catalogue.csv --out dubbed/
    mytalk batch job.yaml
    mytalk batch catalogue.csv --out dubbed/ --workers 1
    mytalk batch catalogue.csv --out dubbed/ --address head:6379
    mytalk --json batch catalogue.csv --out dubbed/
    """
    job = _job(options)
    out = _local_folder(job)
    entries = _entries(job, out)
    _dub(options, entries, out)

    from mytalk_core.data.title_status import STATUS_FILE, read_status

    results = read_status(out)  # in the order of the catalogue
    counts = Counter(each.status.value for each in results)
    summary = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    table = out / STATUS_FILE
    data = {
        "counts": dict(counts),
        "status": str(table),
        "titles": [asdict(each) for each in results],
    }
    result(data, Group(_table(results), f"{summary}; {table}"))
    if counts["failed"]:
        raise typer.Exit(EXIT_SOME_FAILED)


def _job(options: BatchOptions | CheckOptions) -> BatchJob:
    from mytalk_core.catalogue.job import batch_job

    roots, private = options.allow_root or (), options.allow_private_addresses
    return batch_job(options.job, options.out, roots, private)


def _local_folder(job: BatchJob) -> Path:
    from mytalk_core.data.storage import is_local

    if job.out and is_local(job.out):
        return Path(job.out)
    raise BadInputError(
        "is a URL, but films are written to local folders only." if job.out else "is missing.",
        reason=Reason.BAD_CONFIGURATION,
        where=job.out or "--out",
        remedy="Name a path with --out, or with the key `out` of the job.",
    )


def _entries(job: BatchJob, out: Path) -> list[Entry]:
    """Read the catalogue and check the output folder, before models are loaded."""
    from mytalk_core.catalogue.reading import read_catalogue
    from mytalk_core.data.output_check import Output, check_output_folder
    from mytalk_core.data.title_status import STATUS_FILE

    check_output_folder(out, [Output(STATUS_FILE)], [job.source.url])
    return list(read_catalogue(job.source, str(out), date.today()))


def _dub(options: BatchOptions, entries: Sequence[Entry], out: Path) -> None:
    """Dub the titles of a catalogue and note each result as it arrives."""
    from mytalk_core.catalogue.title_dubber import recipe, stored_dubber
    from mytalk_core.dubbing.models import named_models
    from pipelines.dub import BatchConfig, dub_catalogue

    made_from = recipe(named_models(None, None))
    batches = BatchConfig(options.workers, options.address)
    with progress(f"dubbing {len(entries)} titles", len(entries)) as advance:
        for each in dub_catalogue(entries, out, stored_dubber, made_from, batches, note):
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


@dataclass(frozen=True)
class CheckOptions:
    """What `mytalk batch check` takes."""

    job: Job

    out: Annotated[str, typer.Option(show_default="as the job says")] = ""
    """Folder of the results; no title may read from what would be written there."""

    problems: Annotated[Path | None, typer.Option(metavar="FILE", show_default=False)] = None
    """Write every problem to this CSV file; the terminal shows the first 1,000."""

    allow_root: AllowRoot = None
    allow_private_addresses: AllowPrivate = False


@batch.command("check")
@with_options
def check(options: CheckOptions) -> None:
    """Check every row of a catalogue without dubbing: all problems in one table.

    Looked at are keys and values, languages, ids and outputs that stand twice, consents, and
    whether every file that a row names can be read. The exit code is 2 where a row has a problem.

    \b
    mytalk batch check catalogue.csv
    mytalk batch check job.yaml
    mytalk batch check s3://studio/catalogue.parquet --problems problems.csv
    mytalk --json batch check job.yaml
    """
    from mytalk_core.catalogue.problem_table import ProblemTable
    from mytalk_core.catalogue.reading import read_catalogue

    if options.problems:
        from mytalk_core.data.output_check import check_output_files

        check_output_files([options.problems], [options.job], "--problems", (".csv",))
    job = _job(options)
    with ProblemTable(options.problems, _SHOWN) as table, progress("checking", None) as advance:
        for entry in read_catalogue(job.source, job.out, date.today()):
            table.add(entry)
            advance(1)
    data: dict[str, Any] = {
        "titles": table.titles,
        "refused": table.refused,
        "problems": [asdict(each) for each in table.first],
        "more_problems": table.problems - len(table.first),
    }
    result(data, _problems(table))
    if table.refused:
        note(f"{table.refused:,} of {table.titles:,} titles cannot be dubbed.")
        raise typer.Exit(EXIT_BAD_INPUT)


def _problems(table: Any) -> Group | str:
    if not table.problems:
        return f"{table.titles:,} titles, no problems"
    shown = Table(box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    for heading in ("row", "title", "where", "what", "remedy"):
        shown.add_column(heading, overflow="fold")
    for each in table.first:
        shown.add_row(*map(Text, (each.row, each.title, each.where, each.what, each.remedy)))
    more = table.problems - len(table.first)
    lines = [f"and {more:,} more problems; --problems FILE writes all"] if more else []
    return Group(shown, *lines)
