"""A pool of Ray workers for work that takes seconds to hours a piece.

Workers are given work only once they stand. One that dies, hangs or lacks what it needs is killed
and replaced, and its work goes back to the queue. Every count of another try is bounded.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import ray
from ray import cloudpickle
from ray.exceptions import RayError, RayTaskError

from mytalk_core.errors import (
    BadInputError,
    ErrorClass,
    ModelError,
    MytalkError,
    Reason,
    StorageError,
)
from pipelines.cluster import ClusterError, machines

# Workers of one machine that may lack their models before it is given no more.
_SICK_OF_A_MACHINE = 2
# Workers that may die before they stand, in a row: Ray does not say on which machine.
_STILLBORN = 12
_LASTING = Reason.OUTPUT_NOT_WRITABLE  # a person can do something about it, a pause cannot
# Seconds between questions to a worker whether its work gets on, at most.
_PULSE_SECONDS = 5.0
_CLUSTER_SECONDS = 15.0
# Seconds that a cluster may be without a machine that has CPUs; some start them on demand.
_EMPTY_SECONDS = 600.0

Beat = Callable[[], None]
"""Called by work each time it gets on."""


@dataclass(frozen=True)
class Shape:
    """How many workers a pool has, and how large they are."""

    workers: int  # at most
    cpus: float  # that each asks Ray for; whole ones are also the threads it computes with


@dataclass(frozen=True)
class PoolConfig:
    """How a pool deals with its workers."""

    # Tasks a worker holds: one at work, the others so that it need not wait for the driver.
    queue: int = 1
    # Workers that one task may cost before it has failed: machines come and go, so it may be
    # theirs and not the task's fault.
    chances: int = 4
    # Seconds without a beat after which a worker is taken to hang; None: it is left alone.
    stall_seconds: float | None = None
    # Pauses before a task whose storage failed is tried again; after the last it has failed.
    retry_seconds: tuple[float, ...] = (10.0, 60.0)


@dataclass(eq=False)
class Task:
    """A call of a method of what the workers hold."""

    what: str
    arguments: tuple[Any, ...]
    done: Callable[[Any], None]  # called in the driver with what the method returned
    failed: Callable[[MytalkError], None]  # called in the driver once no further try is made
    losses: int = 0  # workers that died or hung over it
    retries: int = 0  # after storage failed
    not_before: float = 0.0  # monotonic time


@dataclass(frozen=True)
class _Standing:
    """A worker's answer to whether it can work."""

    machine: str  # node id
    error: MytalkError | None


@ray.remote(max_restarts=0, concurrency_groups={"pulse": 1})  # type: ignore[call-overload]
class _Worker:
    """What a pool's `make` makes, in a process of its own."""

    def __init__(self, make: bytes) -> None:
        self._make = make
        self._made: Any = None
        self._beats = 0

    def stand(self) -> _Standing:
        """Make what does the work; an error says that this worker cannot."""
        error: MytalkError | None = None
        try:
            self._made = cloudpickle.loads(self._make)(self._beat)
        except MytalkError as found:
            error = found
        except Exception as found:
            error = MytalkError(f"{type(found).__name__}: {found}", reason=Reason.INTERNAL)
        return _Standing(ray.get_runtime_context().get_node_id(), error)

    def do(self, what: str, *arguments: Any) -> Any:
        """Call a method of what was made."""
        self._beat()
        return getattr(self._made, what)(*arguments)

    @ray.method(concurrency_group="pulse")
    def pulse(self) -> int:
        """A number that changes while work gets on."""
        return self._beats

    def _beat(self) -> None:
        self._beats += 1


class _Member:
    """A worker that stands, in the driver's books."""

    def __init__(self, handle: Any, machine: str) -> None:
        self.handle = handle
        self.machine = machine
        self.held: list[Any] = []  # references of its tasks, in order
        self.beats = -1
        self.alive_at = time.monotonic()  # of the last change of `beats`, or the start of a task
        self.asked_at = 0.0
        self.pulse: Any = None  # reference of an answer to come

    def idle_seconds(self, now: float, every: float) -> float:
        """Ask for its beats `every` so many seconds; the time since they last changed."""
        if self.pulse is not None and ray.wait([self.pulse], timeout=0)[0]:
            with suppress(RayError):  # a dead worker is seen by its task
                beats = ray.get(self.pulse)
                if beats != self.beats:
                    self.beats, self.alive_at = beats, now
            self.pulse = None
        if self.pulse is None and now - self.asked_at >= every:
            self.pulse, self.asked_at = self.handle.pulse.remote(), now
        return now - self.alive_at


class ActorPool:
    """Workers of one kind and the tasks that they are at.

    Call `start` and `settle` in turn until `load` is 0, then `dismiss`.
    """

    def __init__(
        self,
        make: Callable[[Beat], Any],
        shape: Callable[[list[float]], Shape],
        config: PoolConfig,
    ) -> None:
        """Args:
        make: called once in every worker process with its beat; must be picklable.
        shape: decides from the CPUs of each machine; asked again as machines come and go.
        """
        self._make = cloudpickle.dumps(make)  # type: ignore[no-untyped-call]
        self._shape_for = shape
        self._config = config
        self._shape = Shape(0, 1.0)
        self._looked_at = -_CLUSTER_SECONDS
        self._machines_at = time.monotonic()  # when the cluster was last seen to have any
        self._coming: dict[Any, Any] = {}  # handles of workers to come, by reference
        self._members: list[_Member] = []
        self._waiting: deque[Task] = deque()
        self._running: dict[Any, tuple[Task, _Member]] = {}  # by reference
        self._sick: Counter[str] = Counter()  # by machine
        self._sickness: MytalkError | None = None  # of the last sick worker
        self._stillborn = 0

    @property
    def size(self) -> int:
        """Workers that the cluster has room for; one until that is known."""
        return max(self._shape.workers, 1)

    @property
    def load(self) -> int:
        """Tasks that are not done."""
        return len(self._waiting) + len(self._running)

    @property
    def references(self) -> list[Any]:
        """What to wait for; `settle` takes each."""
        return [*self._coming, *self._running]

    def add(self, task: Task) -> None:
        """Put a task at the end of the queue."""
        self._waiting.append(task)

    def start(self) -> None:
        """Have as many workers as there is work for, and keep each of them busy.

        Raises:
            MytalkError: of the last worker that could not work, where no machine is left that may
                be tried.
        """
        self._fit()
        self._end_stalled()
        self._hire()
        now = time.monotonic()
        for _ in range(len(self._waiting)):
            if not self._members:
                return
            member = min(self._members, key=lambda each: len(each.held))
            if len(member.held) >= self._config.queue:
                return
            task = self._waiting.popleft()
            if task.not_before > now:
                self._waiting.append(task)
                continue
            if not member.held:
                member.alive_at = now
            reference = member.handle.do.remote(task.what, *task.arguments)
            member.held.append(reference)
            self._running[reference] = (task, member)

    def settle(self, reference: Any) -> None:
        """Take in a new worker or the result of a task; others' references are left alone."""
        if reference in self._coming:
            self._take_in(self._coming.pop(reference), reference)
        elif reference in self._running:  # else it went back when its worker was given up
            task, member = self._running[reference]
            try:
                given = ray.get(reference)
            except RayTaskError as error:
                self._raised(reference, error.cause)
            except RayError:
                self._lose(member, None)
            else:
                self._forget(reference)
                task.done(given)

    def dismiss(self) -> None:
        """End all workers."""
        for handle in [*(member.handle for member in self._members), *self._coming.values()]:
            ray.kill(handle)
        self._members, self._coming = [], {}

    def _fit(self) -> None:
        if time.monotonic() - self._looked_at < _CLUSTER_SECONDS:
            return
        self._looked_at = time.monotonic()
        found = machines()
        usable = [cpus for name, cpus in found.items() if not self._refused(name)]
        if found:
            self._machines_at = self._looked_at
        shape = Shape(0, self._shape.cpus) if found and not usable else self._shape_for(usable)
        if shape.cpus != self._shape.cpus:
            self._recall(0)  # those to come may wait for a machine of a size that is gone
        self._shape = shape

    def _refused(self, machine: str) -> bool:
        return self._sick[machine] >= _SICK_OF_A_MACHINE

    def _hire(self) -> None:
        wanted = min(self._shape.workers, self.load)
        while len(self._members) + len(self._coming) < wanted and self._stillborn < _STILLBORN:
            options: dict[str, Any] = {"num_cpus": self._shape.cpus}
            if refused := [name for name in self._sick if self._refused(name)]:
                options["label_selector"] = {"ray.io/node-id": f"!in({','.join(refused)})"}
            worker = _Worker.options(**options).remote(self._make)  # type: ignore[attr-defined]
            self._coming[worker.stand.remote()] = worker
        spare = 1 if self._shape.workers and not self._members else 0
        self._recall(max(wanted - len(self._members), spare))
        if self.load and not self._members:
            self._check_hope()

    def _recall(self, kept: int) -> None:
        """Of the workers to come keep so many; the cluster may have no room for them any more."""
        while len(self._coming) > kept:
            ray.kill(self._coming.popitem()[1])

    def _check_hope(self) -> None:
        """End the run where waiting brings no worker."""
        if self._sickness and not self._shape.workers:
            raise self._sickness
        if self._stillborn >= _STILLBORN:
            raise ClusterError(
                f"{_STILLBORN} workers in a row died before they could work.",
                reason=Reason.NO_CLUSTER,
                remedy="Check memory, and that this version of mytalk is on every machine.",
            )
        if time.monotonic() - self._machines_at > _EMPTY_SECONDS:
            raise ClusterError(
                f"the cluster has had no machine with CPUs for {_EMPTY_SECONDS / 60:g} minutes.",
                reason=Reason.NO_CLUSTER,
                remedy="Start some (`ray start --address=...`); the same command goes on.",
            )

    def _take_in(self, handle: Any, reference: Any) -> None:
        try:
            standing: _Standing = ray.get(reference)
        except RayError:  # lost before it was ready: another is started
            self._stillborn += 1
            ray.kill(handle)
            return
        self._stillborn = 0
        if standing.error is None:
            self._members.append(_Member(handle, standing.machine))
        else:
            ray.kill(handle)
            self._note_sick(standing.machine, standing.error)

    def _note_sick(self, machine: str, error: MytalkError) -> None:
        self._sick[machine] += 1
        self._sickness = error
        self._looked_at = -_CLUSTER_SECONDS  # the machine may be one to leave out now

    def _raised(self, reference: Any, error: BaseException) -> None:
        """Deal with what a task's method raised; the worker itself lives."""
        task, member = self._running[reference]
        if isinstance(error, ModelError):  # the worker's fault, not the task's
            self._note_sick(member.machine, error)
            self._give_up(member)
            return
        self._forget(reference)
        if not isinstance(error, MytalkError):
            error = MytalkError(f"{type(error).__name__}: {error}", reason=Reason.INTERNAL)
        pauses = self._config.retry_seconds
        passing = error.error_class is ErrorClass.TRANSIENT and error.reason is not _LASTING
        if passing and task.retries < len(pauses):
            task.not_before = time.monotonic() + pauses[task.retries]
            task.retries += 1
            self._waiting.append(task)
        else:
            task.failed(error)

    def _end_stalled(self) -> None:
        limit = self._config.stall_seconds
        if limit is None:
            return
        now, every = time.monotonic(), min(_PULSE_SECONDS, limit / 4)
        for member in [each for each in self._members if each.held]:
            if member.idle_seconds(now, every) > limit:
                stalled = f"gave no sign of progress for {limit:g} s, {self._config.chances} times."
                self._lose(member, BadInputError(stalled, reason=Reason.TIMED_OUT))

    def _lose(self, member: _Member, error: MytalkError | None) -> None:
        """Replace a worker that died or hangs; the task that it was at counts a loss."""
        at = self._running[member.held[0]][0]
        self._give_up(member)
        at.losses += 1
        if at.losses >= self._config.chances:
            self._waiting.remove(at)
            at.failed(error or _lost(self._config.chances))

    def _give_up(self, member: _Member) -> None:
        """Forget a worker; what it was at, and what waited for it, is done by others."""
        self._members.remove(member)
        # It may only be out of reach, and must neither hold its CPU nor write any more.
        ray.kill(member.handle)
        tasks = [self._running.pop(reference)[0] for reference in member.held]
        self._waiting.extendleft(reversed(tasks))

    def _forget(self, reference: Any) -> None:
        _, member = self._running.pop(reference)
        member.held.remove(reference)
        member.alive_at = time.monotonic()


def _lost(chances: int) -> StorageError:
    return StorageError(
        f"its worker died {chances} times (killed, out of memory, or a native crash).",
        reason=Reason.WORKER_LOST,
    )


def settle_any(pools: Sequence[ActorPool], seconds: float) -> None:
    """Wait for a result or a new worker of any pool, and settle it; return after `seconds`."""
    references = [reference for pool in pools for reference in pool.references]
    if not references:  # all tasks wait for their next try
        time.sleep(seconds)
        return
    finished, _ = ray.wait(references, num_returns=1, timeout=seconds)
    for reference in finished:
        for pool in pools:
            pool.settle(reference)
