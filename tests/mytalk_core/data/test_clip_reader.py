"""Clips are read by byte range from disk and from an object store, with checks of the content."""

import io
import pickle
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest

from mytalk_core.data.clip_index import ClipIndex, clip_index
from mytalk_core.data.clip_reader import iter_clips, read_clip
from mytalk_core.data.curated import IndexRow, write_index
from mytalk_core.data.shards import write_shard
from mytalk_core.data.storage import open_store
from mytalk_core.errors import BadInputError, Reason

CLIPS = [(f"film-{n}", {"json": b"{}", "wav": bytes([n]) * 700 * n}) for n in range(3)]


@pytest.fixture
def index(tmp_path: Path) -> ClipIndex:
    """Three clips of one shard."""
    ranges = write_shard(tmp_path / "s-0.tar", CLIPS)
    rows = [IndexRow(each.key, "train", "s-0.tar", "", each.offset, each.size) for each in ranges]
    write_index(open_store(tmp_path), rows)
    return clip_index(tmp_path, "train")


def test_clips_have_the_written_members(index: ClipIndex) -> None:
    assert list(iter_clips(index)) == [members for _, members in CLIPS]
    assert read_clip(index, 1) == CLIPS[1][1]


def test_clips_on_an_object_store_have_the_same_members(index: ClipIndex, tmp_path: Path) -> None:
    store = fsspec.filesystem("memory")
    store.pipe("/bucket/reader/s-0.tar", (tmp_path / "s-0.tar").read_bytes())
    remote = replace(index, root="memory://bucket/reader")
    assert list(iter_clips(remote)) == [members for _, members in CLIPS]


class Bomb:
    """Ends the process when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return (exec, ("raise SystemExit('unpickled')",))


@pytest.mark.parametrize("kind", ["pyd", "pth", "pickle"])
def test_pickled_members_are_not_unpickled(index: ClipIndex, tmp_path: Path, kind: str) -> None:
    bomb = pickle.dumps(Bomb())
    with tarfile.open(tmp_path / "s-0.tar", "w") as tar:
        header = tarfile.TarInfo(f"a-0.{kind}")
        header.size = len(bomb)
        tar.addfile(header, io.BytesIO(bomb))
        size = tar.offset
    bombed = replace(index, offset=index.offset[:1], size=index.size[:1] * 0 + size)
    assert read_clip(bombed, 0) == {kind: bomb}


def refused(index: ClipIndex, number: int) -> BadInputError:
    with pytest.raises(BadInputError, match=r"s-0\.tar") as refusal:
        read_clip(index, number)
    return refusal.value


def test_a_missing_shard_is_named(index: ClipIndex, tmp_path: Path) -> None:
    (tmp_path / "s-0.tar").unlink()
    assert refused(index, 0).reason is Reason.NOT_FOUND


def test_complete_clips_of_a_truncated_shard_are_readable(index: ClipIndex, tmp_path: Path) -> None:
    shard = tmp_path / "s-0.tar"
    shard.write_bytes(shard.read_bytes()[: int(index.offset[2]) + 600])
    assert read_clip(index, 1) == CLIPS[1][1]
    assert refused(index, 2).reason is Reason.DECODE_ERROR


@pytest.mark.parametrize("shift", [100, 512, -1024])
def test_an_index_of_another_shard_is_an_error(index: ClipIndex, shift: int) -> None:
    elsewhere = replace(index, offset=index.offset + shift)
    assert refused(elsewhere, 1).reason is Reason.DECODE_ERROR


def test_links_are_not_samples(index: ClipIndex, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "s-0.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
        header = tarfile.TarInfo("film-0.json")
        header.type, header.linkname = tarfile.SYMTYPE, "../elsewhere"
        tar.addfile(header)
    assert refused(index, 0).reason is Reason.DECODE_ERROR
