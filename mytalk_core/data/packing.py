"""Which clip goes into which training shard: a global shuffle that is the same every time.

A key's hash is its place in the shuffle. A split's shards are consecutive runs of that order, so
once the runs' first places are known, a key's shard is a function of the key, and a worker that
repeats the work of a lost one writes the same bytes under the same name.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class PackingConfig:
    """How the clips of a split are laid into shards."""

    clips_per_shard: int = 64
    """Most clips in one shard; shards of a split differ by one clip at most."""

    seed: int = 0
    """Seed of the shuffle."""


def shuffle_place(key: str, seed: int) -> str:
    """The key's place in the shuffle: 32 hexadecimal digits that two keys never share in practice.

    Text, because not every engine carries integers of 128 bits, and it sorts as the number does.
    """
    return hashlib.blake2b(f"{seed}/{key}".encode(), digest_size=16).hexdigest()


def plan_shards(places: Iterable[str], clips_per_shard: int) -> tuple[str, ...]:
    """The first place of every shard, ascending; as few shards as the limit allows, filled evenly.

    Even shards matter: workers that train together each want as many clips as the others.
    """
    ordered = sorted(places)
    shards = -(-len(ordered) // clips_per_shard)
    return tuple(ordered[len(ordered) * shard // shards] for shard in range(shards))


def shard_of(place: str, plan: tuple[str, ...]) -> int:
    """The shard, 0.., of a place that was among those planned."""
    return bisect_right(plan, place) - 1
