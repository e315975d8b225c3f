"""Read one clip of a shard by its byte range, from any storage; members are undecoded bytes.

Training draws clips at random from all shards and balances speakers, and a restarted run continues
with the same draws. Both need random access, which the stream of `webdataset` does not offer: it
reads a shard up to the wanted sample. A random clip of a local shard of 260 MB takes 1-10 ms by
byte range and 300-1000 ms by streaming to it.
"""

from collections.abc import Iterator
from typing import TypeAlias, cast

from mytalk_core.data.clip_index import ClipIndex
from mytalk_core.data.remote_files import remote_file
from mytalk_core.data.retrying import with_retries
from mytalk_core.data.shard_index import members_of
from mytalk_core.data.storage import Store
from mytalk_core.errors import BadInputError, Reason

Members: TypeAlias = dict[str, bytes]
"""The members of a sample by kind, as `shards.MEMBERS` lists them."""


def read_clip(index: ClipIndex, number: int) -> Members:
    """Return the members of one clip of the index. Thread-safe.

    Raises:
        BadInputError: NOT_FOUND if its shard is missing, DECODE_ERROR if it is damaged.
        StorageError: the storage does not answer, after retries.
    """
    shard = index.shards[index.shard[number]]
    return read_range(Store(index.root), shard, int(index.offset[number]), int(index.size[number]))


def read_range(store: Store, shard: str, offset: int, size: int) -> Members:
    """Return the members of the sample in `size` bytes from `offset` of a shard.

    Raises:
        As `read_clip`.
    """
    where = f"{store.url}/{shard}"
    data = with_retries(lambda: _bytes(store, shard, offset, size), where)
    members = members_of(data) if len(data) == size else {}
    if not members:
        raise BadInputError(
            f"holds no sample at byte {offset}: it is damaged, or not the shard that was indexed.",
            reason=Reason.DECODE_ERROR,
            where=where,
            remedy="Delete its folder and create it again.",
        )
    return members


def iter_clips(index: ClipIndex) -> Iterator[Members]:
    """Yield the members of all clips of an index in order.

    Raises:
        As `read_clip`.
    """
    for number in range(len(index)):
        yield read_clip(index, number)


def _bytes(store: Store, shard: str, offset: int, size: int) -> bytes:
    path = store.local_path(shard)
    if path is None:
        system, remote = remote_file(f"{store.url}/{shard}")
        return cast(bytes, system.cat_file(remote, start=offset, end=offset + size))
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size)
