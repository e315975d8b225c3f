"""What became of the titles of a catalogue: the status table, and the record of a finished one."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mytalk_core.errors import ErrorClass, Reason
from mytalk_core.media.leftovers import sweep_leftovers
from mytalk_core.media.output import atomic_path, make_folder

STATUS_FILE = "status.parquet"
_RECORD_FILE = "done.json"


@dataclass(frozen=True)
class DubbedTitle:
    """What the dub of one title gave."""

    film: Path
    report: Path
    frames: int  # of the film
    warning: str = ""  # what a person should look at although it went well
    rendered_frames: int = 0  # of these, with new lips
    left_alone: Mapping[str, int] = field(default_factory=dict)  # the others by reason


class TitleStatus(StrEnum):
    """How a title ended in this run."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped-as-done"  # an earlier run made the very film that this one would make


@dataclass(frozen=True)
class TitleResult:
    """One row of a catalogue and what became of it."""

    id: str
    video: str
    speech: str
    language: str  # as the catalogue gives it
    status: TitleStatus
    reason: Reason | None = None  # of a failed title
    error_class: ErrorClass | None = None  # of a failed title
    message: str = ""  # of a failed title, what was wrong; else empty
    warning: str = ""  # what a person should look at although it went well
    film: str = ""  # path relative to the folder of the status table
    report: str = ""  # the same
    frames: int = 0
    rendered_frames: int = 0  # of these, with new lips
    left_alone: str = ""  # JSON, the others by reason, such as {"no_face": 12}
    seconds: float = 0.0  # that the work took
    config_id: str = ""  # of what went into the film; empty where that cannot be known


STATUS_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("video", pa.string()),
        ("speech", pa.string()),
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
    ]
)


def write_status(out: Path, results: Iterable[TitleResult]) -> None:
    """Write `out/status.parquet`, one row per result in the order given, complete or not at all.

    Raises:
        OutputError: where the folder cannot be written or the disk is full.
    """
    table = pa.Table.from_pylist([asdict(result) for result in results], schema=STATUS_SCHEMA)
    with atomic_path(out / STATUS_FILE) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_status(out: Path) -> list[TitleResult]:
    """The rows of `out/status.parquet`."""
    return [_result(row) for row in pq.read_table(out / STATUS_FILE).to_pylist()]


def title_folder(out: Path, title: str) -> Path:
    """Where film, report and record of the title with this id stand."""
    return out / title


def title_files(title: str) -> tuple[str, str, str]:
    """Film, report and record of a title, relative to the folder of the status table."""
    film = f"{title}/{title}.mp4"
    return film, f"{film}.report.html", f"{title}/{_RECORD_FILE}"


def write_record(out: Path, result: TitleResult) -> None:
    """Note that a title is finished; written last, when film and report stand.

    Raises:
        OutputError: where the folder cannot be written or the disk is full.
    """
    record = {**asdict(result), "film_bytes": (out / result.film).stat().st_size}
    with atomic_path(title_folder(out, result.id) / _RECORD_FILE) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def finished(out: Path, title: str, config_id: str) -> TitleResult | None:
    """What the record of a title says, if that is the film that `config_id` would make.

    None also where film or report were removed or the film has another size than it had.
    """
    try:
        record = json.loads((title_folder(out, title) / _RECORD_FILE).read_text(encoding="utf-8"))
        size = record.pop("film_bytes")
        result = _result(record)
        film, report = out / result.film, out / result.report
        same = film.stat().st_size == size and report.is_file()
    except (OSError, ValueError, KeyError, TypeError):
        return None  # none, or not one of ours: the title is made again
    return result if same and result.config_id == config_id else None


def start_title(out: Path, title: str) -> Path:
    """The folder of a title, ready to be dubbed into: it exists and claims nothing.

    Takes away the old record, so that a film in the making is never mistaken for a finished one,
    and the temporary files that a killed worker left behind. An old film stays until the new one
    replaces it.
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
