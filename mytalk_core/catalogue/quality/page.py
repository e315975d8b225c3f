"""The page of a roll-up: one HTML file with the tables of titles and groups, outliers first."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import pyarrow as pa
import pyarrow.compute as pc

from mytalk_core.catalogue.quality.groups import GroupKind
from mytalk_core.catalogue.quality.limits import Exceeded
from mytalk_core.catalogue.quality.tables import LINE_COLUMNS
from mytalk_core.data.page import (
    packed_values,
    page_policy,
    page_script,
    page_style,
    page_template,
)
from mytalk_core.data.storage import Store, is_local, local_file
from mytalk_core.redaction import redacted

PAGE = "quality.html"
"""Name of the page, beside the tables."""

_PACKAGE = "mytalk_core.catalogue.quality"
_SCRIPTS = tuple(f"page/{name}.js" for name in ("columns", "details", "main"))
_MOST_ROWS = 100_000  # of a table of the page
_DIGITS = 4  # of measures
_NOT_SHOWN = ("lines_passed", "excess_seconds")
_LINES = tuple(name for name, _ in LINE_COLUMNS if name not in _NOT_SHOWN)
_TITLE = (
    "id",
    "language",
    "studio",
    "show",
    "status",
    "reason",
    "message",
    "warning",
    "unread",
    "source",
    "report",
    "members",
    *_LINES,
)
_GROUP = ("name", "within", "titles", "titles_failed", "titles_warned", "titles_unread", *_LINES)
_LABELS = {
    GroupKind.LANGUAGE: "Languages",
    GroupKind.STUDIO: "Studios",
    GroupKind.SHOW: "Shows",
    GroupKind.MEMBER: "Members",
}


@dataclass(frozen=True)
class QualityPage:
    """What the page shows."""

    results: str  # absolute path or URL of the folder of the results
    titles: pa.Table  # of `TITLES`
    groups: pa.Table  # of `GROUPS`
    limits: int  # how many the job states
    exceeded: Sequence[Exceeded]


def write_quality_page(out: Store, page: QualityPage) -> None:
    """Write the page, complete or not at all.

    Raises:
        OutputError, StorageError: as `Store.publish`.
    """
    text = quality_page(page, out.url)
    with out.publish(PAGE) as temporary:
        temporary.write_text(text, encoding="utf-8")


def quality_page(page: QualityPage, folder: str) -> str:
    """Return the page as HTML.

    Args:
        folder: absolute path or URL of the folder in which the page will be.
    """
    script = page_script(_PACKAGE, _SCRIPTS)
    by_kind = {kind: _of_kind(page.groups, kind) for kind in _LABELS}
    shown = {kind: groups for kind, groups in by_kind.items() if groups.num_rows}
    tables = [("titles", "Titles", page.titles.num_rows)]
    tables += [(kind.value, _LABELS[kind], groups.num_rows) for kind, groups in shown.items()]
    payload = {
        "base": link_between(folder, page.results),
        "exceeded": [[each.kind, each.group] for each in page.exceeded],
        "titles": _columns(page.titles, _TITLE),
        "groups": {kind.value: _columns(groups, _GROUP) for kind, groups in shown.items()},
    }
    return page_template(_PACKAGE, "page/quality.html.j2").render(
        page=page,
        results=redacted(page.results),
        policy=page_policy(script),
        style=page_style(_PACKAGE, "page/quality.css"),
        script=script,
        payload=packed_values(payload),
        tables=tables,
        shortened=[label for _, label, rows in tables if rows > _MOST_ROWS],
        most=_MOST_ROWS,
        total=_total(page.groups),
    )


def link_between(folder: str, target: str) -> str:
    """Return a link from a page in a folder to another folder, without a slash at its end.

    It is relative where both are on this machine or in one bucket, so that they can be moved
    together.

    Args:
        folder, target: absolute paths or URLs.
    """
    if is_local(folder) and is_local(target):
        return quote(os.path.relpath(local_file(target), local_file(folder)))
    if is_local(target):
        return local_file(target).as_uri()
    start, end = urlsplit(folder), urlsplit(target)
    if (start.scheme, start.netloc) == (end.scheme, end.netloc):
        return quote(os.path.relpath(end.path or "/", start.path or "/"))
    return target


def _of_kind(groups: pa.Table, kind: GroupKind) -> pa.Table:
    return groups.filter(pc.equal(groups["kind"], kind.value))


def _total(groups: pa.Table) -> dict[str, Any] | None:
    """The row of the whole catalogue; None where it has no titles."""
    rows: list[dict[str, Any]] = _of_kind(groups, GroupKind.ALL).to_pylist()
    return rows[0] if rows else None


def _columns(table: pa.Table, names: Sequence[str]) -> dict[str, list[Any]]:
    shown = table.slice(0, _MOST_ROWS)
    return {name: _rounded(shown[name]).to_pylist() for name in names}


def _rounded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.round(column, _DIGITS) if pa.types.is_floating(column.type) else column
