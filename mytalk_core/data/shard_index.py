"""Read and copy samples in tar shards by byte range, without decoding them."""

import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, cast

from mytalk_core.data.storage import Store, is_local, local_file
from mytalk_core.data.stored_files import remote_bytes
from mytalk_core.errors import BadInputError, Reason


@dataclass(frozen=True)
class SampleBytes:
    """Byte range of one sample in a shard: headers, members and padding."""

    shard: str
    """Path or URL of the tar."""

    key: str
    """Key of the sample."""

    offset: int
    """Bytes, start of the first member's header."""

    size: int
    """Bytes, a multiple of the tar block size."""


def read_sample_bytes(sample: SampleBytes) -> bytes:
    """Read the bytes of a sample.

    Raises:
        BadInputError: NOT_FOUND if the shard is missing or too short, DECODE_ERROR if another
            sample, or none, is at that offset.
        StorageError: STORAGE_ERROR.
    """
    data = _bytes(sample)
    if len(data) < sample.size:
        raise BadInputError(
            f"ends before the sample {sample.key}.", reason=Reason.NOT_FOUND, where=sample.shard
        )
    if _key_at_start(data) != sample.key:
        raise BadInputError(
            f"does not contain {sample.key} at byte {sample.offset}, unlike its manifest.",
            reason=Reason.DECODE_ERROR,
            where=sample.shard,
            remedy="Shards and manifest are from different runs; preprocess again.",
        )
    return data


def _bytes(sample: SampleBytes) -> bytes:
    if not is_local(sample.shard):
        return remote_bytes(sample.shard, sample.offset, sample.size)
    try:
        with local_file(sample.shard).open("rb") as shard:
            shard.seek(sample.offset)
            return shard.read(sample.size)
    except OSError as error:
        raise BadInputError(
            f"cannot be read: {error.strerror}.",
            reason=Reason.NOT_FOUND,
            where=sample.shard,
            remedy="Restore the shard, or curate again into another folder.",
        ) from error


def _key_at_start(data: bytes) -> str | None:
    try:
        header = tarfile.TarInfo.frombuf(data[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return None
    return header.name.partition(".")[0]


def members_of(data: bytes) -> dict[str, bytes]:
    """Return the members of a sample by kind; empty if `data` is not the bytes of one sample."""
    members: dict[str, bytes] = {}
    keys = set()
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            for header in tar:
                if not header.isfile():
                    return {}  # a folder or a link
                key, _, kind = header.name.partition(".")
                keys.add(key)
                members[kind] = cast(IO[bytes], tar.extractfile(header)).read()
    except tarfile.TarError:
        return {}
    return members if len(keys) == 1 else {}


def copy_samples(store: Store, name: str, samples: Iterable[SampleBytes]) -> None:
    """Copy samples, byte for byte and in the given order, atomically into one tar.

    Raises:
        BadInputError: a sample is not at its byte range.
        OutputError, StorageError: as `Store.publish`.
    """
    with store.publish(name) as temporary, temporary.open("wb") as tar:
        for sample in samples:
            tar.write(read_sample_bytes(sample))
        tar.write(bytes(2 * tarfile.BLOCKSIZE))
        tar.write(bytes(-tar.tell() % tarfile.RECORDSIZE))
