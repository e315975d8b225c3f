"""Samples are found by their headers and moved byte for byte."""

from pathlib import Path

import pytest

from mytalk_core.data.shard_index import SampleBytes, copy_samples, sample_ranges
from mytalk_core.data.shards import MEMBERS, iter_members, write_shard
from mytalk_core.errors import OutputError


def members(key: str) -> dict[str, bytes]:
    return {kind: f"{key} {kind}".encode() * (100 + 7 * len(kind)) for kind in MEMBERS}


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    path = tmp_path / "source.tar"
    write_shard(path, [(key, members(key)) for key in ("a-0", "b-0", "c-0")])
    return path


def places(shard: Path) -> list[SampleBytes]:
    return [SampleBytes(str(shard), each.offset, each.size) for each in sample_ranges(shard)]


def test_ranges_are_those_that_the_writer_reported(tmp_path: Path) -> None:
    path = tmp_path / "source.tar"
    written = write_shard(path, [(key, members(key)) for key in ("a-0", "b-0")])
    assert sample_ranges(path) == list(written)


def test_a_copy_in_the_same_order_is_the_same_file(shard: Path, tmp_path: Path) -> None:
    copy_samples(tmp_path / "copy.tar", places(shard))
    assert (tmp_path / "copy.tar").read_bytes() == shard.read_bytes()


def test_samples_keep_their_members_in_another_order(shard: Path, tmp_path: Path) -> None:
    first, _, last = places(shard)
    copy_samples(tmp_path / "copy.tar", [last, first])
    assert list(iter_members([tmp_path / "copy.tar"])) == [
        ("c-0", members("c-0")),
        ("a-0", members("a-0")),
    ]


@pytest.mark.parametrize("kept_of_last", [0, 100, 700, -512])
def test_a_shard_that_was_cut_off_loses_what_is_behind_the_cut(
    shard: Path, kept_of_last: int
) -> None:
    ranges = sample_ranges(shard)
    last = ranges[-1]
    shard.write_bytes(shard.read_bytes()[: last.offset + kept_of_last % last.size])
    assert sample_ranges(shard) == ranges[:-1]


def test_a_sample_that_lacks_a_member_is_not_listed(tmp_path: Path) -> None:
    path = tmp_path / "source.tar"
    partial = members("b-0")
    del partial["wav"]
    write_shard(path, [("a-0", members("a-0")), ("b-0", partial)])
    assert [each.key for each in sample_ranges(path)] == ["a-0"]


def test_a_missing_shard_and_one_that_is_no_tar_have_no_samples(tmp_path: Path) -> None:
    (tmp_path / "text.tar").write_text("no tar at all" * 100)
    (tmp_path / "empty.tar").touch()
    for name in ("absent.tar", "text.tar", "empty.tar"):
        assert sample_ranges(tmp_path / name) == []


def test_an_unwritable_place_leaves_nothing(shard: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        copy_samples(tmp_path / "absent" / "copy.tar", places(shard))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source.tar"]
