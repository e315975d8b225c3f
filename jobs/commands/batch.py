"""`mytalk batch`: check and dub a catalogue of titles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from jobs.batch_limits import Retry, moment, retried_classes, seconds_until
from jobs.cluster_option import Address
from jobs.console import EXIT_BAD_INPUT, EXIT_SOME_FAILED, note, progress, result
from jobs.default_command import DefaultCommandGroup
from jobs.list_options import AllowPrivate, AllowRoot
from jobs.options import with_options
from jobs.quality_roll_up import quality_data, quality_table, rolled_up
from jobs.run_tables import estimate_table, results_table
from mytalk_core.errors import BadInputError, Reason

if TYPE_CHECKING:
    from mytalk_core.catalogue.entries import Entry
    from mytalk_core.catalogue.job import BatchJob
    from pipelines.dub import BatchConfig

batch = typer.Typer(
    cls=DefaultCommandGroup,
    no_args_is_help=True,
    help="Dub a catalogue of titles, or check it.\n\n"
    "`mytalk batch CATALOGUE --out DIR` is `mytalk batch run CATALOGUE --out DIR`.",
)

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
    """Folder of the results: a path, or the URL of an object store."""

    work: Annotated[str, typer.Option(show_default="OUT.work")] = ""
    """Folder of intermediate results that all machines reach: a path, or the URL of an object
    store. A run that was killed goes on from there, a changed title draws only what changed."""

    only: Annotated[list[str] | None, typer.Option(metavar="ID", show_default=False)] = None
    """Dub these titles only: ids or patterns such as `pilot_*`; may be given several times."""

    since: Annotated[str, typer.Option(metavar="TIME", show_default=False)] = ""
    """Leave out rows whose column `updated` is before this date or time."""

    retry: Annotated[list[Retry] | None, typer.Option(show_default="transient")] = None
    """Failures of earlier runs to try again, where nothing of the title has changed; may be given
    several times."""

    deadline: Annotated[str, typer.Option(metavar="TIME", show_default=False)] = ""
    """Take no further titles after this: `8h`, `90m`, `06:30`, or a date and time."""

    max_cpu_hours: Annotated[float | None, typer.Option(min=0, show_default=False)] = None
    """Take no further titles once those that ended took so many processor hours."""

    dry_run: Annotated[bool, typer.Option("--dry-run")] = False
    """Print what would be dubbed and why, with estimates from earlier runs."""

    prices: Annotated[Path | None, typer.Option(metavar="FILE", show_default=False)] = None
    """YAML with `cpu_hour`, `storage_gb_month` and `currency`, for --dry-run."""

    wait: Annotated[bool, typer.Option("--wait/--no-wait")] = True
    """Wait for another run that writes to the folder, and go on when it ends or dies."""

    workers: Annotated[int | None, typer.Option(min=1, show_default=False)] = None
    """Processes that make parts of titles, and titles in work; as many as fit by default."""

    allow_root: AllowRoot = None
    allow_private_addresses: AllowPrivate = False
    address: Address = ""


@batch.command("run")
@with_options
def run(options: BatchOptions) -> None:
    """Dub every title of a catalogue that is new, changed or worth another try.

    Films and reports are written to OUT/ID/ or as the rows say, what became of each title to
    OUT/ledger/. A bad row fails alone. The exit code is 1 where a title that was asked for has no
    film in the end, or where the results exceed a limit of the job.

    \b
    mytalk batch catalogue.csv --out dubbed/
    mytalk batch job.yaml --deadline 06:30
    mytalk batch job.yaml --only "pilot_*" --retry failed
    mytalk batch job.yaml --dry-run
    mytalk batch s3://studio/job.yaml --address head:6379
    """
    from mytalk_core.catalogue.stored_models import recipe
    from mytalk_core.dubbing.models import named_models

    job = _checked(options)
    made_from = recipe(named_models(None, None))
    entries = _entries(options, job)
    if options.dry_run:
        _estimate(options, job, entries, made_from)
    else:
        _dub(options, job, entries, made_from)


def _checked(options: BatchOptions) -> BatchJob:
    """Read the job and check the folder of the results, before anything is loaded."""
    from mytalk_core.data.ledger import FOLDER
    from mytalk_core.data.output_check import Output, check_output_folder

    job = _job(options)
    if not job.out:
        raise BadInputError(
            "is missing.",
            reason=Reason.BAD_CONFIGURATION,
            where="--out",
            remedy="Name a folder with --out, or with the key `out` of the job.",
        )
    check_output_folder(job.out, [Output(FOLDER, is_folder=True)], [job.source.url])
    return job


def _entries(options: BatchOptions, job: BatchJob) -> Iterator[Entry]:
    """Begin to read the catalogue: what is none is refused before a folder is touched."""
    from mytalk_core.catalogue.reading import Selection, read_catalogue

    now = datetime.now().astimezone()
    since = moment(options.since, "--since", now) if options.since else None
    selection = Selection(tuple(options.only or ()), since)
    entries = read_catalogue(job.source, job.out, now.date(), selection)
    return chain(list(islice(entries, 1)), entries)


def _dub(
    options: BatchOptions, job: BatchJob, entries: Iterator[Entry], recipe: Mapping[str, object]
) -> None:
    """Dub the titles of a catalogue and note each result as it arrives."""
    from mytalk_core.catalogue.reading import QUALITY
    from mytalk_core.catalogue.run_work import run_artifacts, work_address
    from mytalk_core.catalogue.stored_models import stored_dubber, stored_tools
    from mytalk_core.data.run_records import RunEnd, TitleStatus
    from mytalk_core.data.stored_files import absolute
    from pipelines.dub import Batch, catalogue_run

    work = absolute(options.work) if options.work else work_address(job.out)
    run_artifacts(work)  # refuses a place that cannot be used
    night = Batch(job.source.url, job.out, stored_dubber, stored_tools, work, recipe)
    with catalogue_run(night, entries, _config(options), note) as found:
        start, bad = found.start, []
        with progress(f"dubbing {start.chosen} titles", start.chosen + start.refused) as advance:
            for each in found.results():
                note(f"{each.status}: {each.id}  {each.message or each.warning}".rstrip())
                advance(1)
                if each.status is TitleStatus.FAILED or each.warning:
                    bad.append(each)
    ended = found.ended
    without = ended.failed + ended.left + start.failed_before
    data: dict[str, object] = {"run": asdict(start), "ended": asdict(ended)}
    data["attention"] = [asdict(each) for each in bad]
    line = (
        f"{ended.ok:,} ok, {ended.failed:,} failed, {start.finished:,} finished before,"
        f" {start.failed_before:,} failed before, {ended.left:,} left ({ended.why}); {job.out}"
    )
    shown: list[RenderableType] = [results_table(bad), line] if bad else [line]
    exceeded = 0
    if job.limits.shares and ended.why is not RunEnd.CANCELLED:
        quality = rolled_up(job.out, f"{job.out}/{QUALITY}", job.limits)
        exceeded = len(quality.exceeded)
        data["quality"] = quality_data(quality)
        shown.append(quality_table(quality))
    result(data, Group(*shown) if len(shown) > 1 else line)
    if without or exceeded:
        raise typer.Exit(EXIT_SOME_FAILED)


def _config(options: BatchOptions) -> BatchConfig:
    from mytalk_core.data.lease import LeaseConfig
    from pipelines.dub import BatchConfig

    now = datetime.now().astimezone()
    return BatchConfig(
        workers=options.workers,
        address=options.address,
        retry=retried_classes(options.retry or [Retry.TRANSIENT]),
        seconds=seconds_until(options.deadline, now) if options.deadline else None,
        cpu_hours=options.max_cpu_hours,
        lease=LeaseConfig(wait=options.wait),
    )


def _estimate(
    options: BatchOptions, job: BatchJob, entries: Iterator[Entry], recipe: Mapping[str, object]
) -> None:
    from mytalk_core.catalogue.estimate import estimate_night, read_prices
    from mytalk_core.catalogue.night import plan_night
    from mytalk_core.data.ledger import Ledger
    from mytalk_core.data.storage import open_store

    prices = read_prices(options.prices) if options.prices else None
    ledger = Ledger(open_store(job.out))
    retry = retried_classes(options.retry or [Retry.TRANSIENT])
    plan = plan_night(entries, ledger, recipe, retry)
    found = estimate_night(plan, ledger, prices)
    titles = [
        {"id": each.title.id, "why": each.choice.value, "film": each.title.film}
        for each in plan.chosen[:_SHOWN]
    ]
    data = {**asdict(found), "first_titles": titles}
    result(data, estimate_table(found))


def _job(options: BatchOptions | CheckOptions) -> BatchJob:
    from mytalk_core.catalogue.job import batch_job

    roots, private = options.allow_root or (), options.allow_private_addresses
    return batch_job(options.job, options.out, roots, private)


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
