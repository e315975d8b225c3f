"""The Parquet manifest: one row per source and per clip below it, failures included."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mytalk_core.data.names import normal_name
from mytalk_core.errors import BadInputError, ErrorClass, Reason
from mytalk_core.media.output import atomic_path


class Kind(StrEnum):
    """What a row accounts for."""

    SOURCE = "source"
    SEGMENT = "segment"  # of a long source; only in the records that a manifest is made of
    CLIP = "clip"


class Status(StrEnum):
    """How it ended."""

    OK = "ok"
    FILTERED = "filtered"
    FAILED = "failed"


@dataclass(frozen=True)
class ManifestRow:
    """One input and what became of it. Measurements that were not taken are NaN."""

    id: str
    kind: Kind
    source: str  # path or URL
    title: str  # slug of the source, first part of its clips' keys
    speaker: str  # as `normal_name` gives it; empty where unknown
    status: Status
    reason: Reason | None = None  # of a row that is not ok
    error_class: ErrorClass | None = None  # of a failed row
    message: str = ""
    stage: str = ""  # the stage that failed or filtered
    seconds_spent: float = 0.0
    frames: int = 0
    fps: str = ""  # "num/den"; of a source its own, of a clip the canonical rate
    duration_seconds: float = 0.0
    face_share: float = float("nan")  # share of frames with a face, 0..1
    face_height: float = float("nan")  # median, pixels
    yaw_degrees: float = float("nan")  # largest absolute median-filtered head turn
    sync_offset: float = float("nan")  # frames; positive: the sound is late, after the shift
    sync_confidence: float = float("nan")  # 0..2, see `ClipMeta`
    sync_shift: float = float("nan")  # frames by which the sound was moved earlier
    faces: int = 0  # most faces seen at once
    sharpness: float = float("nan")  # of the face crops, see `faces.picture_quality`
    jitter: float = float("nan")  # of the rigid landmarks, inter-ocular units
    speech_share: float = float("nan")  # share of the time in which somebody speaks, 0..1
    first_frame: int = 0  # of a clip, at the canonical rate, in its source
    licence: str = ""
    shard: str = ""  # file name relative to the manifest's folder
    key: str = ""
    offset: int = 0  # bytes, where the sample begins in its shard
    size: int = 0  # bytes of the sample with its headers and padding
    content_hash: str = ""  # of a sample's members but its json; same content, same hash
    audio_hash: bytes = b""  # perceptual; copies differ in few bits
    picture_hash: bytes = b""  # perceptual
    embedding: tuple[float, ...] = ()  # of the face, where its speaker is unknown
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
    """Write rows as Parquet in the order given, complete or not at all.

    Raises:
        OutputError: where the folder cannot be written or the disk is full.
    """
    table = pa.Table.from_pylist([asdict(row) for row in rows], schema=MANIFEST_SCHEMA)
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def row_from_dict(fields: dict[str, object]) -> ManifestRow:
    """A row from a dictionary with the schema's columns; further columns are ignored."""
    known = {name: fields[name] for name in MANIFEST_SCHEMA.names}
    known["kind"] = Kind(str(known["kind"]))
    known["status"] = Status(str(known["status"]))
    known["embedding"] = tuple(known["embedding"] or ())  # type: ignore[arg-type]
    for name, kind in (("reason", Reason), ("error_class", ErrorClass)):
        known[name] = kind(str(known[name])) if known[name] else None
    return ManifestRow(**known)  # type: ignore[arg-type]


def read_manifest(path: Path) -> list[ManifestRow]:
    """All rows of one manifest.

    Raises:
        BadInputError: where the file is missing, is not Parquet, lacks a column or holds a word
            that is not on its list.
    """
    file = open_manifest(path)
    try:
        table = file.read()
    except (pa.ArrowInvalid, OSError) as error:
        raise no_parquet(path, error) from error
    return rows_of(table, str(path))


def open_manifest(path: Path) -> pq.ParquetFile:
    """The file, opened to be read batch by batch; it has all columns.

    Raises:
        BadInputError: where the file is missing, is not Parquet or lacks a column.
    """
    if not path.is_file():
        raise BadInputError(
            "there is no manifest here",
            reason=Reason.NOT_FOUND,
            where=str(path),
            remedy="Give the manifest.parquet that `mytalk preprocess` wrote.",
        )
    try:
        # Without buffering a whole row group, of which a manifest may have only one.
        file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 16)
    except (pa.ArrowInvalid, OSError) as error:
        raise no_parquet(path, error) from error
    _require_columns(file.schema_arrow.names, str(path))
    return file


def with_normal_speakers(table: pa.Table) -> pa.Table:
    """A table whose speakers are named as `normal_name` does; manifests may be from elsewhere."""
    place = table.schema.get_field_index("speaker")
    coded = table["speaker"].combine_chunks().dictionary_encode()
    given = coded.dictionary.to_pylist()
    names = [normal_name(name) for name in given]
    if names == given and not coded.null_count:
        return table
    speakers = pa.array(names, pa.string()).take(coded.indices)
    return table.set_column(place, "speaker", pc.fill_null(speakers, ""))


def no_parquet(path: Path, error: Exception) -> BadInputError:
    """What to raise where a manifest cannot be read because of `error`."""
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
    """The rows of a table that was read from `where`.

    Raises:
        BadInputError: where it lacks a column or holds a word that is not on its list.
    """
    _require_columns(table.column_names, where)
    try:
        return [row_from_dict(fields) for fields in table.to_pylist()]
    except ValueError as error:
        raise BadInputError(
            f"the manifest says what this version does not know: {error}",
            reason=Reason.UNREADABLE,
            where=where,
        ) from error
