"""Samples are copied byte for byte, after a check of their key."""

from dataclasses import replace
from pathlib import Path

import pytest

from mytalk_core.data.shard_index import (
    SampleBytes,
    copy_samples,
    members_of,
    read_sample_bytes,
)
from mytalk_core.data.shards import MEMBERS, iter_members, write_shard
from mytalk_core.data.storage import open_store
from mytalk_core.errors import BadInputError, OutputError, Reason

KEYS = ("a-0", "b-0", "c-0")


def members(key: str) -> dict[str, bytes]:
    return {kind: f"{key} {kind}".encode() * (100 + 7 * len(kind)) for kind in MEMBERS}


@pytest.fixture
def ranges(tmp_path: Path) -> list[SampleBytes]:
    path = tmp_path / "source.tar"
    written = write_shard(path, [(key, members(key)) for key in KEYS])
    return [SampleBytes(str(path), each.key, each.offset, each.size) for each in written]


def test_a_copy_in_the_same_order_is_the_same_file(
    ranges: list[SampleBytes], tmp_path: Path
) -> None:
    copy_samples(open_store(tmp_path), "copy.tar", ranges)
    assert (tmp_path / "copy.tar").read_bytes() == (tmp_path / "source.tar").read_bytes()


def test_samples_can_be_copied_in_another_order(ranges: list[SampleBytes], tmp_path: Path) -> None:
    first, _, last = ranges
    copy_samples(open_store(tmp_path), "copy.tar", [last, first])
    assert list(iter_members([tmp_path / "copy.tar"])) == [
        ("c-0", members("c-0")),
        ("a-0", members("a-0")),
    ]


def test_members_are_read_from_the_bytes_of_a_sample(ranges: list[SampleBytes]) -> None:
    assert members_of(read_sample_bytes(ranges[1])) == members("b-0")


@pytest.mark.parametrize("moved", [512, 100, -512])
def test_a_wrong_offset_is_an_error(ranges: list[SampleBytes], moved: int) -> None:
    elsewhere = replace(ranges[1], offset=ranges[1].offset + moved)
    with pytest.raises(BadInputError, match="does not contain b-0") as caught:
        read_sample_bytes(elsewhere)
    assert caught.value.reason is Reason.DECODE_ERROR


def test_a_missing_or_truncated_shard_is_an_error_and_leaves_no_file(
    ranges: list[SampleBytes], tmp_path: Path
) -> None:
    path = tmp_path / "source.tar"
    path.write_bytes(path.read_bytes()[: ranges[2].offset + 700])
    for bad in (ranges[2], replace(ranges[0], shard=str(tmp_path / "absent.tar"))):
        with pytest.raises(BadInputError) as caught:
            copy_samples(open_store(tmp_path), "copy.tar", [bad])
        assert caught.value.reason is Reason.NOT_FOUND
    assert sorted(each.name for each in tmp_path.iterdir()) == ["source.tar"]


def test_a_copy_in_place_of_a_folder_is_an_error_and_leaves_no_file(
    ranges: list[SampleBytes], tmp_path: Path
) -> None:
    (tmp_path / "copy.tar").mkdir()
    with pytest.raises(OutputError):
        copy_samples(open_store(tmp_path), "copy.tar", ranges)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["copy.tar", "source.tar"]
