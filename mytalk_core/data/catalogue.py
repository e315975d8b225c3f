"""The catalogue: one row per title and language to dub, as a CSV file that people edit.

A row that cannot be used fails alone and says why; a file that cannot be read as a catalogue at
all is an error.
"""

import csv
import hashlib
import io
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mytalk_core.data.names import normal_name, short_slug
from mytalk_core.errors import BadInputError, Reason

REQUIRED_COLUMNS = ("video", "speech", "language")
COLUMNS = (*REQUIRED_COLUMNS, "script", "id")

# Names a folder: no path, no hidden file, no surprise for a shell.
_LONGEST_ID = 100
_SAFE_ID = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_-]{{0,{_LONGEST_ID - 1}}}")
# An id in another script becomes a slug with a digest; of its ASCII only this is refused.
_UNSAFE_START = (".", "-")
_SEPARATORS = frozenset("/\\")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")  # BCP 47, such as "pt-BR"
_REMEDY = f"Give a CSV file in UTF-8 with the columns {', '.join(COLUMNS)} (the last two if any)."


@dataclass(frozen=True)
class CatalogueRow:
    """One title in one language. Its paths are absolute and its files exist."""

    # Unique in its catalogue whatever the letters' case; safe as the name of a folder: an id in
    # another script than Latin is written as what ASCII can show of it and a digest.
    id: str
    video: Path
    speech: Path
    language: str  # BCP 47 tag of the speech, as the catalogue gives it
    script: Path | None  # the speech's lines with their times


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be used, as far as it can be read; its texts may be empty."""

    id: str
    video: str
    speech: str
    language: str
    error: BadInputError


def read_catalogue(path: Path) -> list[CatalogueRow | BadRow]:
    """The rows of a catalogue, in order; blank lines are no rows.

    Paths are relative to the catalogue's folder. A row without an id is called after its video
    and its language.

    Raises:
        BadInputError: NOT_FOUND, UNREADABLE, EMPTY_FILE, or BAD_CATALOGUE where columns are
            missing, unknown or doubled, or there is no row.
    """
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    rows: list[CatalogueRow | BadRow] = []
    first_lines: dict[str, int] = {}  # where an id was taken
    try:
        columns = _columns(next(reader, []), path)
        for values in reader:
            if any(value.strip() for value in values):
                rows.append(_row(columns, values, path, reader.line_num, first_lines))
    except csv.Error as error:
        raise _unusable(f"line {reader.line_num} is not CSV: {error}.", path) from error
    if not rows:
        raise _unusable("has no rows.", path)
    return rows


def content_id(row: CatalogueRow, recipe: Mapping[str, object]) -> str:
    """A name for all that decides a title's film: its files, its language and the recipe.

    A file is known by its name, size and time of change: reading films of many gigabytes only to
    find that nothing changed would cost more than a dub of a short one.

    Args:
        recipe: JSON values; what is the same for all titles, such as weights and configuration.
    """
    files = []
    for path in (row.video, row.speech, row.script):
        if path:
            stat = path.stat()
            files.append([path.name, stat.st_size, stat.st_mtime_ns])
        else:
            files.append([])
    text = json.dumps([row.language, files, recipe], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise BadInputError(
            "there is no such catalogue.", reason=Reason.NOT_FOUND, where=str(path)
        ) from error
    except OSError as error:
        raise BadInputError(
            f"cannot be read: {error.strerror}.", reason=Reason.UNREADABLE, where=str(path)
        ) from error
    if not data.strip():
        raise BadInputError("is empty.", reason=Reason.EMPTY_FILE, where=str(path), remedy=_REMEDY)
    try:
        return data.decode("utf-8-sig")  # spreadsheets put a byte order mark in front
    except UnicodeDecodeError as error:
        raise _unusable(f"is not UTF-8 (byte {error.start}).", path) from error


def _columns(header: list[str], path: Path) -> list[str]:
    columns = [name.strip().lower() for name in header]
    missing = [name for name in REQUIRED_COLUMNS if name not in columns]
    if missing:
        raise _unusable(f"its first line lacks the columns {', '.join(missing)}.", path)
    unknown = [name or "(no name)" for name in columns if name not in COLUMNS]
    if unknown:
        raise _unusable(f"nobody knows the columns {', '.join(unknown)}.", path)
    if len(set(columns)) < len(columns):
        raise _unusable("a column stands there twice.", path)
    return columns


def _row(
    columns: list[str],
    values: list[str],
    path: Path,
    line: int,
    first_lines: dict[str, int],
) -> CatalogueRow | BadRow:
    """Check one row; an id that it takes is noted in `first_lines`."""
    given = dict.fromkeys(COLUMNS, "") | dict(zip(columns, map(str.strip, values), strict=False))
    name = _title_id(given)
    where = f"{path} line {line}"
    try:
        if len(values) > len(columns):
            raise _bad(
                f"has {len(values)} values for {len(columns)} columns.",
                where,
                "Put values that contain commas in double quotes.",
            )
        for column in REQUIRED_COLUMNS:
            if not given[column]:
                raise _bad(f"has no {column}.", where)
        if not _LANGUAGE.fullmatch(given["language"]):
            raise _bad(
                f"{given['language']!r} is no language.", where, "Write it as in `en` or `pt-BR`."
            )
        if not _SAFE_ID.fullmatch(name):
            raise _bad(
                f"the id {name!r} cannot name a folder.",
                where,
                f"Use letters, digits, - and _, at most {_LONGEST_ID}.",
            )
        taken = first_lines.setdefault(name.casefold(), line)
        if taken != line:
            raise _bad(f"the id {name!r} is that of line {taken}.", where, "Give it another id.")
        folder = path.parent.resolve()
        return CatalogueRow(
            id=name,
            video=_file(folder, given["video"], "video", where),
            speech=_file(folder, given["speech"], "speech", where),
            language=given["language"],
            script=_file(folder, given["script"], "script", where) if given["script"] else None,
        )
    except BadInputError as error:
        return BadRow(name, given["video"], given["speech"], given["language"], error)


def _title_id(given: Mapping[str, str]) -> str:
    """The id of a row, safe as a folder's name unless it is one that must be refused."""
    own = given["id"]
    if not own:
        return short_slug(f"{Path(given['video']).stem}_{given['language']}", _LONGEST_ID)
    if own.isascii() or own.startswith(_UNSAFE_START) or _SEPARATORS & set(own):
        return own
    return short_slug(normal_name(own), _LONGEST_ID)


def _file(folder: Path, text: str, column: str, where: str) -> Path:
    path = folder / text  # an absolute path stands for itself
    if not os.path.isfile(path):  # unlike Path.is_file, False also for what cannot be a path
        raise BadInputError(
            f"its {column} {path} does not exist.", reason=Reason.NOT_FOUND, where=where
        )
    return path


def _bad(what: str, where: str, remedy: str = "") -> BadInputError:
    return BadInputError(what, reason=Reason.BAD_CATALOGUE, where=where, remedy=remedy)


def _unusable(what: str, path: Path) -> BadInputError:
    return BadInputError(what, reason=Reason.BAD_CATALOGUE, where=str(path), remedy=_REMEDY)
