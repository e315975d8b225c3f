"""`mytalk report`: the report of a dubbed film."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from jobs.console import note, result
from jobs.options import with_options

_REPORT = ".report.json"


@dataclass(frozen=True)
class ReportOptions:
    """What `mytalk report` takes."""

    film: Annotated[Path, typer.Argument(show_default=False)]
    """A dubbed film, its title specification, or its report.json."""

    open: Annotated[bool, typer.Option("--open")] = False
    """Open the page in the browser."""


@with_options
def report(options: ReportOptions) -> None:
    """Summarise the report of a dubbed film: lines, checks, the worst findings.

    \b
    mytalk report dubbed.mp4
    mytalk report title.yaml
    mytalk report dubbed.mp4 --open
    mytalk --json report dubbed.mp4
    """
    from mytalk_core.dubbing.title_report.document import read_document
    from mytalk_core.dubbing.title_report.summary import summary_text

    path = _document(options.film)
    document = read_document(path)
    page = path.with_suffix(".html")
    result(document, "\n".join([summary_text(document), f"data: {path}", f"page: {page}"]))
    if options.open and page.is_file():
        typer.launch(str(page))
    elif options.open:
        note(f"There is no page {page}.")


def _document(given: Path) -> Path:
    """The report of what is given; a JSON file that is not named as a report is a specification."""
    from mytalk_core.dubbing.title_reader import SUFFIXES, read_output
    from mytalk_core.dubbing.title_report.document import document_path

    if given.name.endswith(_REPORT):
        return given
    return document_path(read_output(given) if given.suffix.lower() in SUFFIXES else given)
