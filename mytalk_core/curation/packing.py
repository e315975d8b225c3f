"""Assign clips to training shards by a deterministic global shuffle.

A key's hash is its place in the shuffle. The clips of a split are sorted by (speaker, place) and
assigned round-robin: clip i goes to shard i mod N. So the clips of each speaker are spread over as
many shards as possible, shards differ by at most one clip, and a repeated task writes the same
bytes under the same name. Within a shard clips are sorted by place.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from tarfile import BLOCKSIZE, RECORDSIZE

import numpy as np
from numpy.typing import NDArray

# Padding of a tar after its last sample: two empty blocks, then up to a full record.
_TAR_END = 2 * BLOCKSIZE + RECORDSIZE - BLOCKSIZE


@dataclass(frozen=True)
class PackingConfig:
    """Sizes of shards."""

    clips_per_shard: int = 64
    """Most clips in one shard; shards of a split differ by one clip at most."""

    bytes_per_shard: int = 256 * 10**6
    """Most bytes of one shard; a larger clip raises the limit to its own size."""

    seed: int = 0
    """Seed of the shuffle."""


def shuffle_place(key: str, seed: int) -> bytes:
    """Return the key's place in the shuffle: a 16-byte hash."""
    return hashlib.blake2b(f"{seed}/{key}".encode(), digest_size=16).digest()


def shard_count(sizes: Callable[[], Iterable[NDArray[np.int64]]], config: PackingConfig) -> int:
    """Compute the number of shards of a split, close to the smallest that the limits allow.

    Shards have equal numbers of clips, because workers of data-parallel training need equal shares.

    Args:
        sizes: returns the sizes of the clips, in bytes, in the order of assignment, as arrays of
            any length; called several times.
        config: the limits.

    Returns:
        0 where there is no clip. Memory: 8 bytes per shard.
    """
    count = total = largest = 0
    for some in sizes():
        count, total = count + len(some), total + int(some.sum())
        largest = max(largest, int(some.max(initial=0)))
    room = max(config.bytes_per_shard - _TAR_END, largest)
    shards = max(-(-count // config.clips_per_shard), -(-total // room))
    while 0 < shards < count:
        fullest = int(_shard_bytes(sizes(), shards).max())
        if fullest <= room:
            break
        shards = min(count, max(shards + 1, shards * fullest // room))
    return shards


def _shard_bytes(sizes: Iterable[NDArray[np.int64]], shards: int) -> NDArray[np.int64]:
    """Sum the bytes of each shard, (shards,)."""
    held = np.zeros(shards, np.int64)
    first = 0
    for some in sizes:
        np.add.at(held, shards_of_clips(first, len(some), shards), some)
        first += len(some)
    return held


def shards_of_clips(first: int, count: int, shards: int) -> NDArray[np.int64]:
    """Return the shards, (count,), of the clips `first`, `first` + 1, ... in a split's order."""
    return (first + np.arange(count, dtype=np.int64)) % shards
