"""`mytalk title`: write and check title specifications."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobs.console import EXIT_BAD_INPUT, note, result
from jobs.options import with_options

if TYPE_CHECKING:
    from rich.table import Table

    from mytalk_core.dubbing.title_files import FileFindings
    from mytalk_core.dubbing.title_reader import ReadTitle

title = typer.Typer(no_args_is_help=True, help="Write and check title specifications.")

_SUFFIXES = (".yaml", ".yml")
_SHOWN = 10  # warnings about one place of a title that the table shows; JSON has all


@dataclass(frozen=True)
class InitOptions:
    """What `mytalk title init` takes."""

    video: Annotated[Path, typer.Argument(show_default=False)]
    """The film."""

    out: Annotated[Path, typer.Option()] = Path("title.yaml")
    """The specification; an existing file is not replaced."""


@title.command("init")
@with_options
def init(options: InitOptions) -> None:
    """Write a title specification to fill in, with a comment on every key.

    \b
    mytalk title init film.mp4
    mytalk title init film.mov --out titles/pilot_de.yaml
    """
    from mytalk_core.data.names import short_slug
    from mytalk_core.data.output_check import check_output_files
    from mytalk_core.dubbing.title_template import fact_lines, film_facts, title_template
    from mytalk_core.errors import BadInputError, Reason
    from mytalk_core.media.output import atomic_path

    out = options.out
    check_output_files([out], [options.video], suffixes=_SUFFIXES)
    if out.exists():
        raise BadInputError(
            "exists and is not replaced.",
            reason=Reason.BAD_CONFIGURATION,
            where=str(out),
            remedy="Name another file with --out.",
        )
    facts = film_facts(options.video)
    text = title_template(facts, short_slug(options.video.stem, 100), out.parent)
    with atomic_path(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    lines = fact_lines(facts)
    result({"title": str(out), "film": lines}, "\n".join([*lines, f"specification: {out}"]))


@dataclass(frozen=True)
class CheckOptions:
    """What `mytalk title check` takes."""

    titles: Annotated[list[Path], typer.Argument(metavar="TITLE...", show_default=False)]
    """Title specifications, or folders of them."""


@title.command("check")
@with_options
def check(options: CheckOptions) -> None:
    """Check title specifications and the files that they name; every problem is shown.

    The exit code is 2 where a title has a problem; warnings do not change it.

    \b
    mytalk title check title.yaml
    mytalk title check titles/
    mytalk --json title check titles/*.yaml
    """
    from datetime import date

    from mytalk_core.dubbing.title_files import FileFindings, check_files
    from mytalk_core.dubbing.title_reader import read_titles, specification_files

    read = read_titles(specification_files(options.titles), date.today())
    found = [check_files(each.spec) if each.spec else FileFindings() for each in read]
    described = [_described(*each) for each in zip(read, found, strict=True)]
    result({"titles": described}, _table(described))
    bad = sum(not each["usable"] for each in described)
    if bad:
        note(f"{bad} of {len(described)} titles cannot be dubbed.")
        raise typer.Exit(EXIT_BAD_INPUT)


def _described(title: ReadTitle, found: FileFindings) -> dict[str, Any]:
    """One title as JSON values."""
    from dataclasses import asdict

    problems = [asdict(each) for each in (*title.problems, *found.problems)]
    described: dict[str, Any] = {
        "title": str(title.path),
        "id": title.spec.id if title.spec else None,
        "usable": not problems,
        "problems": problems,
        "warnings": [asdict(each) for each in found.warnings],
    }
    if found.film:
        described |= {
            "seconds": float(found.film.duration),
            "fps": str(found.film.fps),
            "start_timecode": found.start.label if found.start else None,
            "script_lines": found.lines,
        }
    return described


def _table(titles: list[dict[str, Any]]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    for heading in ("title", "", "where", "what", "remedy"):
        table.add_column(heading, overflow="fold")
    for each in titles:
        kinds = (("problem", each["problems"]), ("warning", _bounded(each["warnings"])))
        rows = [(kind, row) for kind, rows in kinds for row in rows]
        for kind, row in rows:
            cells = (each["title"], kind, row["where"], row["what"], row["remedy"])
            table.add_row(*map(Text, cells))
        if not rows:
            table.add_row(Text(each["title"]), "good")
    return table


def _bounded(warnings: list[dict[str, str]]) -> list[dict[str, str]]:
    """The first warnings about each place, with the number of the others."""
    counts = Counter(each["where"] for each in warnings)
    shown = []
    for where, count in counts.items():
        here = [each for each in warnings if each["where"] == where]
        shown += here[:_SHOWN]
        if count > _SHOWN:
            what = f"has {count - _SHOWN:,} more warnings"
            remedy = "With --json all are shown."
            shown.append({"where": where, "what": what, "remedy": remedy})
    return shown
