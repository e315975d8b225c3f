"""Manifests are read back as written; other files are errors that name the file."""

import math
from dataclasses import asdict, fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mytalk_core.data.manifest import (
    MANIFEST_SCHEMA,
    Kind,
    ManifestRow,
    Status,
    read_manifest,
    write_manifest,
)
from mytalk_core.errors import BadInputError, ErrorClass, OutputError, Reason

GOOD = ManifestRow(
    id="film-00000-00-000",
    kind=Kind.CLIP,
    source="/films/Zoë.mp4",
    title="film",
    speaker="Ann",
    status=Status.OK,
    frames=250,
    fps="25/1",
    duration_seconds=10.0,
    face_share=1.0,
    face_height=200.5,
    yaw_degrees=12.25,
    sync_offset=-1.0,
    sync_confidence=0.5,
    sync_shift=0.0,
    faces=1,
    sharpness=0.05,
    jitter=0.001,
    speech_share=0.75,
    content_hash="0f",
    audio_hash=b"\x00\xff",
    picture_hash=b"\x01",
    embedding=(0.5, -0.25),
    offset=512,
    size=1024,
    shard="shard-00000.tar",
    key="film-00000-00-000",
)
BAD = ManifestRow(
    id="broken",
    kind=Kind.SOURCE,
    source="/films/broken.mp4",
    title="broken",
    speaker="",
    status=Status.FAILED,
    reason=Reason.NOT_MEDIA,
    error_class=ErrorClass.BAD_INPUT,
    message="is not a video.",
)


def test_rows_are_read_back_in_order_with_their_types(tmp_path: Path) -> None:
    write_manifest(tmp_path / "manifest.parquet", [GOOD, BAD, GOOD])
    first, second, third = read_manifest(tmp_path / "manifest.parquet")
    assert first == third == GOOD
    assert isinstance(first.kind, Kind)
    assert isinstance(second.reason, Reason)
    assert isinstance(second.error_class, ErrorClass)
    assert math.isnan(second.face_height)
    known = {name: value for name, value in asdict(BAD).items() if value == value}
    assert {name: value for name, value in asdict(second).items() if value == value} == known


def test_a_manifest_may_be_empty(tmp_path: Path) -> None:
    write_manifest(tmp_path / "manifest.parquet", [])
    assert read_manifest(tmp_path / "manifest.parquet") == []


def test_the_schema_has_a_column_for_every_field() -> None:
    assert MANIFEST_SCHEMA.names == [field.name for field in fields(ManifestRow)]


def test_columns_of_a_later_version_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "manifest.parquet"
    write_manifest(path, [GOOD])
    pq.write_table(pq.read_table(path).append_column("mood", pa.array(["good"])), path)
    assert read_manifest(path) == [GOOD]


def test_a_missing_manifest_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as refused:
        read_manifest(tmp_path / "manifest.parquet")
    assert refused.value.reason == Reason.NOT_FOUND
    assert "preprocess" in refused.value.remedy


@pytest.mark.parametrize("content", [b"", b"id,kind\n", b"PAR1" + bytes(100)])
def test_a_file_that_is_not_parquet_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "manifest.parquet"
    path.write_bytes(content)
    with pytest.raises(BadInputError) as refused:
        read_manifest(path)
    assert refused.value.reason == Reason.UNREADABLE
    assert refused.value.where == str(path)


def test_a_table_without_columns_of_a_manifest_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "manifest.parquet"
    pq.write_table(pa.table({"id": ["a"], "kind": ["clip"]}), path)
    with pytest.raises(BadInputError, match="speaker") as refused:
        read_manifest(path)
    assert refused.value.reason == Reason.UNREADABLE


@pytest.mark.parametrize("column", ["kind", "status", "reason"])
def test_an_unknown_value_of_a_closed_list_is_refused(column: str, tmp_path: Path) -> None:
    path = tmp_path / "manifest.parquet"
    row = asdict(GOOD) | {column: "misty"}
    pq.write_table(pa.Table.from_pylist([row], schema=MANIFEST_SCHEMA), path)
    with pytest.raises(BadInputError, match="misty") as refused:
        read_manifest(path)
    assert refused.value.reason == Reason.UNREADABLE


def test_an_unwritable_folder_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        write_manifest(tmp_path / "absent" / "manifest.parquet", [GOOD])
    assert list(tmp_path.iterdir()) == []
