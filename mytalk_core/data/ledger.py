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
from dataclasses import dataclass, field, replace
from typing import TypeVar

import cattrs

from mytalk_core.data.run_records import (
    ROW_MARK,
    KnownTitle,
    RunEnded,
    RunStart,
    SegmentRecord,
    TitleRecord,
    encoded_record,
    record_converter,
)
from mytalk_core.data.storage import Store
from mytalk_core.data.title_tables import read_table, write_table
from mytalk_core.errors import BadInputError, Reason

FOLDER = "ledger"
LEASE = f"{FOLDER}/lease"
"""Name of the lease of the run that writes the ledger."""

_RUNS, _TITLES, _SEGMENTS, _TABLES = (
    f"{FOLDER}/{each}" for each in ("runs", "titles", "segments", "tables")
)
T = TypeVar("T")


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
            if self.store.create(f"{_RUNS}/{number:08d}.json", encoded_record(numbered)):
                return numbered

    def end(self, run: int, ended: RunEnded) -> None:
        """Record the end of a run."""
        self.store.create(f"{_RUNS}/{run:08d}.end.json", encoded_record(ended))

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
        self.store.create(name, encoded_record(record))

    def add_segment(self, record: SegmentRecord) -> None:
        """Record a piece that was drawn; one of the same key stays."""
        name = f"{_SEGMENTS}/{record.run:08d}/{record.id}/{record.key}.json"
        self.store.create(name, encoded_record(record))

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
                yield from read_table(self.store, name, None)
            else:
                yield self.title(name)

    def title(self, name: str) -> TitleRecord:
        """Return the result in a file of its own."""
        return self._read(name, TitleRecord)

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
        latest = (each for each in found.latest() if not _is_passed(each, run))
        write_table(self.store, table, latest)
        for name in (*found.names, *(each for each in found.tables if each != table)):
            self.store.remove(name)
        for name in self._names(f"{_SEGMENTS}/{run:08d}"):
            self.store.remove(name)

    def _names(self, folder: str) -> list[str]:
        return list(self.store.names(f"{folder}/"))

    def _read(self, name: str, kind: type[T]) -> T:
        try:
            return record_converter().structure(json.loads(self.store.read(name)), kind)
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
                        read_table(self.ledger.store, name, columns)
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


def _is_passed(record: TitleRecord, run: int) -> bool:
    return ROW_MARK in record.id and record.run < run


def _table_number(name: str) -> tuple[int, int]:
    run, _, number = name.rpartition("/")[2].removesuffix(".parquet").partition("-")
    return int(run), int(number)
