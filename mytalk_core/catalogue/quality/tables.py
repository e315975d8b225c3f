"""The tables of a roll-up: a row for each title and for each group, outliers first.

Rows are made where they are computed and travel as record batches, which take a tenth of the memory
of the values that they are made from.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mytalk_core.catalogue.quality.groups import Group, GroupMeasures
from mytalk_core.catalogue.quality.line_measures import LineMeasures
from mytalk_core.catalogue.quality.title_quality import TitleQuality
from mytalk_core.data.storage import Store
from mytalk_core.errors import BadInputError, Reason

_Z = 1.96  # of the normal distribution: 2.5 % lie above

_COUNTED = (
    "lines",
    "lines_failed",
    "lines_drawn",
    "lines_off_screen",
    "lines_undecided",
    "lines_not_drawn",
    "lines_too_long",
    "lines_out_of_sync",
    "lines_unsure",
    "lines_fitted",
    "lines_judged",
)
LINE_COLUMNS = [
    *((name, pa.int64()) for name in (*_COUNTED, "lines_passed")),
    ("lines_failed_share", pa.float64()),
    ("stretch_mean", pa.float64()),  # of fitted lines: how much faster or slower, 0.1 for 10 %
    ("stretch_largest", pa.float64()),
    ("excess_seconds", pa.float64()),  # by which lines are too long, all together
    ("excess_largest", pa.float64()),  # seconds
    ("confidence_mean", pa.float64()),  # of speakers, 0..1
    ("confidence_least", pa.float64()),
    ("offset_mean", pa.float64()),  # of judged lines: frames of 1/25 s, without the sign
    ("offset_largest", pa.float64()),
    ("sync_confidence_mean", pa.float64()),  # as the sync expert states it
]
"""Name and type of what both tables hold of lines."""

_RECORD_TEXTS = (
    "id",
    "language",
    "studio",
    "show",
    "status",
    "reason",
    "error_class",
    "message",
    "warning",
    "source",
    "output",
    "report",
    "ended",
)


@dataclass(frozen=True)
class TableKind:
    """One of the tables."""

    name: str  # of its file
    schema: pa.Schema
    order: tuple[tuple[str, str], ...]  # columns and directions by which its rows are sorted


TITLES = TableKind(
    "titles.parquet",
    pa.schema(
        [
            *((name, pa.string()) for name in (*_RECORD_TEXTS, "unread")),
            ("run", pa.int64()),
            ("film_seconds", pa.float64()),
            ("lips_seconds", pa.float64()),
            ("cpu_seconds", pa.float64()),
            ("members", pa.list_(pa.string())),  # who say a line
            *LINE_COLUMNS,
            ("outlier", pa.float64()),  # 0..1: as `surely_failed`; 1 for a title without a film
        ]
    ),
    (("outlier", "descending"), ("id", "ascending")),
)
"""A row for each title."""

GROUPS = TableKind(
    "groups.parquet",
    pa.schema(
        [
            ("kind", pa.string()),
            ("name", pa.string()),
            ("within", pa.string()),
            *((f"titles{each}", pa.int64()) for each in ("", "_failed", "_warned", "_unread")),
            ("titles_failed_share", pa.float64()),
            ("reasons", pa.map_(pa.string(), pa.int64())),  # of titles without a film
            ("film_hours", pa.float64()),
            ("lips_hours", pa.float64()),
            ("cpu_hours", pa.float64()),
            *LINE_COLUMNS,
            ("outlier", pa.float64()),  # 0..1: the larger of titles and lines
        ]
    ),
    (("outlier", "descending"), ("kind", "ascending"), ("name", "ascending")),
)
"""A row for each group."""


def surely_failed(failed: int, of: int) -> float:
    """Return the lower 95 % bound of a share, after Wilson: few observations prove little.

    It orders outliers: 30 of 100 come before 1 of 2.
    """
    if not failed:
        return 0.0
    share, z2 = failed / of, _Z * _Z
    spread = _Z * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return max(0.0, (share + z2 / (2 * of) - spread) / (1 + z2 / of))


def title_batch(titles: Sequence[TitleQuality]) -> bytes:
    """Return rows of titles, as Arrow IPC."""
    return _encoded(TITLES, map(_title_row, titles))


def group_batch(groups: Sequence[tuple[Group, GroupMeasures]]) -> bytes:
    """Return rows of groups, as Arrow IPC."""
    return _encoded(GROUPS, (_group_row(*each) for each in groups))


def write_quality_table(store: Store, kind: TableKind, batches: Iterable[bytes]) -> None:
    """Write a table, outliers first.

    Args:
        batches: as `title_batch` or `group_batch` returns them, in any order.

    Raises:
        OutputError, StorageError: as `Store.publish`.
    """
    tables = [pa.ipc.open_stream(batch).read_all() for batch in batches]
    table = pa.concat_tables(tables) if tables else kind.schema.empty_table()
    with store.publish(kind.name) as path:
        pq.write_table(table.sort_by(list(kind.order)), path)


def read_quality_table(store: Store, kind: TableKind) -> pa.Table:
    """Read a table that `write_quality_table` wrote.

    Raises:
        BadInputError: NOT_FOUND or UNREADABLE.
        StorageError: the storage does not answer.
    """
    with store.open_read(kind.name) as file:
        try:
            return pq.read_table(file)
        except pa.ArrowException as error:
            raise BadInputError(
                f"is no table of a roll-up: {error}.",
                reason=Reason.UNREADABLE,
                where=f"{store.url}/{kind.name}",
            ) from error


def _encoded(kind: TableKind, rows: Iterable[dict[str, Any]]) -> bytes:
    table = pa.Table.from_pylist(list(rows), kind.schema)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, kind.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _title_row(title: TitleQuality) -> dict[str, Any]:
    record, lines = title.record, title.lines
    texts = {name: str(getattr(record, name) or "") for name in _RECORD_TEXTS}
    measured = _line_row(lines) if title.is_measured else {}
    bound = surely_failed(lines.lines_failed, lines.lines)
    return {
        **texts,
        "unread": title.unread,
        "run": record.run,
        "film_seconds": record.film_seconds,
        "lips_seconds": record.lips_seconds,
        "cpu_seconds": record.cpu_seconds,
        "members": list(title.members),
        **measured,
        "outlier": 1.0 if title.is_failed else bound,
    }


def _group_row(group: Group, found: GroupMeasures) -> dict[str, Any]:
    lines = found.lines
    return {
        "kind": group.kind.value,
        "name": group.name,
        "within": group.within,
        "titles": found.titles,
        "titles_failed": found.titles_failed,
        "titles_warned": found.titles_warned,
        "titles_unread": found.titles_unread,
        "titles_failed_share": found.titles_failed / found.titles,
        "reasons": sorted(found.reasons.items(), key=lambda item: (-item[1], item[0])),
        "film_hours": found.film_seconds / 3600,
        "lips_hours": found.lips_seconds / 3600,
        "cpu_hours": found.cpu_seconds / 3600,
        **_line_row(lines),
        "outlier": max(
            surely_failed(found.titles_failed, found.titles),
            surely_failed(lines.lines_failed, lines.lines),
        ),
    }


def _line_row(lines: LineMeasures) -> dict[str, Any]:
    """The columns of lines; a mean or extreme of nothing is null."""
    fitted = partial(_measured, lines.lines_fitted)
    judged = partial(_measured, lines.lines_judged)
    every = partial(_measured, lines.lines)
    return {
        **{name: getattr(lines, name) for name in _COUNTED},
        "lines_passed": lines.lines - lines.lines_failed,
        "lines_failed_share": every(lines.lines_failed, mean=True),
        "stretch_mean": fitted(lines.stretch_sum, mean=True),
        "stretch_largest": fitted(lines.stretch_largest),
        "excess_seconds": fitted(lines.excess_sum),
        "excess_largest": fitted(lines.excess_largest),
        "confidence_mean": every(lines.confidence_sum, mean=True),
        "confidence_least": every(lines.confidence_least),
        "offset_mean": judged(lines.offset_sum, mean=True),
        "offset_largest": judged(lines.offset_largest),
        "sync_confidence_mean": judged(lines.sync_confidence_sum, mean=True),
    }


def _measured(count: int, value: float, mean: bool = False) -> float | None:
    if not count:
        return None
    return value / count if mean else value
