"""Read lists given by users as CSV, JSON Lines or Parquet, row by row.

An unreadable row is returned with its error; a list without a readable row is an error. One batch
of rows is in memory at a time.
"""

import io
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from mytalk_core.data.list_columns import Columns
from mytalk_core.data.list_text import DELIMITERS, Lines, NotTextError, records, split_values
from mytalk_core.data.names import printable
from mytalk_core.data.remote_files import open_remote
from mytalk_core.data.storage import is_local, local_file
from mytalk_core.errors import BadInputError, Reason

TEXT_ENDINGS = (".csv", ".tsv", ".txt")
JSON_ENDINGS = (".jsonl", ".ndjson")
PARQUET_ENDINGS = (".parquet",)

_BATCH = 1024  # rows of Parquet read at a time
_BAD_AT_FIRST = 10_000  # bad rows at the start after which a list is refused
_BLANK = ' \t\r\n"' + "".join(DELIMITERS)
_SPREADSHEET = "sep="  # spreadsheets may write "sep=;" as the first line


@dataclass(frozen=True)
class TableRow:
    """A row of a list."""

    where: str  # the list with the line, or with the row of Parquet
    values: Mapping[str, str]  # by column, trimmed; empty for a missing value
    error: BadInputError | None = None  # of a row that cannot be used


def is_list(given: str) -> bool:
    """Return whether an input is a list, by its suffix."""
    return _ending(given, TEXT_ENDINGS + JSON_ENDINGS + PARQUET_ENDINGS)


def read_rows(url: str, columns: Columns) -> Iterator[TableRow]:
    """Yield the rows of a list in order, without blank ones.

    Text is UTF-8, or UTF-16 or UTF-32 with a byte order mark. Column names are not case-sensitive.
    The separator is the one for which most names in the header are known.

    Args:
        url: path or URL; without a suffix of JSON Lines or Parquet it is read as CSV.

    Raises:
        BadInputError: NOT_FOUND, UNREADABLE, EMPTY_FILE, or BAD_CATALOGUE if the columns are
            wrong or no row can be used.
        StorageError: STORAGE_ERROR, for a list on an object store.
    """
    bad: list[TableRow] = []
    usable = False
    with _opened(url) as file:
        for row in _rows(file, url, columns):
            if usable:
                yield row
            elif row.error:
                bad.append(row)
                if len(bad) == _BAD_AT_FIRST:
                    break
            else:
                usable = True
                yield from bad
                bad = []
                yield row
    if not usable:
        raise _none_usable(bad, columns, url)


def _none_usable(bad: list[TableRow], columns: Columns, url: str) -> BadInputError:
    if not bad:
        return columns.unusable("has no rows.", url)
    first = cast(BadInputError, bad[0].error)
    count = f"first {len(bad)} rows" if len(bad) == _BAD_AT_FIRST else f"{len(bad)} rows"
    line = bad[0].where.removeprefix(f"{url} ")
    return columns.unusable(f"none of its {count} can be used; {line} {first.what}", url)


@contextmanager
def _opened(url: str) -> Iterator[io.BufferedReader]:
    """Open the list; a remote one is first copied to a temporary file."""
    try:
        if is_local(url):
            with local_file(url).open("rb") as file:
                yield file
        else:
            with tempfile.NamedTemporaryFile(prefix="mytalk-list-") as copy:
                with open_remote(url, in_order=True) as source:
                    shutil.copyfileobj(source, copy)
                copy.flush()
                with open(copy.name, "rb") as file:
                    yield file
    except FileNotFoundError as error:
        raise BadInputError(
            "the list cannot be read: it does not exist.", reason=Reason.NOT_FOUND, where=url
        ) from error
    except OSError as error:
        raise BadInputError(
            f"cannot be read: {error.strerror or error}.", reason=Reason.UNREADABLE, where=url
        ) from error


def _rows(file: io.BufferedReader, url: str, columns: Columns) -> Iterator[TableRow]:
    if _ending(url, PARQUET_ENDINGS):
        yield from _parquet(file, url, columns)
        return
    try:
        lines = Lines(file)
    except NotTextError as error:
        raise columns.unusable(f"cannot be read: {error}.", url) from error
    yield from (_json if _ending(url, JSON_ENDINGS) else _delimited)(lines, url, columns)


def _delimited(lines: Lines, url: str, columns: Columns) -> Iterator[TableRow]:
    delimiter, header = _header(lines, url, columns)
    for record in records(lines, delimiter):
        where = f"{url} line {record.line}"
        values, problem = columns.fit(header, record.values)
        if record.problem or any(record.values):
            yield _row(where, values, record.problem or problem)


def _header(lines: Lines, url: str, columns: Columns) -> tuple[str, tuple[str, ...]]:
    """Return the delimiter of a list and the columns in its first line."""
    for line in lines:
        if line.problem:
            raise columns.unusable(f"its line {line.number} {line.problem}.", url)
        text = line.text.strip(_BLANK)
        if not text or text.casefold() == _SPREADSHEET:
            continue
        split = {each: split_values([line.text], each) for each in DELIMITERS}
        delimiter = max(split, key=lambda each: columns.known(split[each][0]))
        header, problem = split[delimiter]
        if problem:
            raise columns.unusable(f"its line {line.number} {problem}.", url)
        return delimiter, columns.check(header, url)
    raise BadInputError(
        "is empty.", reason=Reason.EMPTY_FILE, where=url, remedy=columns.unusable("", url).remedy
    )


def _json(lines: Lines, url: str, columns: Columns) -> Iterator[TableRow]:
    for line in lines:
        if line.problem or line.text.strip():
            values, problem = dict.fromkeys(columns.names, ""), line.problem
            if not problem:
                values, problem = _json_values(line.text, columns)
            yield _row(f"{url} line {line.number}", values, problem)


def _json_values(text: str, columns: Columns) -> tuple[dict[str, str], str]:
    named = dict.fromkeys(columns.names, "")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        return named, f"is not JSON: {error}"
    if not isinstance(fields, dict):
        return named, "is not a JSON object"
    fields = dict(_flat(fields))
    for key, value in fields.items():
        name = columns.name(key)
        if not columns.is_column(name):
            return (
                named,
                f"has the unknown column {key!r}.{columns.suggestion([name], list(fields))}",
            )
        if isinstance(value, dict | list):
            return named, f"has a value of {name} that is not a text"
        named[name] = _text(value)
    return named, columns.missing_value(named)


def _flat(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the fields of an object; those of an object within it have names with a dot."""
    for key, value in fields.items():
        if isinstance(value, dict) and value:
            yield from ((f"{key}.{within}", each) for within, each in value.items())
        else:
            yield key, value


def _parquet(file: io.BufferedReader, url: str, columns: Columns) -> Iterator[TableRow]:
    number = 0
    try:
        table = pq.ParquetFile(file, page_checksum_verification=True)
        header = columns.check(table.schema_arrow.empty_table().flatten().column_names, url)
        for batch in table.iter_batches(_BATCH):
            # Fields of structures are columns with a dot in their names.
            texts = [_texts(column) for column in pa.Table.from_batches([batch]).flatten().columns]
            for values in zip(*texts, strict=True):
                number += 1
                named, problem = columns.fit(header, values)
                if any(values):
                    yield _row(f"{url} row {number}", named, problem)
    except (pa.ArrowException, OSError, ValueError) as error:  # damaged files raise all three
        if isinstance(error, OSError) and error.errno is not None:
            raise
        if not number:
            raise columns.unusable(f"this is not a Parquet file: {error}.", url) from error
        problem = f"and all following rows cannot be read: {error}"
        yield _row(f"{url} row {number + 1}", dict.fromkeys(columns.names, ""), problem)


def _texts(column: pa.ChunkedArray) -> list[str]:
    return [_text(each) for each in column.to_pylist()]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape").strip()
    return str(value).strip()


def _row(where: str, values: Mapping[str, str], problem: str) -> TableRow:
    texts = "".join(values.values())
    if not problem and "\0" in texts:
        problem = "contains a NUL byte"
    if not texts.isascii() and printable(texts) != texts:
        problem = problem or "is not UTF-8"
        values = {name: printable(value) for name, value in values.items()}
    if not problem:
        return TableRow(where, values)
    error = BadInputError(f"{problem}.", reason=Reason.BAD_CATALOGUE, where=where)
    return TableRow(where, values, error)


def _ending(url: str, endings: tuple[str, ...]) -> bool:
    path = url if is_local(url) else urlsplit(url).path
    return path.lower().endswith(endings)
