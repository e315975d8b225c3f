"""Summaries of manifests and indexes."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mytalk_core.data import table_contents as module
from mytalk_core.data.clip_index import described_by
from mytalk_core.data.curated import IndexRow, write_index
from mytalk_core.data.manifest import Kind, ManifestRow, Status, write_manifest
from mytalk_core.data.storage import Store, open_store
from mytalk_core.data.table_contents import find_row, iter_clip_rows, table_contents
from mytalk_core.errors import BadInputError, ErrorClass, Reason


def row(number: int, **fields: object) -> ManifestRow:
    usual = {"kind": Kind.CLIP, "status": Status.OK, "speaker": "ann", "shard": "s.tar"}
    return ManifestRow(
        id=f"id-{number}",
        key=f"key-{number}",
        source="film.mp4",
        title="film",
        duration_seconds=3.6,
        **(usual | fields),
    )


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Store, str]:
    """Clips: 100 of ann and 10 of bo, 2 filtered ones; and one failed film."""
    monkeypatch.setattr(module, "_BATCH", 16)  # several batches, as in a long table
    filtered = {"status": Status.FILTERED, "shard": ""}
    rows = [row(number) for number in range(100)]
    rows += [row(number, speaker="bo", audio_hash=b"\x01\xff") for number in range(100, 110)]
    rows += [row(110, **filtered, reason=Reason.TOO_SHORT, stage="tracks")]
    rows += [row(111, **filtered, reason=Reason.NO_FACE, stage="tracks")]
    failed = {"status": Status.FAILED, "reason": Reason.DECODE_ERROR, "shard": ""}
    rows += [row(112, kind=Kind.SOURCE, error_class=ErrorClass.BAD_INPUT, **failed)]
    write_manifest(tmp_path / "manifest.parquet", rows)
    return described_by(tmp_path)


def test_a_manifest_is_counted_by_outcome_and_speaker(manifest: tuple[Store, str]) -> None:
    contents = table_contents(*manifest, limit=20)
    assert (contents.kind, contents.rows) == ("manifest", 113)
    outcomes = {(r["kind"], r["status"], r["reason"]): r["rows"] for r in contents.groups}
    assert outcomes == {
        ("clip", "ok", None): 110,
        ("clip", "filtered", "too_short"): 1,
        ("clip", "filtered", "no_face"): 1,
        ("source", "failed", "decode_error"): 1,
    }
    assert [(r["speaker"], r["clips"]) for r in contents.speakers] == [("ann", 100), ("bo", 10)]
    assert contents.speakers[0]["hours"] == pytest.approx(0.1)
    assert [r["id"] for r in contents.first] == [f"id-{number}" for number in range(20)]
    assert contents.first[0]["face_height"] is None  # not measured


def test_a_row_is_found_by_key_or_id_in_any_batch(manifest: tuple[Store, str]) -> None:
    assert find_row(*manifest, "key-104")["audio_hash"] == "01ff"
    assert find_row(*manifest, "id-112")["kind"] == "source"
    with pytest.raises(BadInputError) as refusal:
        find_row(*manifest, "unknown")
    assert refusal.value.reason is Reason.NOT_FOUND


def test_usable_clips_are_listed_in_order(manifest: tuple[Store, str]) -> None:
    rows = list(iter_clip_rows(*manifest))
    assert [r["key"] for r in rows] == [f"key-{number}" for number in range(110)]


def test_an_index_is_counted_by_split(tmp_path: Path) -> None:
    rows = [
        IndexRow(f"{split}-{n}", split, f"{split}/s.tar", "ann", 512 * n, 512)
        for split, count in (("train", 3), ("val", 1))
        for n in range(count)
    ]
    write_index(open_store(tmp_path), rows)
    folder = described_by(tmp_path)
    contents = table_contents(*folder, limit=2)
    assert contents.kind == "index"
    assert contents.groups == [
        {"split": "train", "rows": 3, "bytes": 1536},
        {"split": "val", "rows": 1, "bytes": 512},
    ]
    assert contents.speakers == [{"speaker": "ann", "clips": 4, "bytes": 2048}]
    assert len(contents.first) == 2
    assert find_row(*folder, "val-0")["shard"] == "val/s.tar"
    assert len(list(iter_clip_rows(*folder))) == 4


def test_a_manifest_of_an_older_version_is_counted_too(tmp_path: Path) -> None:
    write_manifest(tmp_path / "manifest.parquet", [row(0)])
    table = pq.read_table(tmp_path / "manifest.parquet").drop_columns(["offset", "error_class"])
    pq.write_table(table, tmp_path / "manifest.parquet")
    (group,) = table_contents(*described_by(tmp_path), limit=1).groups
    assert (group["status"], group["rows"]) == ("ok", 1)


def test_other_tables_and_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(BadInputError, match="neither a manifest nor an index"):
        table_contents(*described_by(path), limit=1)
    path.write_bytes(b"PAR1 but no more")
    with pytest.raises(BadInputError, match="not a Parquet file"):
        table_contents(*described_by(path), limit=1)
