"""`mytalk report`: the report of a dubbed film, or of a catalogue."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from jobs.console import note, result
from jobs.options import with_options
from jobs.run_tables import report_table
from mytalk_core.errors import BadInputError, Reason

_REPORT = ".report.json"
_SHOWN = 1_000  # titles of a catalogue that need attention


@dataclass(frozen=True)
class ReportOptions:
    """What `mytalk report` takes."""

    film: Annotated[str, typer.Argument(metavar="FILM|RUN", show_default=False)]
    """A dubbed film, its title specification, or its report.json; or the folder of the results of
    `mytalk batch`: path or URL."""

    open: Annotated[bool, typer.Option("--open")] = False
    """Open the page in the browser."""


@with_options
def report(options: ReportOptions) -> None:
    """Summarise the report of a dubbed film: lines, checks, the worst findings.

    Of a catalogue: what became of its titles, and those that failed or have a warning. Only the
    ledger is read.

    \b
    mytalk report dubbed.mp4
    mytalk report title.yaml
    mytalk report dubbed/
    mytalk report s3://studio/dubbed
    mytalk report dubbed.mp4 --open
    mytalk --json report dubbed.mp4
    """
    from mytalk_core.data.storage import is_local, local_file
    from mytalk_core.dubbing.title_report.document import read_document
    from mytalk_core.dubbing.title_report.summary import summary_text

    if not is_local(options.film) or local_file(options.film).is_dir():
        _print_run(options)
        return
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

    if options.open:
        raise BadInputError(
            "--open is for the report of a film.",
            reason=Reason.BAD_CONFIGURATION,
            where=options.film,
            remedy="Give the film.",
        )
    found, attention = catalogue_report(open_store(absolute(options.film)))
    shown = list(islice(attention, _SHOWN))
    more = found.failed + found.warnings - len(shown)
    if more > 0:
        note(f"{more:,} more titles need attention; the tables in ledger/tables have all.")
    data = {**asdict(found), "attention": [asdict(each) for each in shown]}
    result(data, report_table(found, shown))


def _document(given: Path) -> Path:
    """The report of what is given; a JSON file that is not named as a report is a specification."""
    from mytalk_core.dubbing.title_reader import SUFFIXES, read_output
    from mytalk_core.dubbing.title_report.document import document_path

    if given.name.endswith(_REPORT):
        return given
    return document_path(read_output(given) if given.suffix.lower() in SUFFIXES else given)
