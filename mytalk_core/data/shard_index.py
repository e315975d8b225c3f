"""Samples inside tar shards as byte ranges, so that clips are moved without being decoded."""

import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from mytalk_core.data.shards import MEMBERS, MemberRange
from mytalk_core.media.output import atomic_path


@dataclass(frozen=True)
class SampleBytes:
    """The bytes of one sample: headers and members, padding included."""

    shard: str
    """Path of the tar."""

    offset: int
    """First byte of the first member's header."""

    size: int
    """Bytes, a multiple of the tar block."""


def _key_and_kind(member: tarfile.TarInfo) -> tuple[str, str]:
    key, _, kind = member.name.partition(".")
    return key, kind


def _end(member: tarfile.TarInfo) -> int:
    blocks = -(-member.size // tarfile.BLOCKSIZE)
    return member.offset_data + blocks * tarfile.BLOCKSIZE


def _readable_members(path: Path) -> list[tarfile.TarInfo]:
    """The members up to the end of the archive or to where it is damaged or cut off."""
    members: list[tarfile.TarInfo] = []
    try:
        size = path.stat().st_size
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                if _end(member) <= size:
                    members.append(member)
    except (OSError, tarfile.ReadError):
        pass  # what was read until here is good
    return members


def sample_ranges(path: Path) -> list[MemberRange]:
    """Where each complete sample of a shard stands, in order; only headers are read.

    A sample that lacks a member of the contract is not listed. A shard that is missing or no tar
    has none; of one that was cut off, those before the cut are listed.
    """
    ranges = []
    for key, group in groupby(_readable_members(path), lambda member: _key_and_kind(member)[0]):
        members = list(group)
        if {_key_and_kind(member)[1] for member in members}.issuperset(MEMBERS):
            offset = members[0].offset
            ranges.append(MemberRange(key, offset, _end(members[-1]) - offset))
    return ranges


def copy_samples(path: Path, samples: Iterable[SampleBytes]) -> None:
    """Write samples, byte for byte and in the order given, as one tar, complete or not at all.

    Raises:
        OutputError: where the folder cannot be written or the disk is full.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as tar:
        for sample in samples:
            with open(sample.shard, "rb") as source:
                source.seek(sample.offset)
                tar.write(source.read(sample.size))
        tar.write(bytes(2 * tarfile.BLOCKSIZE))
        tar.write(bytes(-tar.tell() % tarfile.RECORDSIZE))
