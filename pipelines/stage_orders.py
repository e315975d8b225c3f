"""Orders of artifacts: what a title that runs in one process lets others make.

The graph of a title runs in a process that makes nothing itself. It orders artifacts through a
desk; the driver of the run collects the orders and brings the answers back.
"""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.portable import FileAddress, dump_portable
from mytalk_core.dubbing.making import Effort, made_artifact
from mytalk_core.dubbing.stage import Pending, Stage
from mytalk_core.dubbing.store_runner import StoreRunner
from mytalk_core.errors import MytalkError

R = TypeVar("R")
V = TypeVar("V")

_BEAT_SECONDS = 1.0


@dataclass(frozen=True)
class Order:
    """An artifact that a title needs."""

    key: str
    stage: str  # its name
    background: bool  # whether only the report waits for it
    message: bytes  # stage, request and key, as `dump_portable` encodes them


@dataclass(frozen=True)
class Answer:
    """What became of an order."""

    error: MytalkError | None = None
    effort: Effort | None = None  # None where the artifact was stored before
    cpu_seconds: float = 0.0  # of making it


class OrderDesk:
    """The orders of the title that this process dubs. Safe for any number of threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._title = ""  # id; empty between two titles
        self._new: list[Order] = []  # not collected yet
        self._open: dict[str, Future[Answer]] = {}  # by key
        self._cpu_seconds = 0.0  # of what was made for the title

    def open(self, title: str) -> None:
        """Begin a title."""
        with self._changed:
            self._title, self._cpu_seconds = title, 0.0
            self._new, self._open = [], {}
            self._changed.notify_all()

    def close(self) -> float:
        """End the title; return the processor seconds of what was made for it."""
        with self._changed:
            self._title, self._new, self._open = "", [], {}
            return self._cpu_seconds

    def order(self, order: Order) -> "Future[Answer]":
        """Order an artifact, unless it is being made for this title."""
        with self._changed:
            found = self._open.get(order.key)
            if found is None:
                found = self._open[order.key] = Future()
                self._new.append(order)
                self._changed.notify_all()
            return found

    def collect(self, title: str, seconds: float) -> tuple[Order, ...]:
        """Return the new orders of a title; wait for one, but not longer than `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self._title == title and self._new, seconds)
            if self._title != title:  # it has not begun, or has ended
                return ()
            found, self._new = tuple(self._new), []
            return found

    def answer(self, title: str, key: str, answer: Answer) -> None:
        """Say what became of an order; a title that has ended does not need to know."""
        with self._changed:
            if self._title != title or (waiting := self._open.pop(key, None)) is None:
                return
            self._cpu_seconds += answer.cpu_seconds
        waiting.set_result(answer)


class OrderingRunner(StoreRunner):
    """A `Runner` that orders what is not stored on this machine."""

    def __init__(
        self,
        artifacts: Artifacts,
        desk: OrderDesk,
        files: Mapping[Path, FileAddress],
        beat: Callable[[], None],
        made: Callable[[str, str, Effort], None],
    ) -> None:
        """Args: the store; where others find the files of the title; heartbeat; called with
        stage, key and effort of every artifact that was made for this title."""
        super().__init__(artifacts)
        self._desk, self._files = desk, files
        self._beat, self._tell = beat, made

    def _begin(self, stage: Stage[R, V], request: R, key: str) -> Pending[V]:
        message = dump_portable((stage, request, key), self._artifacts, self._files)
        answer = self._desk.order(Order(key, stage.name, stage.background, message))
        return _Ordered(self, stage, key, answer)

    def _found(self, stage: Stage[R, V], key: str) -> V | None:
        # The shelf is looked at where the artifact would be made, many keys at once.
        is_here = self._artifacts.folder(stage.name, key).is_dir()
        return super()._found(stage, key) if is_here else None

    def waited(self, stage: Stage[Any, V], key: str, waiting: "Future[Answer]") -> V:
        """Wait for an artifact.

        Raises:
            MytalkError: what the stage raised.
        """
        while True:
            try:
                answer = waiting.result(_BEAT_SECONDS)
                break
            except TimeoutError:
                self._beat()
        if answer.error is not None:
            raise answer.error
        if self._account.seconds(stage.name, key) is None:
            if answer.effort is None:
                self._account.found(stage.name, key)
            else:
                self._account.made(stage.name, key, answer.effort.seconds)
                self._tell(stage.name, key, answer.effort)
        return made_artifact(self._artifacts, stage, key)


@dataclass(frozen=True)
class _Ordered(Generic[V]):
    """An artifact that was ordered; it is loaded when its result is needed."""

    runner: OrderingRunner
    stage: Stage[Any, V]
    key: str
    waiting: "Future[Answer]"

    def result(self) -> V:
        """Wait for the artifact."""
        return self.runner.waited(self.stage, self.key, self.waiting)
