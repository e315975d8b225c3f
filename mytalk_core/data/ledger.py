"""The ledger of the runs of a catalogue: what became of every title, in files created once.

Below the folder of the results:

    ledger/runs/00000007.json             a run and what it set out to do
    ledger/runs/00000007.end.json         how it ended
    ledger/runs/00000007.cancel.json      somebody wants it to end
    ledger/titles/00000007/ID.json        a title that ended in this run
    ledger/segments/00000007/ID/KEY.json  a piece of a film that was drawn
    ledger/tables/00000007-0001.parquet   titles of earlier runs, the last result of each

A file is created by one writer and never changed, so readers and writers need no lock. Compaction
writes a table of everything that it has read and then removes that. Who reads lists the records
before the tables: what is gone from the first is in the second.
"""

import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, get_type_hints

import cattrs
import pyarrow as pa
import pyarrow.parquet as pq

from mytalk_core.data.storage import Store
from mytalk_core.errors import BadInputError, ErrorClass, Reason

FOLDER = "ledger"
LEASE = f"{FOLDER}/lease"
"""Name of the lease of the run that writes the ledger."""

_RUNS, _TITLES, _SEGMENTS, _TABLES = (
    f"{FOLDER}/{each}" for each in ("runs", "titles", "segments", "tables")
)
ROW_MARK = "@"
"""In the id of a record: it is that of a row of the list, because its title has no good id."""

_BATCH = 4096  # rows of a table in memory

T = TypeVar("T")


class TitleStatus(StrEnum):
    """How a title ended."""

    OK = "ok"
    FAILED = "failed"


class RunEnd(StrEnum):
    """Why a run took no further titles."""

    FINISHED = "finished"  # every title was tried
    DEADLINE = "deadline"
    BUDGET = "budget"  # processor hours
    CANCELLED = "cancelled"
    STOPPED = "stopped"  # by a signal
    FAILED = "failed"  # by an error of the run itself


@dataclass(frozen=True)
class RunStart:
    """A run, and what it set out to do."""

    number: int  # grows with every run of a folder
    started: str  # ISO 8601, UTC, as are all times here
    who: str  # process and machine
    catalogue: str  # path or URL without secrets
    version: str  # of this software
    titles: int = 0  # rows of the catalogue
    chosen: int = 0  # titles that are to be dubbed
    refused: int = 0  # rows that cannot be dubbed
    finished: int = 0  # titles that earlier runs made, with the same inputs
    failed_before: int = 0  # titles that failed before and are not tried again
    unasked: int = 0  # rows that were not asked for
    token: str = ""  # unique to the run: two may begin in the same second


@dataclass(frozen=True)
class RunEnded:
    """How a run ended."""

    ended: str
    why: RunEnd
    ok: int
    failed: int
    left: int  # titles that were chosen and not tried
    cpu_seconds: float  # of the titles that were tried
    message: str = ""  # of an error of the run itself


@dataclass(frozen=True)
class TitleRecord:
    """How a title ended in a run; a row of the tables. Addresses have no secrets."""

    id: str
    run: int  # later results are of later runs
    status: TitleStatus
    where: str  # the row of the catalogue
    language: str
    source: str  # address of the film that was dubbed
    config_id: str  # digest of inputs, configuration and software
    studio: str = ""  # as the row says
    show: str = ""  # as the row says
    reason: Reason | None = None  # of a failed title
    error_class: ErrorClass | None = None  # of a failed title
    message: str = ""  # of a failed title
    warning: str = ""  # to be reviewed although the dub succeeded
    output: str = ""  # the film, relative to the folder of the results
    report: str = ""  # likewise
    source_bytes: int = 0  # of the film that was dubbed
    film_bytes: int = 0  # of the dubbed film
    film_seconds: float = 0.0
    frames: int = 0
    rendered_frames: int = 0  # with new lips
    left_alone: str = ""  # other frames by reason, as JSON such as {"no_face": 12}
    segments: int = 0  # pieces of the film that were drawn in this run
    seconds: float = 0.0  # elapsed
    cpu_seconds: float = 0.0
    machine: str = ""
    ended: str = ""

    @property
    def lips_seconds(self) -> float:
        """Seconds of the film with new lips."""
        return self.film_seconds * self.rendered_frames / max(self.frames, 1)


@dataclass(frozen=True)
class SegmentRecord:
    """A piece of a film that was drawn."""

    id: str  # of the title
    run: int
    key: str  # of the artifact
    seconds: float
    frames: int
    machine: str
    ended: str


@dataclass(frozen=True)
class KnownTitle:
    """What a run needs to know of the last result of a title."""

    run: int
    config_id: str
    status: TitleStatus
    error_class: ErrorClass | None
    output: str
    film_bytes: int


class Ledger:
    """Reads and writes the ledger of a folder of results.

    Methods raise BadInputError (UNREADABLE) for damaged files, and OutputError and StorageError as
    `Store`.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def begin(self, start: RunStart) -> RunStart:
        """Record a run under the first free number, and return it with that."""
        number = max(self.runs(), default=0)
        while True:
            number += 1
            numbered = replace(start, number=number, token=secrets.token_hex(8))
            if self.store.create(f"{_RUNS}/{number:08d}.json", _encoded(numbered)):
                return numbered

    def end(self, run: int, ended: RunEnded) -> None:
        """Record the end of a run."""
        self.store.create(f"{_RUNS}/{run:08d}.end.json", _encoded(ended))

    def cancel(self, run: int, who: str) -> bool:
        """Ask a run to end; return False where that was asked before."""
        return self.store.create(f"{_RUNS}/{run:08d}.cancel.json", json.dumps(who).encode())

    def is_cancelled(self, run: int) -> bool:
        """Whether somebody asked a run to end."""
        return self.store.exists(f"{_RUNS}/{run:08d}.cancel.json")

    def runs(self) -> list[int]:
        """Return the numbers of the runs, the latest last."""
        stems = (name.rpartition("/")[2].removesuffix(".json") for name in self._names(_RUNS))
        return sorted(int(stem) for stem in stems if stem.isdecimal())

    def run(self, number: int) -> RunStart:
        """Return what a run set out to do."""
        return self._read(f"{_RUNS}/{number:08d}.json", RunStart)

    def ended(self, number: int) -> RunEnded | None:
        """Return how a run ended; None where it has not, or was killed."""
        name = f"{_RUNS}/{number:08d}.end.json"
        return self._read(name, RunEnded) if self.store.exists(name) else None

    def add_title(self, record: TitleRecord) -> None:
        """Record how a title ended; the first result of a run stays."""
        name = f"{_TITLES}/{record.run:08d}/{record.id}.json"
        self.store.create(name, _encoded(record))

    def add_segment(self, record: SegmentRecord) -> None:
        """Record a piece that was drawn; one of the same key stays."""
        name = f"{_SEGMENTS}/{record.run:08d}/{record.id}/{record.key}.json"
        self.store.create(name, _encoded(record))

    def segments(self, run: int) -> dict[str, int]:
        """Return how many pieces of each title a run has drawn, of those that are not compacted."""
        counts: dict[str, int] = {}
        for name in self._names(f"{_SEGMENTS}/{run:08d}"):
            title = name.split("/")[-2]
            counts[title] = counts.get(title, 0) + 1
        return counts

    def titles(self, before: "TitleResults | None" = None) -> "TitleResults":
        """Return the results of all titles as they are now.

        Args:
            before: of an earlier call; what it has read is not read again.
        """
        names = self._names(_TITLES)  # before the tables
        return TitleResults(self, names, self._names(_TABLES), before.read if before else {})

    def records(self, names: Iterable[str]) -> Iterator[TitleRecord]:
        """Yield the results in some of the files that `titles` lists.

        Raises:
            BadInputError: NOT_FOUND where one was compacted meanwhile.
        """
        for name in names:
            if name.startswith(f"{_TABLES}/"):
                yield from self.table_rows(name, None)
            else:
                yield self.title(name)

    def title(self, name: str) -> TitleRecord:
        """Return the result in a file of its own."""
        return self._read(name, TitleRecord)

    def table_rows(self, name: str, columns: list[str] | None) -> Iterator[TitleRecord]:
        """Yield the results in a table; of the given columns only, all by default."""
        try:
            with self.store.open_read(name) as file:
                for batch in pq.ParquetFile(file).iter_batches(_BATCH, columns=columns):
                    for row in batch.to_pylist():
                        yield _record(row)
        except pa.ArrowException as error:
            raise BadInputError(
                f"is not a table of titles: {error}.",
                reason=Reason.UNREADABLE,
                where=f"{self.store.url}/{name}",
            ) from error

    def compact(self, run: int) -> None:
        """Write the last result of every title into one table; remove what was read.

        Rows without an id of their own count in their run only: the next one reads them again.

        Only the run that holds the lease of the folder calls it. Another one may have been stopped
        in the middle of it: of what both have read, each title is found at least once.
        """
        found = self.titles()
        if not found.names and len(found.tables) < 2:
            return
        number = 1 + max((_table_number(name) for name in found.tables), default=(0, 0))[1]
        table = f"{_TABLES}/{run:08d}-{number:04d}.parquet"
        with self.store.publish(table) as path, pq.ParquetWriter(path, _schema()) as writer:
            for rows in _batched(each for each in found.latest() if not _is_passed(each, run)):
                writer.write_table(pa.Table.from_pylist(rows, _schema()))
        for name in (*found.names, *(each for each in found.tables if each != table)):
            self.store.remove(name)
        for name in self._names(f"{_SEGMENTS}/{run:08d}"):
            self.store.remove(name)

    def _names(self, folder: str) -> list[str]:
        return list(self.store.names(f"{folder}/"))

    def _read(self, name: str, kind: type[T]) -> T:
        try:
            return _converter().structure(json.loads(self.store.read(name)), kind)
        except (ValueError, cattrs.BaseValidationError) as error:
            raise BadInputError(
                f"is no {kind.__name__} of this version: {error}.",
                reason=Reason.UNREADABLE,
                where=f"{self.store.url}/{name}",
            ) from error


@dataclass(frozen=True)
class TitleResults:
    """The results of titles as they were listed."""

    ledger: Ledger
    names: list[str]  # of records that are not in a table, or not only
    tables: list[str]
    read: dict[str, TitleRecord] = field(default_factory=dict)  # records so far, by their names

    def of_run(self, run: int) -> Iterator[TitleRecord]:
        """Yield the last result of every title that ended in a run."""
        return (record for record in self.latest() if record.run == run)

    def latest(self) -> Iterator[TitleRecord]:
        """Yield the last result of every title; one table row at a time is in memory."""
        newest = self.known()
        done = set()
        for record in self._all(None):
            if record.run == newest[record.id].run and record.id not in done:
                done.add(record.id)
                yield record

    def known(self) -> dict[str, KnownTitle]:
        """Return what a run needs to know of every title, by id."""
        newest: dict[str, KnownTitle] = {}
        columns = ["id", "run", "config_id", "status", "error_class", "output"]
        for each in self._all([*columns, "film_bytes"]):
            before = newest.get(each.id)
            if before is None or before.run < each.run:
                newest[each.id] = KnownTitle(
                    each.run,
                    each.config_id,
                    each.status,
                    each.error_class,
                    each.output,
                    each.film_bytes,
                )
        return newest

    def _all(self, columns: list[str] | None) -> Iterator[TitleRecord]:
        """Yield every result at least once; of tables the given columns only, all by default."""
        tables, names, done = self.tables, self.names, set[str]()
        while True:
            gone = False
            for name in [*tables, *names]:
                if name in done:
                    continue
                done.add(name)
                try:
                    yield from (
                        self.ledger.table_rows(name, columns)
                        if name in tables
                        else [self._one(name)]
                    )
                except BadInputError as error:
                    if error.reason is not Reason.NOT_FOUND:
                        raise
                    gone = True  # compacted meanwhile: a new table has it
            if not gone:
                return
            tables, names = self.ledger._names(_TABLES), []

    def _one(self, name: str) -> TitleRecord:
        if name not in self.read:
            self.read[name] = self.ledger.title(name)
        return self.read[name]


_NOTHING = {"where": "", "language": "", "source": ""}  # columns that a reader may leave out


def _record(row: dict[str, Any]) -> TitleRecord:
    values = {name: value for name, value in (_NOTHING | row).items() if value is not None}
    return _converter().structure(values, TitleRecord)


def _is_passed(record: TitleRecord, run: int) -> bool:
    return ROW_MARK in record.id and record.run < run


def _batched(records: Iterable[TitleRecord]) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    for record in records:
        rows.append(_converter().unstructure(record))
        if len(rows) == _BATCH:
            yield rows
            rows = []
    yield rows


def _table_number(name: str) -> tuple[int, int]:
    run, _, number = name.rpartition("/")[2].removesuffix(".parquet").partition("-")
    return int(run), int(number)


def _encoded(value: Any) -> bytes:
    return (json.dumps(_converter().unstructure(value), indent=1) + "\n").encode()


@cache
def _converter() -> cattrs.Converter:
    return cattrs.Converter(forbid_extra_keys=False)


@cache
def _schema() -> pa.Schema:
    kinds = {int: pa.int64(), float: pa.float64()}
    types = get_type_hints(TitleRecord)
    return pa.schema(
        [(each.name, kinds.get(types[each.name], pa.string())) for each in fields(TitleRecord)]
    )
