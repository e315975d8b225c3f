"""Which clip goes into which training shard: a global shuffle that is the same every time.

A key's hash is its place in the shuffle. To pack a split, its clips are put in the order of
(speaker, place) and dealt round: clip i goes to shard i mod N. So every speaker is spread over as
many shards as there are clips of theirs, all shards hold the same number of clips but for one, and
a worker that repeats the work of a lost one writes the same bytes under the same name. Within a
shard clips stand by place.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from tarfile import BLOCKSIZE, RECORDSIZE

import numpy as np
from numpy.typing import NDArray

# Of a tar, behind its last sample: two empty blocks, then up to a full record.
_TAR_END = 2 * BLOCKSIZE + RECORDSIZE - BLOCKSIZE


@dataclass(frozen=True)
class PackingConfig:
    """How the clips of a split are laid into shards."""

    clips_per_shard: int = 64
    """Most clips in one shard; shards of a split differ by one clip at most."""

    bytes_per_shard: int = 256 * 10**6
    """Most bytes of one shard; a clip that is larger than that stands alone."""

    seed: int = 0
    """Seed of the shuffle."""


def shuffle_place(key: str, seed: int) -> bytes:
    """The key's place in the shuffle: 16 bytes that two keys never share in practice."""
    return hashlib.blake2b(f"{seed}/{key}".encode(), digest_size=16).digest()


def shard_count(sizes: Callable[[], Iterable[NDArray[np.int64]]], config: PackingConfig) -> int:
    """As few shards as the limits allow, or nearly: 0 for no clips.

    Even shards matter: workers that train together each want as many clips as the others.

    Args:
        sizes: gives the sizes of a split's clips, in bytes, in the order in which they are dealt,
            as arrays of any length; called several times. Memory: 8 bytes a shard.
        config: the limits.
    """
    count = total = largest = 0
    for some in sizes():
        count, total = count + len(some), total + int(some.sum())
        largest = max(largest, int(some.max(initial=0)))
    room = max(config.bytes_per_shard - _TAR_END, largest)
    shards = max(-(-count // config.clips_per_shard), -(-total // room))
    while 0 < shards < count:
        fullest = int(_dealt(sizes(), shards).max())
        if fullest <= room:
            break
        shards = min(count, max(shards + 1, shards * fullest // room))
    return shards


def _dealt(sizes: Iterable[NDArray[np.int64]], shards: int) -> NDArray[np.int64]:
    """Bytes of each shard, (shards,)."""
    held = np.zeros(shards, np.int64)
    first = 0
    for some in sizes:
        np.add.at(held, shards_of_clips(first, len(some), shards), some)
        first += len(some)
    return held


def shards_of_clips(first: int, count: int, shards: int) -> NDArray[np.int64]:
    """The shards, (count,), of the clips `first`, `first` + 1, ... of a split's order."""
    return (first + np.arange(count, dtype=np.int64)) % shards
