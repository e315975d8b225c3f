"""The order in which a training process reads clips: a function of a few numbers, no media read.

Nothing is carried from one clip to the next, so a process that was killed finds its place again
by counting, without reading what it had read before.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def epoch_order(
    shard: NDArray[np.int32], seed: int, epoch: int, rank: int, world: int, reach: int
) -> NDArray[np.int64]:
    """The clips that one process reads in one epoch, in order.

    Shards are shuffled, their clips laid end to end and dealt out in `world` equal runs, so that
    a process reads whole shards; within its run a clip then moves by fewer than `reach` places, as
    it would in a shuffle buffer of that size. All processes together read every clip once.

    Args:
        shard: (N,) number of the shard of each clip, 0...
        rank, world: this process and how many there are.
        reach: places, at least 1; 1 keeps the order of the shards.

    Returns:
        Numbers of clips, (N / world,) rounded down or up, the same count in every epoch.
    """
    shards = int(shard.max(initial=-1)) + 1
    place = np.random.default_rng([seed, epoch]).permutation(shards)
    run = np.array_split(np.argsort(place[shard], kind="stable"), world)[rank]
    jitter = np.random.default_rng([seed, epoch, rank]).random(len(run))
    shuffled: NDArray[np.int64] = run[np.argsort(np.arange(len(run)) + reach * jitter)]
    return shuffled


class ClipOrder:
    """The endless stream of one process: epoch after epoch, each in an order of its own.

    A process that has come to the end of its share goes on with the next epoch and waits for no
    other, so all can take as many clips as they like.
    """

    def __init__(
        self, shard: NDArray[np.int32], seed: int, rank: int, world: int, reach: int
    ) -> None:
        """Args as of `epoch_order`."""
        self._shard = shard
        self._seed, self._rank, self._world, self._reach = seed, rank, world, reach

    def __len__(self) -> int:
        """Clips of this process in an epoch."""
        count, rest = divmod(len(self._shard), self._world)
        return count + (self._rank < rest)

    def starting_at(self, position: int) -> Iterator[int]:
        """Numbers of the clips from `position` (0..) on, without end; none of an empty share."""
        if not len(self):
            return
        epoch, skipped = divmod(position, len(self))
        while True:
            order = epoch_order(
                self._shard, self._seed, epoch, self._rank, self._world, self._reach
            )
            yield from order[skipped:].tolist()
            epoch, skipped = epoch + 1, 0
