"""The order in which a training process reads clips, computed without reading media.

The order has no state: a restarted process computes its position from the number of clips drawn.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ClipShare:
    """Which clips one of several training processes reads."""

    seed: int = 0  # of the order of clips, the same for all processes
    rank: int = 0  # index of the process
    world: int = 1  # number of processes


ONLY_PROCESS = ClipShare()


def epoch_order(
    shard: NDArray[np.int32], share: ClipShare, epoch: int, reach: int
) -> NDArray[np.int64]:
    """Return the clips that one process reads in one epoch, in order.

    Shards are shuffled, their clips concatenated and split into equal runs, one for each process,
    so that a process reads whole shards. Within its run, a clip moves by fewer than `reach`
    positions, as in a shuffle buffer of that size. All processes together read every clip once.

    Args:
        shard: (N,) index of the shard of each clip, from 0.
        reach: positions, at least 1; 1 keeps the order of the shards.

    Returns:
        Indices of clips, (N / world,) rounded down or up, the same count in every epoch.
    """
    shards = int(shard.max(initial=-1)) + 1
    position = np.random.default_rng([share.seed, epoch]).permutation(shards)
    run = np.array_split(np.argsort(position[shard], kind="stable"), share.world)[share.rank]
    jitter = np.random.default_rng([share.seed, epoch, share.rank]).random(len(run))
    shuffled: NDArray[np.int64] = run[np.argsort(np.arange(len(run)) + reach * jitter)]
    return shuffled


class ClipOrder:
    """The endless sequence of clips of one process: epoch after epoch, each in another order.

    A process continues with the next epoch without waiting for others.
    """

    def __init__(self, shard: NDArray[np.int32], share: ClipShare, reach: int) -> None:
        """See `epoch_order`."""
        self._shard = shard
        self._share, self._reach = share, reach

    def __len__(self) -> int:
        """Return the number of clips of this process in an epoch."""
        count, rest = divmod(len(self._shard), self._share.world)
        return count + (self._share.rank < rest)

    def starting_at(self, position: int) -> Iterator[int]:
        """Yield clip indices from `position` (0-based) on, without end; none of no clips."""
        if not len(self):
            return
        epoch, skipped = divmod(position, len(self))
        while True:
            order = epoch_order(self._shard, self._share, epoch, self._reach)
            yield from order[skipped:].tolist()
            epoch, skipped = epoch + 1, 0
