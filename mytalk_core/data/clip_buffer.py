"""Draw random training clips from any number of shards, in bounded memory.

Background threads read and convert clips ahead of use. Their timing does not affect which clips are
drawn.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from mytalk_core.data.clip_index import ClipIndex
from mytalk_core.data.clip_order import ONLY_PROCESS, ClipOrder, ClipShare
from mytalk_core.data.clip_reader import Members, read_clip
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.prefetch import mapped_ahead

Clip = TypeVar("Clip")


@dataclass(frozen=True)
class BufferConfig:
    """Size, replacement and balance of the buffer."""

    # Clips in memory; a process with fewer clips keeps all of them and reads them once.
    capacity: int = 1000
    # Draws for each replaced clip.
    draws_per_clip: int = 16
    # Speakers with n clips are drawn n ** balance times as often as those with one: 1 draws all
    # clips alike, 0 all speakers alike.
    balance: float = 0.5
    # Positions by which a clip may move from its shard's order, see `epoch_order`.
    reach: int = 1000
    # Threads that read and convert.
    threads: int = 2
    # Clips that are converted, or being converted, ahead of use.
    ahead: int = 8


class ClipBuffer(Generic[Clip]):
    """Draws random clips; its state is determined by the number of draws.

    The buffer is a ring over the endless sequence of `ClipOrder`: clip p of the sequence is in slot
    p modulo the capacity, until it is replaced by clip p + capacity.
    """

    def __init__(
        self,
        index: ClipIndex,
        convert: Callable[[Members], Clip],
        config: BufferConfig,
        share: ClipShare = ONLY_PROCESS,
        draws: int = 0,
    ) -> None:
        """Fill the buffer.

        Args:
            convert: members of a sample -> clip for training; called in threads.
            share: the clips of this process.
            draws: number of draws before a restart, whose buffer content is restored.

        Raises:
            BadInputError: there is no clip for this process, or one cannot be read.
        """
        self._index = index
        self._convert = convert
        self._config = config
        order = ClipOrder(index.shard, share, config.reach)
        count = min(len(order), config.capacity)
        if not count:
            raise BadInputError(
                f"has no clip for process {share.rank} of {share.world}.",
                reason=Reason.NO_FRAMES,
                where=index.root,
                remedy="Train with fewer workers, or on more clips.",
            )
        self._draws = draws
        self._whole = count == len(order)
        replaced = 0 if self._whole else draws // config.draws_per_clip
        numbers = order.starting_at(replaced)
        self._stream = mapped_ahead(
            self._load,
            islice(numbers, count) if self._whole else numbers,
            config.threads,
            config.ahead,
        )
        loaded = list(islice(self._stream, count))
        if self._whole:
            self._stream.close()  # ends its threads
        first = count - replaced % count
        loaded = loaded[first:] + loaded[:first]
        self._speakers = [speaker for speaker, _ in loaded]
        self._clips = [clip for _, clip in loaded]
        self._weigh()

    @property
    def clips(self) -> list[Clip]:
        """The clips in memory."""
        return self._clips

    @property
    def weights(self) -> NDArray[np.float64]:
        """Probability of each clip in memory, (N,)."""
        return self._weights

    @property
    def draws(self) -> int:
        """Number of draws so far, with those before a restart."""
        return self._draws

    def draw(self, random: np.random.Generator) -> Clip:
        """Return a random clip.

        Raises:
            BadInputError, StorageError: the next clip of the sequence cannot be read.
        """
        self._draws += 1
        replaced, rest = divmod(self._draws, self._config.draws_per_clip)
        if not self._whole and rest == 0:
            slot = (replaced - 1) % len(self._clips)
            self._speakers[slot], self._clips[slot] = next(self._stream)
            self._weigh()
        return self._clips[int(random.choice(len(self._clips), p=self._weights))]

    def _load(self, number: int) -> tuple[str, Clip]:
        speaker = self._index.speakers[self._index.speaker[number]]
        return speaker, self._convert(read_clip(self._index, number))

    def _weigh(self) -> None:
        count = Counter(self._speakers)
        weight = np.array([count[name] ** (self._config.balance - 1) for name in self._speakers])
        self._weights: NDArray[np.float64] = weight / weight.sum()
