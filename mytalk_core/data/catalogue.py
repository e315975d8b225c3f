"""The catalogue: a list that users edit, with one row per title and language to dub.

An invalid row becomes a `BadRow` with its error; a file that is not a catalogue is an error.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mytalk_core.data.list_access import ListAccess, named_address
from mytalk_core.data.list_columns import Columns
from mytalk_core.data.names import normal_name, short_slug
from mytalk_core.data.storage import is_local, local_file
from mytalk_core.data.table_reader import TableRow, read_rows
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.redaction import redacted

_COLUMNS = Columns(required=("video", "speech", "language"), optional=("script", "id"))
_DEFAULT_ACCESS = ListAccess()

# An id names a folder: no path, no hidden file, nothing that a shell expands.
_LONGEST_ID = 100
_SAFE_ID = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_-]{{0,{_LONGEST_ID - 1}}}")
# An id in another script becomes a slug with a digest, unless it starts like this.
_UNSAFE_START = (".", "-")
_SEPARATORS = frozenset("/\\")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")  # BCP 47, such as "pt-BR"


@dataclass(frozen=True)
class CatalogueRow:
    """One title in one language. Its paths are absolute and its files exist."""

    # Unique in its catalogue regardless of case, and a safe name of a folder: an id in a script
    # other than Latin is written as its ASCII part and a digest.
    id: str
    video: Path
    speech: Path
    language: str  # BCP 47 tag of the speech, as in the catalogue
    script: Path | None  # lines of the speech with their times


@dataclass(frozen=True)
class BadRow:
    """An invalid row; values that could not be read are empty."""

    id: str
    video: str
    speech: str
    language: str
    error: BadInputError


def read_catalogue(
    url: str | Path, access: ListAccess = _DEFAULT_ACCESS
) -> list[CatalogueRow | BadRow]:
    """Return the rows of a catalogue in order, without blank lines.

    Paths are relative to the catalogue's folder. The default id of a row is the name of its video
    and its language.

    Args:
        url: path or URL of the catalogue.
        access: the files and addresses that the catalogue may name.

    Raises:
        BadInputError: as `read_rows`.
    """
    taken: dict[str, str] = {}  # by id without case: the row that has it
    return [_row(row, str(url), access, taken) for row in read_rows(str(url), _COLUMNS)]


def content_id(row: CatalogueRow, recipe: Mapping[str, object]) -> str:
    """Return a digest of everything that determines a title's film: files, language and recipe.

    A file is identified by name, size and modification time, because reading films of many
    gigabytes takes longer than dubbing a short one.

    Args:
        recipe: JSON values that are the same for all titles, such as weights and configuration.
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


def _row(
    row: TableRow, catalogue: str, access: ListAccess, taken: dict[str, str]
) -> CatalogueRow | BadRow:
    """Check one row and add its id to `taken`."""
    given = row.values
    name = _title_id(given)
    try:
        if row.error:
            raise row.error
        if not _LANGUAGE.fullmatch(given["language"]):
            raise _bad(
                f"{given['language']!r} is not a language tag.", row, "Use e.g. `en` or `pt-BR`."
            )
        if not _SAFE_ID.fullmatch(name):
            raise _bad(
                f"the id {name!r} cannot name a folder.",
                row,
                f"Use letters, digits, - and _, at most {_LONGEST_ID}.",
            )
        if taken.setdefault(name.casefold(), row.where) != row.where:
            first = taken[name.casefold()].removeprefix(f"{catalogue} ")
            raise _bad(f"the id {name!r} is already used by {first}.", row, "Give it another id.")

        def file(column: str) -> Path:
            return _file(row, column, catalogue, access)

        return CatalogueRow(
            id=name,
            video=file("video"),
            speech=file("speech"),
            language=given["language"],
            script=file("script") if given["script"] else None,
        )
    except BadInputError as error:
        video, speech = redacted(given["video"]), redacted(given["speech"])
        return BadRow(redacted(name), video, speech, given["language"], error)


def _title_id(given: Mapping[str, str]) -> str:
    """Return the id of a row; not yet checked against `_SAFE_ID`."""
    own = given["id"]
    if not own:
        return short_slug(f"{Path(given['video']).stem}_{given['language']}", _LONGEST_ID)
    if own.isascii() or own.startswith(_UNSAFE_START) or _SEPARATORS & set(own):
        return own
    return short_slug(normal_name(own), _LONGEST_ID)


def _file(row: TableRow, column: str, catalogue: str, access: ListAccess) -> Path:
    text = row.values[column]
    base = str(local_file(catalogue).resolve()) if is_local(catalogue) else catalogue
    try:
        named = named_address(text, base, access)
    except BadInputError as error:
        what = f"its {column}: {error.what}"
        raise BadInputError(
            what, reason=error.reason, where=row.where, remedy=error.remedy
        ) from error
    if not os.path.isfile(named):  # unlike Path.is_file, False also for what cannot be a path
        raise BadInputError(
            f"its {column} {named} does not exist.",
            reason=Reason.NOT_FOUND,
            where=row.where,
            remedy="" if is_local(named) else "Give a path: files are not downloaded here.",
        )
    return Path(named)


def _bad(what: str, row: TableRow, remedy: str = "") -> BadInputError:
    return BadInputError(what, reason=Reason.BAD_CATALOGUE, where=row.where, remedy=remedy)
