"""Shards and records that a manifest no longer names: of footage that was replaced or removed.

A source that is added, replaced or removed changes the name of the chunk that it falls into. What
stands under the old name would be read a second time by programs that read all shards of a folder.
"""

import hashlib
import re
from array import array
from collections.abc import Iterable

import numpy as np

from mytalk_core.data.storage import Store

# Names that this program gives, by folder, with the chunk as their first group. All others are the
# user's.
_CHUNK = r"([0-9a-f]{12})(?:-r\d+)?"
_RECORDS = {
    "chunks": re.compile(rf"chunks/{_CHUNK}\.parquet"),
    "plans": re.compile(rf"plans/{_CHUNK}\.json"),
    "units": re.compile(rf"units/{_CHUNK}-\d{{4,}}\.parquet"),
}
_SHARD = re.compile(rf"shards/{_CHUNK}-\d{{4,}}-\d{{3,}}\.tar")


class NamedShards:
    """The shards that rows of a manifest name; eight bytes of memory for each."""

    def __init__(self) -> None:
        self._digests = array("Q")

    def add(self, names: Iterable[str]) -> None:
        """Note names; each may come several times."""
        self._digests.extend(map(_digest, names))

    def unnamed(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that were not noted."""
        candidates = list(names)
        noted = np.frombuffer(self._digests, np.uint64) if self._digests else np.empty(0, np.uint64)
        found = np.isin(np.fromiter(map(_digest, candidates), np.uint64, len(candidates)), noted)
        return [name for name, is_named in zip(candidates, found, strict=True) if not is_named]


def _digest(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())


def remove_unnamed(store: Store, chunks: Iterable[str], named: NamedShards) -> None:
    """Remove the shards that no row names, and the records of chunks that the manifest is not of.

    Records go before the shards that they account for, so that a later run never trusts them.

    Args:
        chunks: names of all chunks of the manifest.

    Raises:
        OutputError, StorageError: where the store does not let them be removed.
    """
    kept = {name.partition("-")[0] for name in chunks}
    for folder, pattern in _RECORDS.items():
        for name in store.names(f"{folder}/"):
            match = pattern.fullmatch(name)
            if match and match[1] not in kept:
                store.remove(name)
    shards = (name for name in store.names("shards/") if _SHARD.fullmatch(name))
    for name in named.unnamed(shards):
        store.remove(name)
