"""Clips for training out of shards: a bounded buffer, speakers balanced, split by rank."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from mytalk_core.data.shards import iter_members
from mytalk_core.errors import BadInputError, Reason

Clip = TypeVar("Clip")


@dataclass(frozen=True)
class BufferConfig:
    """How much footage stands ready at a time."""

    # Clips held; a data set that is smaller is held whole and read once.
    capacity: int = 1000
    # Clips drawn for each one that is replaced.
    draws_per_clip: int = 16
    # Speakers with n clips are drawn n ** balance as often as those with one: 1 takes clips as
    # they come, 0 takes all speakers alike.
    balance: float = 0.5


class ClipBuffer(Generic[Clip]):
    """Draws random clips from shards of any number in bounded memory."""

    def __init__(
        self,
        shards: list[Path],
        convert: Callable[[dict[str, bytes]], tuple[str, Clip]],
        config: BufferConfig,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        """Fill the buffer.

        Args:
            convert: members of a sample to its speaker and the clip as training wants it.
            rank, world: this process and how many there are; each reads its own clips.

        Raises:
            BadInputError: where no clip is left for this process.
        """
        self._shards = shards
        self._convert = convert
        self._config = config
        self._rank, self._world = rank, world
        self._stream = self._endless()
        self._speakers: list[str] = []
        self._clips: list[Clip] = []
        self._draws = 0
        for speaker, clip in self._once():
            self._speakers.append(speaker)
            self._clips.append(clip)
            if len(self._clips) == config.capacity:
                break
        if not self._clips:
            raise BadInputError(
                f"holds no clip for process {rank} of {world}.",
                reason=Reason.NO_FRAMES,
                where=str(shards[0].parent),
                remedy="Train with fewer workers, or on more clips.",
            )
        self._complete = len(self._clips) < config.capacity
        self._weigh()

    @property
    def clips(self) -> list[Clip]:
        """The clips held now."""
        return self._clips

    @property
    def weights(self) -> NDArray[np.float64]:
        """How often each clip held is drawn, (N,), summing to 1."""
        return self._weights

    def draw(self, random: np.random.Generator) -> Clip:
        """A random clip."""
        self._draws += 1
        if not self._complete and self._draws % self._config.draws_per_clip == 0:
            place = int(random.integers(len(self._clips)))
            self._speakers[place], self._clips[place] = next(self._stream)
            self._weigh()
        return self._clips[int(random.choice(len(self._clips), p=self._weights))]

    def _weigh(self) -> None:
        count = Counter(self._speakers)
        weight = np.array([count[name] ** (self._config.balance - 1) for name in self._speakers])
        self._weights: NDArray[np.float64] = weight / weight.sum()

    def _once(self) -> Iterator[tuple[str, Clip]]:
        for number, (_, members) in enumerate(iter_members(self._shards)):
            if number % self._world == self._rank:
                yield self._convert(members)

    def _endless(self) -> Iterator[tuple[str, Clip]]:
        while True:
            yield from self._once()
