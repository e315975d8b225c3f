"""Machines whose workers answer at once, in place of Ray, for benchmarks of the driver of a run."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from mytalk_core.data.run_records import TitleRecord
from mytalk_core.dubbing.making import Effort
from pipelines import actor_pool, demand, dub, pool_worker, stage_exchange
from pipelines.pool_worker import Readiness
from pipelines.resources import Machine
from pipelines.stage_orders import Answer, Order
from pipelines.title_worker import TitleTask

_MESSAGE_BYTES = 2_000  # of an order
_MADE = Answer(effort=Effort(1.0, 25), cpu_seconds=1.0)


class Reference:
    """A result that is there, or will be."""

    value: Any = None


class SimulatedMachines:
    """Stands in for the module `ray` and for its actors."""

    def __init__(
        self, machines: int, segments: int, record: Callable[[TitleTask], TitleRecord]
    ) -> None:
        """Args: number of machines of one CPU; pieces of a title; makes the record of a title."""
        self.machines = {f"m{number}": Machine(1.0) for number in range(machines)}
        self.segments, self.record = segments, record
        self.segments_made = 0
        self._ready: deque[Reference] = deque()

    def give(self, reference: Reference, value: Any) -> None:
        """Make a result available."""
        reference.value = value
        self._ready.append(reference)

    def wait(
        self, references: Sequence[Reference], num_returns: int = 1, timeout: float = 0
    ) -> tuple[list[Reference], list[Reference]]:
        """As `ray.wait`; the rest may have references that are ready."""
        if len(references) == 1:  # a heartbeat, which is not simulated
            return [], []
        count = min(num_returns, len(self._ready))
        return [self._ready.popleft() for _ in range(count)], list(references)

    def get(self, reference: Reference) -> Any:
        """As `ray.get`."""
        return reference.value

    def kill(self, worker: _Worker) -> None:
        """As `ray.kill`."""

    def options(self, **options: Any) -> SimpleNamespace:
        """As the method of an actor's class."""
        return SimpleNamespace(remote=lambda make: _Worker(self))

    @contextmanager
    def in_place_of_ray(self) -> Iterator[None]:
        """Use these machines within the block."""
        with ExitStack() as held:
            for module in (actor_pool, pool_worker, stage_exchange):
                held.enter_context(patch.object(module, "ray", self))
            held.enter_context(patch.object(actor_pool, "WorkerActor", self))
            held.enter_context(patch.object(actor_pool, "machines", lambda: self.machines))
            held.enter_context(patch.object(demand, "request_resources", lambda bundles: None))
            held.enter_context(patch.object(dub, "connected", lambda address: nullcontext()))
            yield


class _Worker:
    """An actor: it conducts titles, or makes artifacts."""

    def __init__(self, machines: SimulatedMachines) -> None:
        self._machines = machines
        self.prepare, self.call, self.ask, self.pulse = (
            SimpleNamespace(remote=method)
            for method in (self._prepare, self._call, self._ask, Reference)
        )
        self._title: tuple[TitleTask, Reference] | None = None
        self._left = 0  # orders of the title that are not answered
        self._new: tuple[Order, ...] = ()
        self._waiting: Reference | None = None  # for orders

    def _prepare(self) -> Reference:
        reference = Reference()
        self._machines.give(reference, Readiness("m0", None))
        return reference

    def _call(self, method: str, task: Any, *rest: Any) -> Reference:
        reference = Reference()
        if method == "make":
            self._machines.segments_made += 1
            self._machines.give(reference, _MADE)
        else:
            self._title, self._left = (task, reference), self._machines.segments
            self._new = tuple(_order(task, number) for number in range(self._left))
        return reference

    def _ask(self, method: str, title: str, *rest: Any) -> Reference:
        reference = Reference()
        if method == "answer":
            self._left -= 1
            if not self._left and self._title:
                task, waiting = self._title
                if self._waiting:
                    self._machines.give(self._waiting, ())
                self._waiting = None
                self._machines.give(waiting, self._machines.record(task))
        elif self._new:
            self._machines.give(reference, self._new)
            self._new = ()
        else:
            self._waiting = reference
        return reference


def _order(task: TitleTask, number: int) -> Order:
    return Order(f"{task.title.id}-{number}", "draw", False, bytes(_MESSAGE_BYTES))
