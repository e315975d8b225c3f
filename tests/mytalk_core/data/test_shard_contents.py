"""Listings of shards and summaries of samples match the written samples."""

import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.data.clip_index import stored_file
from mytalk_core.data.schema import ClipSample
from mytalk_core.data.shard_contents import describe_sample, iter_entries, read_sample
from mytalk_core.data.shards import MEMBERS, encode_sample, write_shard
from mytalk_core.data.storage import Store
from mytalk_core.errors import BadInputError, Reason
from tests.synthetic_face import SIZE, speaking_clip


@pytest.fixture(scope="module")
def samples() -> list[ClipSample]:
    return [speaking_clip("ann", number, frames=30 + number) for number in range(3)]


@pytest.fixture
def shard(samples: list[ClipSample], tmp_path: Path) -> tuple[Store, str]:
    path = tmp_path / "s-0.tar"
    write_shard(path, [(sample.meta.key, encode_sample(sample)) for sample in samples])
    return stored_file(path)


def test_every_sample_is_listed_with_its_byte_range(
    samples: list[ClipSample], shard: tuple[Store, str], tmp_path: Path
) -> None:
    entries = list(iter_entries(*shard))
    assert [entry.meta for entry in entries] == [sample.meta for sample in samples]
    assert [entry.key for entry in entries] == [sample.meta.key for sample in samples]
    for entry, sample in zip(entries, samples, strict=True):
        members = encode_sample(sample)
        assert entry.members == {kind: len(data) for kind, data in members.items()}
        assert read_sample(*shard, entry.key) == members
        assert read_sample(*shard, entry.key, entry.offset, entry.size) == members
    with tarfile.open(tmp_path / "s-0.tar") as tar:
        tar.getmembers()
        assert entries[-1].offset + entries[-1].size == tar.offset


def test_a_summary_has_levels_dtypes_shapes_and_ranges(samples: list[ClipSample]) -> None:
    sample = replace(
        samples[0],
        audio=np.array([0, 16384, -16384, 0] * 4000, np.int16),
        landmarks=np.where(np.arange(3) == 2, np.nan, samples[0].landmarks).astype(np.float32),
    )
    summary = describe_sample(encode_sample(sample))
    assert set(summary) == set(MEMBERS)
    assert summary["json"]["content"]["fps"] == "25/1"
    assert summary["wav"]["seconds"] == 1.0
    assert summary["wav"]["peak"] == pytest.approx(-6.0, abs=0.05)
    assert summary["wav"]["rms"] == pytest.approx(-9.0, abs=0.05)
    assert summary["landmarks.npy"]["shape"] == [30, 478, 3]
    assert summary["landmarks.npy"]["dtype"] == "float32"
    assert summary["landmarks.npy"]["not_finite"] == 30 * 478
    assert summary["landmarks.npy"]["max"] == pytest.approx(np.nanmax(sample.landmarks))
    assert summary["crop.mp4"]["shape"] == [30, SIZE, SIZE, 3]


def test_silence_has_a_finite_level(samples: list[ClipSample]) -> None:
    for audio in (np.zeros(100, np.int16), np.zeros(0, np.int16)):
        summary = describe_sample(encode_sample(replace(samples[0], audio=audio)))["wav"]
        assert summary["peak"] == summary["rms"] == -120


@pytest.mark.parametrize("kind", ["boxes.npy", "wav", "crop.mp4"])
def test_a_damaged_member_is_an_error(samples: list[ClipSample], kind: str) -> None:
    members = encode_sample(samples[0]) | {kind: b"nonsense"}
    with pytest.raises(BadInputError) as refusal:
        describe_sample(members)
    assert refusal.value.reason is Reason.DECODE_ERROR


def test_an_unknown_key_is_not_found(shard: tuple[Store, str]) -> None:
    with pytest.raises(BadInputError, match="unknown-0") as refusal:
        read_sample(*shard, "unknown-0")
    assert refusal.value.reason is Reason.NOT_FOUND


def test_complete_samples_are_listed_before_the_error(
    shard: tuple[Store, str], tmp_path: Path
) -> None:
    path = tmp_path / "s-0.tar"
    last = list(iter_entries(*shard))[-1]
    path.write_bytes(path.read_bytes()[: last.offset + last.size // 2])
    entries = iter_entries(*shard)
    assert [next(entries).key, next(entries).key] == ["ann_0-00000-00-000", "ann_1-00000-00-000"]
    with pytest.raises(BadInputError, match="damaged"):
        next(entries)


def test_other_tars_and_other_files_are_refused(tmp_path: Path) -> None:
    contents = {"pictures.tar": {"jpg": b"1"}, "other.tar": {"json": b'{"label": 3}'}}
    for name, members in contents.items():
        write_shard(tmp_path / name, [("a-0", members)])
    with tarfile.open(tmp_path / "pictures.tar", "w") as tar:
        tar.add(__file__, "a-0.jpg")
    for name in contents:
        with pytest.raises(BadInputError, match="not a shard of clip samples"):
            list(iter_entries(*stored_file(tmp_path / name)))
    (tmp_path / "noise.tar").write_bytes(b"no tar at all" * 100)
    with pytest.raises(BadInputError, match="not a shard"):
        list(iter_entries(*stored_file(tmp_path / "noise.tar")))
