"""Remove shards and records that a manifest no longer names: of replaced or removed footage.

A source that is added, replaced or removed changes the name of its chunk. Programs that read all
shards of a folder would otherwise read the clips under the old name a second time.
"""

import hashlib
import re
from array import array
from collections.abc import Iterable

import numpy as np

from mytalk_core.data.storage import Store

# Names that this program writes, by folder, with the chunk as their first group. All other files
# belong to the user.
_CHUNK = r"([0-9a-f]{12})(?:-r\d+)?"
_RECORDS = {
    "chunks": re.compile(rf"chunks/{_CHUNK}\.parquet"),
    "plans": re.compile(rf"plans/{_CHUNK}\.json"),
    "units": re.compile(rf"units/{_CHUNK}-\d{{4,}}\.parquet"),
}
_SHARD = re.compile(rf"shards/{_CHUNK}-\d{{4,}}-\d{{3,}}\.tar")


class NamedShards:
    """The set of shards that rows of a manifest name. Memory: 8 bytes per shard."""

    def __init__(self) -> None:
        self._digests = array("Q")

    def add(self, names: Iterable[str]) -> None:
        """Add names; duplicates are allowed."""
        self._digests.extend(map(_digest, names))

    def unnamed(self, names: Iterable[str]) -> list[str]:
        """Return those of `names` that were not added."""
        candidates = list(names)
        added = np.frombuffer(self._digests, np.uint64) if self._digests else np.empty(0, np.uint64)
        found = np.isin(np.fromiter(map(_digest, candidates), np.uint64, len(candidates)), added)
        return [name for name, is_named in zip(candidates, found, strict=True) if not is_named]


def _digest(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())


def remove_unnamed(store: Store, chunks: Iterable[str], named: NamedShards) -> None:
    """Remove the shards that no row names, and the records of chunks not in the manifest.

    Records are removed before the shards that they list, so that a later run never trusts them.

    Args:
        chunks: names of all chunks of the manifest.

    Raises:
        OutputError, StorageError: where the store refuses to remove them.
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
