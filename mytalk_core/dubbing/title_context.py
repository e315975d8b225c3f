"""What all steps of a title share: the runner, the film, the models and the configuration."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.film_source import FilmSource
from mytalk_core.dubbing.stage import Pending, Runner, Stage

R = TypeVar("R")
V = TypeVar("V")

# Requests that are held in memory: enough for the processors of one machine.
_IN_WORK = 64


@dataclass(frozen=True)
class TitleContext:
    """One run over one title."""

    runner: Runner
    film: FilmSource
    config: DubConfig
    models: Mapping[str, str]  # digests by role: landmarker, speech_encoder, motion, renderer ..

    def digest(self, *roles: str) -> str:
        """The models of a stage, for its request."""
        return " ".join(self.models[role] for role in roles)

    def made(self, stage: Stage[R, V], requests: Iterable[R]) -> Iterator[V]:
        """Yield the artifacts of requests in order, while the next ones are made.

        Raises:
            MytalkError: as the stage.
        """
        waiting = iter(requests)
        pending: deque[Pending[V]] = deque(
            self.runner.start(stage, each) for each in islice(waiting, _IN_WORK)
        )
        while pending:
            value = pending.popleft().result()
            pending.extend(self.runner.start(stage, each) for each in islice(waiting, 1))
            yield value
