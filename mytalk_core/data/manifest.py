"""The Parquet manifest: one row per source and per clip below it, failures included."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mytalk_core.data.names import normal_name
from mytalk_core.data.storage import is_local, local_file
from mytalk_core.data.stored_files import store_and_name
from mytalk_core.errors import BadInputError, ErrorClass, Reason
from mytalk_core.media.output import atomic_path


class Kind(StrEnum):
    """What a row describes."""

    SOURCE = "source"
    SEGMENT = "segment"  # of a long source; only in records from which a manifest is built
    CLIP = "clip"


class Status(StrEnum):
    """Result of processing a row's input."""

    OK = "ok"
    FILTERED = "filtered"
    FAILED = "failed"


@dataclass(frozen=True)
class ManifestRow:
    """One input with its result. Missing measurements are NaN."""

    id: str
    kind: Kind
    source: str  # path or URL
    title: str  # slug of the source, first part of its clips' keys
    speaker: str  # normalised with `normal_name`; empty if unknown
    status: Status
    reason: Reason | None = None  # of a row that is not ok
    error_class: ErrorClass | None = None  # of a failed row
    message: str = ""
    stage: str = ""  # the stage that failed or filtered
    seconds_spent: float = 0.0
    frames: int = 0
    fps: str = ""  # "num/den"; the source's own rate, or the canonical rate of a clip
    duration_seconds: float = 0.0
    face_share: float = float("nan")  # share of frames with a face, 0..1
    face_height: float = float("nan")  # median, pixels
    yaw_degrees: float = float("nan")  # largest absolute median-filtered head turn
    sync_offset: float = float("nan")  # frames; positive: the sound is late, after the shift
    sync_confidence: float = float("nan")  # 0..2, see `ClipMeta`
    sync_shift: float = float("nan")  # frames by which the sound was moved earlier
    faces: int = 0  # largest number of faces in a frame
    sharpness: float = float("nan")  # of the face crops, see `faces.picture_quality`
    jitter: float = float("nan")  # of the rigid landmarks, inter-ocular units
    speech_share: float = float("nan")  # share of the duration with speech, 0..1
    first_frame: int = 0  # of a clip in its source, at the canonical rate
    licence: str = ""
    shard: str = ""  # file name relative to the manifest's folder
    key: str = ""
    offset: int = 0  # bytes, start of the sample in its shard
    size: int = 0  # bytes of the sample with headers and padding
    content_hash: str = ""  # of a sample's members except its json
    audio_hash: bytes = b""  # perceptual; copies differ in few bits
    picture_hash: bytes = b""  # perceptual
    embedding: tuple[float, ...] = ()  # of the face, if its speaker is unknown
    config_id: str = ""
    versions: str = "{}"  # JSON


MANIFEST_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("kind", pa.string()),
        ("source", pa.string()),
        ("title", pa.string()),
        ("speaker", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("error_class", pa.string()),
        ("message", pa.string()),
        ("stage", pa.string()),
        ("seconds_spent", pa.float64()),
        ("frames", pa.int64()),
        ("fps", pa.string()),
        ("duration_seconds", pa.float64()),
        ("face_share", pa.float64()),
        ("face_height", pa.float64()),
        ("yaw_degrees", pa.float64()),
        ("sync_offset", pa.float64()),
        ("sync_confidence", pa.float64()),
        ("sync_shift", pa.float64()),
        ("faces", pa.int64()),
        ("sharpness", pa.float64()),
        ("jitter", pa.float64()),
        ("speech_share", pa.float64()),
        ("first_frame", pa.int64()),
        ("licence", pa.string()),
        ("shard", pa.string()),
        ("key", pa.string()),
        ("offset", pa.int64()),
        ("size", pa.int64()),
        ("content_hash", pa.string()),
        ("audio_hash", pa.binary()),
        ("picture_hash", pa.binary()),
        ("embedding", pa.list_(pa.float32())),
        ("config_id", pa.string()),
        ("versions", pa.string()),
    ]
)


def write_manifest(path: Path, rows: Iterable[ManifestRow]) -> None:
    """Write rows atomically as Parquet, in the given order.

    Raises:
        OutputError: the folder cannot be written or the disk is full.
    """
    table = pa.Table.from_pylist([asdict(row) for row in rows], schema=MANIFEST_SCHEMA)
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def row_from_dict(fields: dict[str, object]) -> ManifestRow:
    """Return a row from a dictionary with the schema's columns; other columns are ignored."""
    known = {name: fields[name] for name in MANIFEST_SCHEMA.names}
    known["kind"] = Kind(str(known["kind"]))
    known["status"] = Status(str(known["status"]))
    known["embedding"] = tuple(known["embedding"] or ())  # type: ignore[arg-type]
    for name, kind in (("reason", Reason), ("error_class", ErrorClass)):
        known[name] = kind(str(known[name])) if known[name] else None
    return ManifestRow(**known)  # type: ignore[arg-type]


def read_manifest(path: Path) -> list[ManifestRow]:
    """Read all rows of a manifest.

    Raises:
        BadInputError: the file is missing or not Parquet, lacks a column, or has an unknown value
            in a column of a closed list.
    """
    file = open_manifest(path)
    try:
        table = file.read()
    except (pa.ArrowInvalid, OSError) as error:
        raise no_parquet(path, error) from error
    return rows_of(table, str(path))


def open_manifest(path: str | Path) -> pq.ParquetFile:
    """Open a manifest, at a path or URL, for reading in batches, and check its columns.

    Raises:
        BadInputError: the file is missing or not Parquet, or lacks a column.
        StorageError: STORAGE_ERROR.
    """
    source = _source(str(path))
    if source is None:
        raise BadInputError(
            "there is no manifest here",
            reason=Reason.NOT_FOUND,
            where=str(path),
            remedy="Give the manifest.parquet that `mytalk preprocess` wrote.",
        )
    try:
        # Without pre-buffering of whole row groups: a manifest may consist of one.
        file = pq.ParquetFile(source, pre_buffer=False, buffer_size=1 << 16)
    except (pa.ArrowInvalid, OSError) as error:
        raise no_parquet(path, error) from error
    _require_columns(file.schema_arrow.names, str(path))
    return file


def _source(path: str) -> Path | BinaryIO | None:
    """Return the local path or the opened remote file, or None where there is none."""
    if is_local(path):
        return local if (local := local_file(path)).is_file() else None
    store, name = store_and_name(path)
    return store.open_read(name) if store.exists(name) else None


def with_normal_speakers(table: pa.Table) -> pa.Table:
    """Normalise the names of speakers; manifests of other programs may not be normalised."""
    column = table.schema.get_field_index("speaker")
    coded = table["speaker"].combine_chunks().dictionary_encode()
    given = coded.dictionary.to_pylist()
    names = [normal_name(name) for name in given]
    if names == given and not coded.null_count:
        return table
    speakers = pa.array(names, pa.string()).take(coded.indices)
    return table.set_column(column, "speaker", pc.fill_null(speakers, ""))


def no_parquet(path: str | Path, error: Exception) -> BadInputError:
    """Return the error for a manifest that cannot be read because of `error`."""
    return BadInputError(
        f"this is not a Parquet file ({error})", reason=Reason.UNREADABLE, where=str(path)
    )


def _require_columns(names: Iterable[str], where: str) -> None:
    missing = set(MANIFEST_SCHEMA.names) - set(names)
    if missing:
        raise BadInputError(
            f"the manifest lacks the columns {', '.join(sorted(missing))}",
            reason=Reason.UNREADABLE,
            where=where,
        )


def rows_of(table: pa.Table, where: str) -> list[ManifestRow]:
    """Return the rows of a table that was read from `where`.

    Raises:
        BadInputError: it lacks a column, or has an unknown value in a column of a closed list.
    """
    _require_columns(table.column_names, where)
    try:
        return [row_from_dict(fields) for fields in table.to_pylist()]
    except ValueError as error:
        raise BadInputError(
            f"the manifest contains a value that is unknown to this version: {error}",
            reason=Reason.UNREADABLE,
            where=where,
        ) from error
