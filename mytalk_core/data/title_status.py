"""The status table of a catalogue's titles, and the completion record of each title."""

import json
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mytalk_core.errors import ErrorClass, Reason
from mytalk_core.media.leftovers import sweep_leftovers
from mytalk_core.media.output import atomic_path, cannot_be_written, make_folder

STATUS_FILE = "status.parquet"
_RECORD_FILE = "done.json"
_JOURNAL = "status-journal"
_NUMBER = "number"

# The table is rewritten after this many seconds, and this multiple of the last rewrite's duration.
_COMPACT_SECONDS = 30.0
_COMPACT_SHARE = 50.0


@dataclass(frozen=True)
class DubbedTitle:
    """The result of dubbing one title."""

    film: Path
    report: Path
    frames: int  # of the film
    warning: str = ""  # to be reviewed although the dub succeeded
    rendered_frames: int = 0  # frames with re-rendered lips
    left_alone: Mapping[str, int] = field(default_factory=dict)  # other frames by reason


class TitleStatus(StrEnum):
    """How a title ended in this run."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped-as-done"  # an earlier run made the same film


@dataclass(frozen=True)
class TitleResult:
    """A row of a catalogue and its result; a row of the status table."""

    id: str
    film_source: str  # address of the source film, without secrets
    language: str  # as in the catalogue
    status: TitleStatus
    reason: Reason | None = None  # of a failed title
    error_class: ErrorClass | None = None  # of a failed title
    message: str = ""  # of a failed title
    warning: str = ""  # to be reviewed although the dub succeeded
    film: str = ""  # path relative to the folder of the status table
    report: str = ""  # likewise
    frames: int = 0
    rendered_frames: int = 0  # frames with re-rendered lips
    left_alone: str = ""  # other frames by reason, as JSON such as {"no_face": 12}
    seconds: float = 0.0  # elapsed
    config_id: str = ""  # digest of inputs and configuration; empty if unknown


STATUS_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("film_source", pa.string()),
        ("language", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("error_class", pa.string()),
        ("message", pa.string()),
        ("warning", pa.string()),
        ("film", pa.string()),
        ("report", pa.string()),
        ("frames", pa.int64()),
        ("rendered_frames", pa.int64()),
        ("left_alone", pa.string()),
        ("seconds", pa.float64()),
        ("config_id", pa.string()),
        (_NUMBER, pa.int64()),  # index of the row in the catalogue, from 0
    ]
)


class StatusTable:
    """The status table of a run: `out/status.parquet` and a journal of new results beside it.

    A result is appended to the journal as one line, so its cost does not grow with the catalogue.
    The table is rewritten from time to time and when the run ends. `read_status` merges both, also
    after the writer was killed.
    """

    def __init__(self, out: Path, results: Iterable[tuple[int, TitleResult]]) -> None:
        """Write the table with the results known at the start.

        Args:
            results: (index of the row in the catalogue from 0, result).

        Raises:
            OutputError: the folder cannot be written or the disk is full.
        """
        self._out = out
        self._results = dict(results)
        self._journal = out / f"{_JOURNAL}.{secrets.token_hex(4)}.jsonl"
        self._compact()
        for other in out.glob(f"{_JOURNAL}.*.jsonl"):  # of runs that were killed
            if other != self._journal:
                other.unlink(missing_ok=True)

    def add(self, number: int, result: TitleResult) -> None:
        """Record a result.

        Raises:
            OutputError: the folder cannot be written or the disk is full.
        """
        self._results[number] = result
        line = json.dumps({_NUMBER: number, **asdict(result)})
        try:
            with self._journal.open("a", encoding="utf-8") as journal:
                journal.write(line + "\n")
        except OSError as error:
            raise cannot_be_written(self._journal, error) from error
        since = time.monotonic() - self._compacted_at
        if since > max(_COMPACT_SECONDS, _COMPACT_SHARE * self._compact_seconds):
            self._compact()

    def close(self) -> None:
        """Write the whole table and remove the journal.

        Raises:
            OutputError: the folder cannot be written or the disk is full.
        """
        self._compact()
        self._journal.unlink(missing_ok=True)

    def _compact(self) -> None:
        start = time.monotonic()
        _write_table(self._out, sorted(self._results.items()), self._journal.name)
        # Before this, a killed writer leaves the same rows in the table and in the journal.
        self._journal.unlink(missing_ok=True)
        self._compacted_at = time.monotonic()
        self._compact_seconds = self._compacted_at - start


def write_status(out: Path, results: Iterable[TitleResult]) -> None:
    """Write `out/status.parquet` atomically, one row per result in the given order.

    Raises:
        OutputError: the folder cannot be written or the disk is full.
    """
    _write_table(out, list(enumerate(results)), "")


def read_status(out: Path) -> list[TitleResult]:
    """Return the rows of `out/status.parquet` and its journal, in the order of the catalogue."""
    table = pq.read_table(out / STATUS_FILE)
    # Tables of earlier versions have no column of row numbers.
    rows = {row.get(_NUMBER, place): row for place, row in enumerate(table.to_pylist())}
    journal = (table.schema.metadata or {}).get(_JOURNAL.encode(), b"").decode()
    rows |= {row[_NUMBER]: row for row in _journal_rows(out / journal) if journal}
    return [_result(rows[number]) for number in sorted(rows)]


def _journal_rows(journal: Path) -> Iterator[dict[str, Any]]:
    if not journal.is_file():
        return
    for line in journal.read_text(encoding="utf-8").splitlines():
        with suppress(ValueError):  # an incomplete line of a killed writer
            yield json.loads(line)


def _write_table(out: Path, numbered: list[tuple[int, TitleResult]], journal: str) -> None:
    rows = [{_NUMBER: number, **asdict(result)} for number, result in numbered]
    schema = STATUS_SCHEMA.with_metadata({_JOURNAL: journal})
    with atomic_path(out / STATUS_FILE) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema), temporary, compression="zstd")


def title_folder(out: Path, title: str) -> Path:
    """Return the folder of a title's film, report and completion record."""
    return out / title


def title_files(title: str) -> tuple[str, str, str]:
    """Return film, report and completion record, relative to the folder of the status table."""
    film = f"{title}/{title}.mp4"
    return film, f"{film}.report.html", f"{title}/{_RECORD_FILE}"


def write_record(out: Path, result: TitleResult) -> None:
    """Write a title's completion record, after its film and report.

    Raises:
        OutputError: the folder cannot be written or the disk is full.
    """
    record = {**asdict(result), "film_bytes": (out / result.film).stat().st_size}
    with atomic_path(title_folder(out, result.id) / _RECORD_FILE) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def finished(out: Path, title: str, config_id: str) -> TitleResult | None:
    """Return the result in a title's completion record if it was made with `config_id`, else None.

    Return None also if film or report were removed, or the film's size changed.
    """
    try:
        record = json.loads((title_folder(out, title) / _RECORD_FILE).read_text(encoding="utf-8"))
        size = record.pop("film_bytes")
        result = _result(record)
        film, report = out / result.film, out / result.report
        same = film.stat().st_size == size and report.is_file()
    except (OSError, ValueError, KeyError, TypeError):
        return None  # no valid record
    return result if same and result.config_id == config_id else None


def start_title(out: Path, title: str) -> Path:
    """Create and return the folder of a title, and prepare it for a dub.

    Remove the old completion record, so that an unfinished film is never taken for a finished one,
    and the temporary files of killed workers. An old film remains until the new one replaces it.
    """
    folder = title_folder(out, title)
    make_folder(folder)
    (folder / _RECORD_FILE).unlink(missing_ok=True)
    sweep_leftovers(folder, only_writer=True)
    return folder


def _result(row: dict[str, Any]) -> TitleResult:
    known = {each.name: row[each.name] for each in fields(TitleResult) if each.name in row}
    known["status"] = TitleStatus(known["status"])
    known["reason"] = Reason(known["reason"]) if known["reason"] else None
    known["error_class"] = ErrorClass(known["error_class"]) if known["error_class"] else None
    return TitleResult(**known)
