"""`mytalk report`: the report of a dubbed film, or of a catalogue."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group

from jobs.beam_options import LOCAL_RUNNER, Runner, RunnerOptions
from jobs.console import note, result
from jobs.options import with_options
from jobs.quality_roll_up import quality_data, quality_table, rolled_up
from jobs.run_tables import report_table
from mytalk_core.errors import BadInputError, Reason

if TYPE_CHECKING:
    from mytalk_core.catalogue.run_status import CatalogueReport

_REPORT = ".report.json"
_SHOWN = 1_000  # titles of a catalogue that need attention


@dataclass(frozen=True)
class ReportOptions:
    """What `mytalk report` takes."""

    film: Annotated[str, typer.Argument(metavar="FILM|RUN", show_default=False)]
    """A dubbed film, its title specification, or its report.json; or the folder of the results of
    `mytalk batch`: path or URL."""

    quality: Annotated[str, typer.Option(metavar="DIR", show_default=False)] = ""
    """Of a catalogue: read the reports of all titles and write their quality by title, language,
    studio, show and member to this folder: a path, or the URL of an object store."""

    open: Annotated[bool, typer.Option("--open")] = False
    """Open the page in the browser."""

    runner: Runner = LOCAL_RUNNER
    runner_option: RunnerOptions = None


@with_options
def report(options: ReportOptions) -> None:
    """Summarise the report of a dubbed film: lines, checks, the worst findings.

    Of a catalogue: what became of its titles, and those that failed or have a warning. Only the
    ledger is read, unless --quality is given.

    \b
    mytalk report dubbed.mp4
    mytalk report title.yaml
    mytalk report dubbed/
    mytalk report s3://studio/dubbed
    mytalk report dubbed/ --quality quality/ --open
    mytalk report dubbed.mp4 --open
    mytalk --json report dubbed.mp4
    """
    from mytalk_core.data.storage import is_local, local_file
    from mytalk_core.dubbing.title_report.document import read_document
    from mytalk_core.dubbing.title_report.summary import summary_text

    if not is_local(options.film) or local_file(options.film).is_dir():
        _print_run(options)
        return
    if options.quality:
        raise BadInputError(
            "is the report of a single film.",
            reason=Reason.BAD_CONFIGURATION,
            where=options.film,
            remedy="Give --quality with the folder of the results of `mytalk batch`.",
        )
    path = _document(local_file(options.film))
    document = read_document(path)
    page = path.with_suffix(".html")
    result(document, "\n".join([summary_text(document), f"data: {path}", f"page: {page}"]))
    if options.open and page.is_file():
        typer.launch(str(page))
    elif options.open:
        note(f"There is no page {page}.")


def _print_run(options: ReportOptions) -> None:
    from mytalk_core.catalogue.run_status import catalogue_report
    from mytalk_core.data.storage import open_store
    from mytalk_core.data.stored_files import absolute

    if options.open and not options.quality:
        raise BadInputError(
            "has a page with --quality only.",
            reason=Reason.BAD_CONFIGURATION,
            where=options.film,
            remedy="Add --quality DIR, or give a film.",
        )
    results = absolute(options.film.rstrip("/") or "/")
    found, attention = catalogue_report(open_store(results))
    if options.quality:
        _print_quality(options, results, found)
        return
    shown = list(islice(attention, _SHOWN))
    more = found.failed + found.warnings - len(shown)
    if more > 0:
        note(f"{more:,} more titles need attention; the tables in ledger/tables have all.")
    data = {**asdict(found), "attention": [asdict(each) for each in shown]}
    result(data, report_table(found, shown))


def _print_quality(options: ReportOptions, results: str, found: CatalogueReport) -> None:
    """Write the roll-up of a catalogue, and print its worst groups."""
    from mytalk_core.catalogue.quality.limits import NO_LIMITS
    from mytalk_core.catalogue.quality.page import PAGE
    from mytalk_core.catalogue.quality.tables import GROUPS, TITLES
    from mytalk_core.data.ledger import FOLDER
    from mytalk_core.data.output_check import Output, check_output_folder
    from mytalk_core.data.storage import is_local
    from mytalk_core.data.stored_files import absolute

    out = absolute(options.quality.rstrip("/") or "/")
    files = [Output(name) for name in (TITLES.name, GROUPS.name, PAGE)]
    check_output_folder(out, files, [], [f"{results}/{FOLDER}"], "--quality")
    done = rolled_up(results, out, NO_LIMITS, options.runner, options.runner_option)
    data = {**asdict(found), "quality": quality_data(done)}
    result(data, Group(report_table(found, []), quality_table(done)))
    if options.open and is_local(done.page):
        typer.launch(done.page)
    elif options.open:
        note(f"The page is in an object store: {done.page}")


def _document(given: Path) -> Path:
    """The report of what is given; a JSON file that is not named as a report is a specification."""
    from mytalk_core.dubbing.title_reader import SUFFIXES, read_output
    from mytalk_core.dubbing.title_report.document import document_path

    if given.name.endswith(_REPORT):
        return given
    return document_path(read_output(given) if given.suffix.lower() in SUFFIXES else given)
