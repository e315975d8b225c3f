"""A worker of a pool: the Ray actor, and the driver's record of it."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import ray
from ray import cloudpickle
from ray.exceptions import RayError

from mytalk_core.errors import MytalkError, Reason

Beat = Callable[[], None]
"""Heartbeat: called by a task whenever it makes progress."""


@dataclass(frozen=True)
class Readiness:
    """Answer of a new worker."""

    machine: str  # node id
    error: MytalkError | None  # why it cannot work


@ray.remote(max_restarts=0, concurrency_groups={"pulse": 1, "side": 4})  # type: ignore[call-overload]
class WorkerActor:
    """A process that holds what a pool's `make` returns and calls its methods."""

    def __init__(self, make: bytes) -> None:
        self._make = make
        self._made: Any = None
        self._beats = 0

    def prepare(self) -> Readiness:
        """Call `make`, which may load models."""
        error: MytalkError | None = None
        try:
            self._made = cloudpickle.loads(self._make)(self._beat)
        except MytalkError as raised:
            error = raised
        except Exception as raised:
            error = MytalkError(f"{type(raised).__name__}: {raised}", reason=Reason.INTERNAL)
        return Readiness(ray.get_runtime_context().get_node_id(), error)

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of what was made."""
        self._beat()
        return getattr(self._made, method)(*arguments)

    @ray.method(concurrency_group="side")
    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of what was made while a task runs."""
        return getattr(self._made, method)(*arguments)

    @ray.method(concurrency_group="pulse")
    def pulse(self) -> int:
        """Return the number of heartbeats so far; answers while a task runs."""
        return self._beats

    def _beat(self) -> None:
        self._beats += 1


class PoolWorker:
    """The driver's record of a worker that is ready."""

    def __init__(self, handle: Any, machine: str) -> None:
        self.handle = handle
        self.machine = machine
        self.held: list[Any] = []  # references of its tasks, in order
        self.alive_at = time.monotonic()  # of the last heartbeat, or the start of a task
        self._beats = -1
        self._read_at = 0.0
        self._pulse: Any = None  # reference of the answer to come

    def idle_seconds(self, now: float, every: float) -> float:
        """Return the time since the last heartbeat, which is read every `every` seconds."""
        if self._pulse is not None and ray.wait([self._pulse], timeout=0)[0]:
            with suppress(RayError):  # the death of a worker is seen by its task
                beats = ray.get(self._pulse)
                if beats != self._beats:
                    self._beats, self.alive_at = beats, now
            self._pulse = None
        if self._pulse is None and now - self._read_at >= every:
            self._pulse, self._read_at = self.handle.pulse.remote(), now
        return now - self.alive_at
