"""Clips for training, drawn at random from shards of any number, in bounded memory.

Both models draw from here. Clips are read and converted by background threads ahead of need, so
that a draw hardly ever waits; which clip a draw gives never depends on their timing.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from mytalk_core.data.clip_index import ClipIndex
from mytalk_core.data.clip_order import ClipOrder
from mytalk_core.data.clip_reader import Members, read_clip
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.prefetch import mapped_ahead

Clip = TypeVar("Clip")


@dataclass(frozen=True)
class BufferConfig:
    """How much footage stands ready at a time."""

    # Clips held; a process whose share is not larger holds it whole and reads it once.
    capacity: int = 1000
    # Clips drawn for each one that is replaced.
    draws_per_clip: int = 16
    # Speakers with n clips are drawn n ** balance as often as those with one: 1 takes clips as
    # they come, 0 takes all speakers alike.
    balance: float = 0.5
    # Places by which a clip may move from its shard's order, see `epoch_order`.
    reach: int = 1000
    # Threads that read and convert.
    threads: int = 2
    # Clips that stand converted, or are being so, before they are needed.
    ahead: int = 8


class ClipBuffer(Generic[Clip]):
    """Draws random clips; all there is to know about its state is how often it was drawn from.

    The buffer is a ring on the endless stream of `ClipOrder`: clip number p of the stream stands
    in place p modulo the capacity, until the one that comes a capacity later takes its place.
    """

    def __init__(
        self,
        index: ClipIndex,
        convert: Callable[[Members], Clip],
        config: BufferConfig,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        draws: int = 0,
    ) -> None:
        """Fill the buffer.

        Args:
            convert: members of a sample to the clip as training wants it; called by threads.
            seed: decides the order of clips.
            rank, world: this process and how many there are; each reads its own share.
            draws: taken before a restart. The buffer holds what it held then.

        Raises:
            BadInputError: where no clip is left for this process, or one cannot be read.
        """
        self._index = index
        self._convert = convert
        self._config = config
        order = ClipOrder(index.shard, seed, rank, world, config.reach)
        count = min(len(order), config.capacity)
        if not count:
            raise BadInputError(
                f"holds no clip for process {rank} of {world}.",
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
            self._stream.close()  # its threads have nothing left to do
        turn = count - replaced % count
        loaded = loaded[turn:] + loaded[:turn]
        self._speakers = [speaker for speaker, _ in loaded]
        self._clips = [clip for _, clip in loaded]
        self._weigh()

    @property
    def clips(self) -> list[Clip]:
        """The clips held now."""
        return self._clips

    @property
    def weights(self) -> NDArray[np.float64]:
        """How often each clip held is drawn, (N,), summing to 1."""
        return self._weights

    @property
    def draws(self) -> int:
        """Clips drawn so far, those before a restart included."""
        return self._draws

    def draw(self, random: np.random.Generator) -> Clip:
        """A random clip.

        Raises:
            BadInputError, StorageError: where the clip that is to come next cannot be read.
        """
        self._draws += 1
        replaced, rest = divmod(self._draws, self._config.draws_per_clip)
        if not self._whole and rest == 0:
            place = (replaced - 1) % len(self._clips)
            self._speakers[place], self._clips[place] = next(self._stream)
            self._weigh()
        return self._clips[int(random.choice(len(self._clips), p=self._weights))]

    def _load(self, number: int) -> tuple[str, Clip]:
        speaker = self._index.speakers[self._index.speaker[number]]
        return speaker, self._convert(read_clip(self._index, number))

    def _weigh(self) -> None:
        count = Counter(self._speakers)
        weight = np.array([count[name] ** (self._config.balance - 1) for name in self._speakers])
        self._weights: NDArray[np.float64] = weight / weight.sum()
