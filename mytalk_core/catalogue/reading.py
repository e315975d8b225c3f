"""Read catalogues: rows of any number become titles, or rows with every problem of theirs.

Rows are streamed: a window of them is looked at side by side, because each may take a few requests
to a storage, and names that may stand once are compared on disk.
"""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from mytalk_core.catalogue.documents import Documents
from mytalk_core.catalogue.entries import (
    NO_LABELS,
    CatalogueTitle,
    Entry,
    Labels,
    RefusedTitle,
    UnaskedTitle,
    written_names,
)
from mytalk_core.catalogue.file_identities import FileIdentities
from mytalk_core.catalogue.in_order import in_order
from mytalk_core.catalogue.name_index import NameIndex
from mytalk_core.catalogue.row_document import (
    COLUMNS,
    DOCUMENTS,
    LABELS,
    UPDATED,
    merged,
    row_document,
)
from mytalk_core.data.list_access import ListAccess, is_bound, named_address
from mytalk_core.data.names import normal_name, short_slug
from mytalk_core.data.storage import is_local, local_file
from mytalk_core.data.table_reader import TableRow, read_rows
from mytalk_core.dubbing.title_document import (
    content_problems,
    named_files,
    specified,
    with_files,
)
from mytalk_core.dubbing.title_problems import TitleProblem
from mytalk_core.dubbing.title_schema import shape_problems
from mytalk_core.errors import BadInputError, ErrorClass, MytalkError, Reason
from mytalk_core.redaction import redacted

_LONGEST_ID = 100
# An id in another script becomes a slug with a digest, unless it starts like this.
_UNSAFE_START = (".", "-")
_SEPARATORS = frozenset("/\\")
_THREADS = 32  # requests to storages at a time
QUALITY = "quality"
"""The folder of the results with the roll-up of a job that states limits."""

RESERVED = ("ledger", QUALITY)
"""Folders of the results that no title may write to."""


@dataclass(frozen=True)
class CatalogueSource:
    """A catalogue and what completes its rows."""

    url: str  # path or URL of the list
    # Keys of a title specification for rows that do not give them; files relative to `base`.
    defaults: Mapping[str, Any] = field(default_factory=dict)
    base: str = ""  # path or URL of the file that states the defaults
    access: ListAccess = field(default_factory=ListAccess)  # what lists may name


@dataclass(frozen=True)
class Selection:
    """Which rows of a catalogue are asked for."""

    only: tuple[str, ...] = ()  # ids, or patterns such as `pilot_*`; empty: all
    since: datetime | None = None  # rows without a time in their column `updated` are asked for

    def is_recent(self, updated: str) -> bool:
        """Whether a row was changed at that time or later.

        Raises:
            ValueError: the text is not a date or time.
        """
        if self.since is None or not updated:
            return True
        time = datetime.fromisoformat(updated)
        return (time if time.tzinfo else time.astimezone()) >= self.since

    def has(self, id: str) -> bool:
        """Whether a title is asked for by its id."""
        return not self.only or any(fnmatchcase(id, pattern) for pattern in self.only)


EVERY_ROW = Selection()


def read_catalogue(
    source: CatalogueSource, out: str, today: date, selection: Selection = EVERY_ROW
) -> Iterator[Entry]:
    """Yield the entries of a catalogue in the order of its rows, without blank ones.

    Paths are relative to the list; those of a specification that a row names, to it. The default
    id of a row is that of its specification, else the name of its film and its language.

    Args:
        out: absolute path or URL of the folder of the results, which titles may not read from.
        today: decides which consents have expired.
        selection: the files of other rows are not looked at.

    Raises:
        BadInputError, StorageError: as `read_rows`.
    """
    reader = _Reader(source, out, today, selection)
    rows = enumerate(read_rows(source.url, COLUMNS))
    with NameIndex() as index, ThreadPoolExecutor(_THREADS, "catalogue") as threads:
        for draft in in_order(threads, lambda each: reader.draft(*each), rows):
            yield _entry(draft, index)


@dataclass
class _Draft:
    """A row with what is known of it so far."""

    number: int
    where: str
    id: str = ""
    document: dict[str, Any] = field(default_factory=dict)
    output: str = ""
    files: dict[str, str] = field(default_factory=dict)
    public_only: set[str] = field(default_factory=set)
    problems: list[TitleProblem] = field(default_factory=list)
    errors: list[MytalkError] = field(default_factory=list)  # that made problems
    asked: bool = True
    labels: Labels = NO_LABELS

    def add(self, where: str, error: MytalkError) -> None:
        """Add the problem of a file."""
        place = f"{error.where} " if error.where else ""
        what = f"cannot be used: {place}{error.what.removesuffix('.')}"
        self.problems.append(TitleProblem(where, what, error.remedy))
        self.errors.append(error)


class _Reader:
    """Makes drafts of rows, from any number of threads."""

    def __init__(
        self, source: CatalogueSource, out: str, today: date, selection: Selection
    ) -> None:
        self._source, self._selection = source, selection
        self._list = _absolute(source.url)
        self._out, self._today = _real(out), today
        self._documents = Documents(source.access)
        self._identities = FileIdentities()

    def draft(self, number: int, row: TableRow) -> _Draft:
        """Complete a row by its documents, and look at its files."""
        draft = _Draft(number, redacted(row.where), redacted(row.values.get("id", "")))
        if row.error:
            draft.problems.append(TitleProblem("", row.error.what.removesuffix("."), ""))
            draft.errors.append(row.error)
            return draft
        values = {name: value for name, value in row.values.items() if value}
        draft.labels = Labels(*(redacted(values.get(name, "")) for name in LABELS))
        try:
            draft.asked = self._selection.is_recent(values.get(UPDATED, ""))
        except ValueError:
            what = f"is {values[UPDATED]}, which is not a date"
            draft.problems.append(TitleProblem(UPDATED, what, "Write it as 2026-11-30."))
        if not draft.asked:
            return draft
        defaults = self._placed(draft, self._source.defaults, self._source.base)
        parts = [self._part(draft, key, values[key]) for key in DOCUMENTS if key in values]
        own = self._placed(draft, row_document(values), self._list)
        specification = self._specification(draft, values.get("title", ""))
        document = merged(defaults, specification, *parts, own)
        draft.id = _id(document, values.get("title", ""))
        draft.asked = self._selection.has(draft.id)
        output = str(own.get("output") or "")
        inherited = PurePosixPath(str(document.get("output") or ""))
        draft.output = output or f"{draft.id}/{inherited.name or f'{draft.id}.mp4'}"
        draft.document = {
            key: value for key, value in document.items() if key not in ("id", "output")
        }
        if draft.asked:
            if not any(each.where in ("title", *DOCUMENTS) for each in draft.problems):
                self._check_content(draft)  # else half of what is wrong would follow from that
            self._check_files(draft)
        return draft

    def _specification(self, draft: _Draft, text: str) -> dict[str, Any]:
        if not text:
            return {}
        found = self._named(draft, "title", text)
        return {} if found is None else self._placed(draft, found[1], found[0])

    def _part(self, draft: _Draft, key: str, text: str) -> dict[str, Any]:
        found = self._named(draft, key, text)
        if found is None:
            return {}
        address, document = found
        if key not in document:
            draft.problems.append(TitleProblem(key, f"names {address}, which has no key {key}"))
            return {}
        return self._placed(draft, {key: document[key]}, address)

    def _named(self, draft: _Draft, key: str, text: str) -> tuple[str, Mapping[str, Any]] | None:
        """The address and the content of a document that a row names."""
        try:
            address = named_address(text, self._list, self._source.access)
            return address, self._documents.read(address, self._list)
        except MytalkError as error:
            draft.add(key, error)
            return None

    def _placed(self, draft: _Draft, document: Mapping[str, Any], base: str) -> dict[str, Any]:
        """A document whose files have absolute addresses, as far as it may name them."""

        def place(where: str, name: str) -> str:
            try:
                address = named_address(name, base, self._source.access)
            except BadInputError as error:
                draft.add(where, error)
                return name
            if is_bound(address, base, self._source.access):
                draft.public_only.add(address)
            return address

        return with_files(document, place)

    def _check_content(self, draft: _Draft) -> None:
        document = {**draft.document, "id": draft.id, "output": draft.output}
        if wrong := shape_problems(document):
            draft.problems += wrong
            return
        draft.problems += _output_problems(draft.output)
        spec, wrong = specified(document, draft.id, Path(draft.output), Path)
        draft.problems += [*wrong, *content_problems(spec, self._today)]

    def _check_files(self, draft: _Draft) -> None:
        written = {f"{self._out}/{name}" for name in written_names(draft.output)}
        refused = {each.where for each in draft.problems}
        for where, address in named_files(draft.document):
            if where in refused:
                continue
            if _real(address) in written:
                what = f"is the file that {where} names, which would be lost"
                draft.problems.append(TitleProblem("output", what, "Name another folder."))
            try:
                identity = self._identities.of(address, address in draft.public_only)
                draft.files[redacted(address)] = identity
            except MytalkError as error:
                draft.add(where, error)


def _entry(draft: _Draft, index: NameIndex) -> Entry:
    """The entry of a draft, once its names are compared with those of earlier rows."""
    problems = list(draft.problems)
    for key, name in (("id", draft.id), ("output", draft.output)):
        first = index.first_place(key, name, draft.where) if name else draft.where
        if first != draft.where:
            remedy = f"Give each title its own {key}."
            problems.append(TitleProblem(key, f"is {name}, as in {first}", remedy))
            if name == draft.id:  # its output may collide for no other reason
                break
    if not draft.asked:
        return UnaskedTitle(draft.number)
    if not problems:
        return CatalogueTitle(
            draft.number,
            draft.where,
            draft.id,
            draft.document,
            draft.output,
            draft.files,
            frozenset(draft.public_only),
            draft.labels,
        )
    return RefusedTitle(
        draft.number,
        draft.where,
        redacted(draft.id),
        _text(draft.document.get("language")),
        _text(draft.document.get("film")),
        tuple(dict.fromkeys(map(_without_secrets, problems))),
        transient=len(problems) == len(draft.errors)
        and all(each.error_class is ErrorClass.TRANSIENT for each in draft.errors),
        reason=draft.errors[0].reason if draft.errors else Reason.BAD_CATALOGUE,
        labels=draft.labels,
    )


def _id(document: Mapping[str, Any], title: str) -> str:
    """The id of a title; not yet checked."""
    own = document.get("id")
    if isinstance(own, str) and own:
        if own.isascii() or own.startswith(_UNSAFE_START) or _SEPARATORS & set(own):
            return own
        return short_slug(normal_name(own), _LONGEST_ID)
    if title:
        return short_slug(_stem(title), _LONGEST_ID)
    film, language = document.get("film"), document.get("language")
    if isinstance(film, str) and isinstance(language, str):
        return short_slug(f"{_stem(film)}_{language}", _LONGEST_ID)
    return ""


def _stem(address: str) -> str:
    return PurePosixPath(address if is_local(address) else urlsplit(address).path).stem


def _output_problems(output: str) -> Iterator[TitleProblem]:
    """Outputs that would leave the folder of the results or hide in it."""
    parts = output.split("/")
    if not all(parts) or any(part.startswith(".") for part in parts) or "\\" in output:
        remedy = "Name a file below the folder of the results, such as `de/pilot.mov`."
        yield TitleProblem("output", f"cannot be {output}", remedy)
    elif parts[0].casefold() in RESERVED:
        yield TitleProblem("output", f"is in the folder {parts[0]}, which belongs to the run")


def _absolute(url: str) -> str:
    return str(local_file(url).resolve()) if is_local(url) else url


def _real(address: str) -> str:
    return os.path.realpath(address) if is_local(address) else address


def _text(value: Any) -> str:
    return redacted(value) if isinstance(value, str) else ""


def _without_secrets(problem: TitleProblem) -> TitleProblem:
    return TitleProblem(redacted(problem.where), redacted(problem.what), redacted(problem.remedy))
