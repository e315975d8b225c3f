"""The index of curated and of preprocessed data sets, and of folders that are neither."""

from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import iter_clips
from mytalk_core.data.curated import IndexRow, write_index
from mytalk_core.data.manifest import Kind, ManifestRow, Status, write_manifest
from mytalk_core.data.splits import SplitConfig, assign_split
from mytalk_core.data.storage import open_store
from mytalk_core.errors import BadInputError, Reason

ROWS = [
    IndexRow("c-0", "train", "train/shard-00001.tar", "ann", 0, 512),
    IndexRow("b-0", "train", "train/shard-00000.tar", "bo", 1024, 2048),
    IndexRow("a-0", "train", "train/shard-00000.tar", "ann", 0, 1024),
    IndexRow("d-0", "val", "val/shard-00000.tar", "", 0, 512),
]


def clip(speaker: str, number: int, **fields: object) -> ManifestRow:
    usual = {"kind": Kind.CLIP, "status": Status.OK, "shard": "s-0.tar", "size": 512}
    return ManifestRow(
        id=f"{speaker}-{number}",
        source="film.mp4",
        title="film",
        speaker=speaker,
        offset=512 * number,
        **(usual | fields),
    )


def test_the_clips_of_a_split_are_ordered_by_shard_and_offset(tmp_path: Path) -> None:
    write_index(open_store(tmp_path), ROWS)
    for data in (tmp_path, tmp_path / "index.parquet", f"{tmp_path}/", f"file://{tmp_path}"):
        index = clip_index(data, "train")
        assert len(index) == 3
        assert [index.shards[number] for number in index.shard] == [
            "train/shard-00000.tar",
            "train/shard-00000.tar",
            "train/shard-00001.tar",
        ]
        assert [index.speakers[number] for number in index.speaker] == ["ann", "bo", "ann"]
        np.testing.assert_array_equal(index.offset, [0, 1024, 0])
        np.testing.assert_array_equal(index.size, [1024, 2048, 512])


def test_the_digest_depends_on_the_data_set_and_not_on_its_path(tmp_path: Path) -> None:
    for name, rows in (("one", ROWS), ("moved", ROWS), ("other", ROWS[1:])):
        (tmp_path / name).mkdir()
        write_index(open_store(tmp_path / name), rows)
    one, moved, other = (
        clip_index(tmp_path / name, "train").digest() for name in ("one", "moved", "other")
    )
    assert one == moved != other
    assert clip_index(tmp_path / "one", "val").digest() != one


def test_a_manifest_of_preprocessing_is_split_by_speaker(tmp_path: Path) -> None:
    speakers = [f"speaker {number}" for number in range(40)]
    rows = [clip(speaker, number) for speaker in speakers for number in range(2)]
    write_manifest(tmp_path / "manifest.parquet", rows)
    found = {split: set(clip_index(tmp_path, split).speakers) for split in ("train", "val")}
    assert found["train"] | found["val"] == set(speakers)
    for split, names in found.items():
        for name in names:
            assert assign_split(name, "film", frozenset(), SplitConfig()) == split


def test_an_empty_split_is_an_error_that_names_the_option(tmp_path: Path) -> None:
    held_out = {assign_split(name, "film", frozenset(), SplitConfig()) for name in ("ann", "bo")}
    assert held_out == {"train"}
    rows = [clip(name, number) for name in ("ann", "bo") for number in range(2)]
    write_manifest(tmp_path / "manifest.parquet", rows)
    with pytest.raises(BadInputError, match="--val-share"):
        clip_index(tmp_path, "val")


def test_rows_that_are_not_usable_clips_are_omitted(tmp_path: Path) -> None:
    rows = [
        clip("ann", 0),
        clip("ann", 1, kind=Kind.SOURCE),
        clip("ann", 2, status=Status.FILTERED, reason=Reason.TOO_SHORT),
        clip("ann", 3, size=0),
    ]
    write_manifest(tmp_path / "manifest.parquet", rows)
    split = assign_split("ann", "film", frozenset(), SplitConfig())
    assert clip_index(tmp_path, split).offset.tolist() == [0]


def test_an_index_on_an_object_store_is_read(tmp_path: Path) -> None:
    write_index(open_store(tmp_path), ROWS)
    store = fsspec.filesystem("memory")
    store.pipe("/bucket/data/index.parquet", (tmp_path / "index.parquet").read_bytes())
    for url in ("memory://bucket/data", "memory://bucket/data/index.parquet"):
        assert clip_index(url, "val").root == "memory://bucket/data"
        assert len(clip_index(url, "train")) == 3


def refusal(data: Path | str) -> BadInputError:
    with pytest.raises(BadInputError) as refused:
        clip_index(data, "train")
    return refused.value


def test_a_folder_that_is_not_a_data_set_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path).reason is Reason.NOT_FOUND
    assert refusal(tmp_path / "none.parquet").reason is Reason.NOT_FOUND
    (tmp_path / "index.parquet").write_bytes(b"PAR? not at all")
    assert refusal(tmp_path).reason is Reason.UNREADABLE
    write_index(open_store(tmp_path), ROWS[3:])
    assert "'train'" in refusal(tmp_path).what
    pq.write_table(pa.table({"key": ["a"], "kind": ["clip"]}), tmp_path / "index.parquet")
    assert "Preprocess" in refusal(tmp_path).remedy


def test_a_shard_outside_the_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "secret.tar").write_bytes(bytes(1024))
    rows = [IndexRow("a", "train", "../secret.tar", "ann", 0, 512)]
    write_index(open_store(tmp_path / "data"), rows)
    with pytest.raises(BadInputError, match="secret"):
        list(iter_clips(clip_index(tmp_path / "data", "train")))
