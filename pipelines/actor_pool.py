"""A pool of Ray workers for tasks that take seconds to hours.

A worker receives tasks once it is ready. One that dies, hangs or lacks a model is killed and
replaced, and its tasks return to the queue. The number of retries of every kind is bounded.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

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
from mytalk_core.work_log import log
from pipelines.cluster import ClusterError, machines, name_of
from pipelines.pool_worker import Beat, PoolWorker, Readiness, WorkerActor
from pipelines.resources import Machine, Resources

# Workers of one machine that fail to load their models, after which it receives no more.
_FAILURES_PER_MACHINE = 2
# Workers in a row that die before they are ready; Ray does not say on which machine.
_STARTS_FAILED = 12
# Transient failures that are not retried: a person must mend the first; the other was retried.
_LASTING = frozenset({Reason.OUTPUT_NOT_WRITABLE, Reason.WORKER_LOST})
# Largest pause between two readings of a worker's heartbeat.
_PULSE_SECONDS = 5.0
# Pause between two looks for workers that hang: there may be thousands, and as many results a look.
_STALL_LOOK_SECONDS = 0.2
# Pause between two readings of the cluster's machines.
_CLUSTER_SECONDS = 15.0
# Time that a cluster may have no machine with CPUs; an autoscaler starts them on demand.
_EMPTY_SECONDS = 600.0


@dataclass(frozen=True)
class Shape:
    """Number and size of a pool's workers."""

    workers: int  # at most
    resources: Resources  # of each


@dataclass(frozen=True)
class PoolConfig:
    """Queues and retries of a pool."""

    # Tasks that a worker holds: one runs, the others save it the wait for the driver.
    queue: int = 1
    # Workers that may die or hang in one task before the task fails: machines come and go, so the
    # first losses need not be its fault.
    chances: int = 4
    # Pauses before a task whose storage failed is retried; after the last it fails.
    retry_seconds: tuple[float, ...] = (10.0, 60.0)


@dataclass(eq=False)
class Task:
    """A call of a method of what the workers hold."""

    method: str
    arguments: tuple[Any, ...]
    done: Callable[[Any], None]  # called in the driver with the method's result
    failed: Callable[[MytalkError], None]  # called in the driver after the last retry
    # Called in the driver with the reason for each retry.
    retried: Callable[[MytalkError], None] = lambda error: None
    # Called in the driver with its worker whenever one begins it.
    started: Callable[[PoolWorker], None] = lambda worker: None
    stall_seconds: float | None = None  # in place of those of the worker
    losses: int = 0  # workers that died or hung in it
    retries: int = 0  # after failures of storage
    not_before: float = 0.0  # monotonic time of the next try


class ActorPool:
    """Workers of one kind and their tasks.

    Call `start` and `settle` in turn until `load` is 0, then `stop`.
    """

    def __init__(
        self,
        make: Callable[[Beat], Any],
        shape: Callable[[Sequence[Machine]], Shape],
        config: PoolConfig,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Args:
        make: called once in every worker process with its heartbeat; must be picklable.
        shape: returns number and size of workers for the cluster's machines; called again as
            machines come and go.
        say: called once for every machine on which a worker cannot work, and why.
        """
        self._say = say
        self._make = cloudpickle.dumps(make)  # type: ignore[no-untyped-call]
        self._shape_for = shape
        self._config = config
        self._shape = Shape(0, Resources(cpus=1.0))
        self._refreshed_at = -_CLUSTER_SECONDS
        self._populated_at = time.monotonic()  # when the cluster last had a machine
        self._starting: dict[Any, Any] = {}  # handles of workers, by reference
        self._workers: list[PoolWorker] = []
        self._waiting: deque[Task] = deque()
        self._running: dict[Any, tuple[Task, PoolWorker]] = {}  # by reference
        self._failures: Counter[str] = Counter()  # of workers to get ready, by machine
        self._last_failure: MytalkError | None = None
        self._starts_failed = 0  # in a row
        self._looked_at = 0.0  # for workers that hang; monotonic

    @property
    def size(self) -> int:
        """Number of workers that the cluster has room for; one until that is known."""
        return max(self._shape.workers, 1)

    @property
    def ready(self) -> int:
        """Number of workers that can work."""
        return len(self._workers)

    @property
    def needs(self) -> Resources:
        """What each worker reserves."""
        return self._shape.resources

    @property
    def load(self) -> int:
        """Number of tasks that are not done."""
        return len(self._waiting) + len(self._running)

    @property
    def references(self) -> list[Any]:
        """Ray references to wait for; `settle` takes each."""
        return [*self._starting, *self._running]

    def add(self, task: Task) -> None:
        """Append a task to the queue."""
        self._waiting.append(task)

    def start(self) -> None:
        """Start as many workers as there are tasks for, and hand tasks to those that are free.

        Raises:
            MytalkError: of the last worker that could not get ready, where no machine is left to
                try.
            ClusterError: NO_CLUSTER where workers keep dying before they are ready, or the cluster
                has had no machine for ten minutes.
        """
        self._refresh()
        self._replace_stalled()
        self._start_workers()
        now = time.monotonic()
        for _ in range(len(self._waiting)):
            if not self._workers:
                return
            worker = min(self._workers, key=lambda each: len(each.held))
            if len(worker.held) >= self._config.queue:
                return
            task = self._waiting.popleft()
            if task.not_before > now:
                self._waiting.append(task)
                continue
            if not worker.held:
                worker.alive_at = now
            reference = worker.handle.call.remote(task.method, *task.arguments)
            worker.held.append(reference)
            self._running[reference] = (task, worker)
            task.started(worker)

    def settle(self, reference: Any) -> None:
        """Accept a worker that is ready, or the result of a task; ignore other references."""
        if reference in self._starting:
            self._accept(self._starting.pop(reference), reference)
        elif reference in self._running:  # else its worker was replaced and the task is queued
            task, worker = self._running[reference]
            try:
                result = ray.get(reference)
            except RayTaskError as error:
                self._raised(reference, error.cause)
            except RayError:
                self._lose(worker, None)
            else:
                self._forget(reference)
                task.done(result)

    def stop(self) -> None:
        """Kill all workers."""
        for handle in [*(each.handle for each in self._workers), *self._starting.values()]:
            ray.kill(handle)
        self._workers, self._starting = [], {}

    def _refresh(self) -> None:
        """Read the cluster's machines, and fit the pool to them."""
        if time.monotonic() - self._refreshed_at < _CLUSTER_SECONDS:
            return
        self._refreshed_at = time.monotonic()
        found = machines()
        usable = [machine for name, machine in found.items() if not self._is_excluded(name)]
        if found:
            self._populated_at = self._refreshed_at
        shape = Shape(0, self._shape.resources) if found and not usable else self._shape_for(usable)
        if shape.resources != self._shape.resources:
            self._cancel_starts(0)  # they may wait for a machine of a size that is gone
        self._shape = shape

    def _is_excluded(self, machine: str) -> bool:
        return self._failures[machine] >= _FAILURES_PER_MACHINE

    def _start_workers(self) -> None:
        target = min(self._shape.workers, self.load)
        while (
            len(self._workers) + len(self._starting) < target
            and self._starts_failed < _STARTS_FAILED
        ):
            options: dict[str, Any] = self._shape.resources.actor_options()
            # Workers of little need would fill one machine, and leave no room for others there.
            options["scheduling_strategy"] = "SPREAD"
            if excluded := [name for name in self._failures if self._is_excluded(name)]:
                options["label_selector"] = {"ray.io/node-id": f"!in({','.join(excluded)})"}
            worker = WorkerActor.options(**options).remote(self._make)  # type: ignore[attr-defined]
            self._starting[worker.prepare.remote()] = worker
        spare = 1 if self._shape.workers and not self._workers else 0
        self._cancel_starts(max(target - len(self._workers), spare))
        if self.load and not self._workers:
            self._check_cluster()

    def _cancel_starts(self, kept: int) -> None:
        """Keep so many of the workers that are starting; the cluster may lack room for more."""
        while len(self._starting) > kept:
            ray.kill(self._starting.popitem()[1])

    def _check_cluster(self) -> None:
        """Raise where waiting will bring no worker."""
        if self._last_failure and not self._shape.workers:
            raise self._last_failure
        if self._starts_failed >= _STARTS_FAILED:
            raise ClusterError(
                f"{_STARTS_FAILED} workers in a row died before they could work.",
                reason=Reason.NO_CLUSTER,
                remedy="Check memory, and that this version of mytalk is on every machine.",
            )
        if time.monotonic() - self._populated_at > _EMPTY_SECONDS:
            raise ClusterError(
                f"the cluster has had no machine with CPUs for {_EMPTY_SECONDS / 60:g} minutes.",
                reason=Reason.NO_CLUSTER,
                remedy="Start some (`ray start --address=...`); the same command continues.",
            )

    def _accept(self, handle: Any, reference: Any) -> None:
        try:
            answer: Readiness = ray.get(reference)
        except RayError:  # died before it was ready: another is started
            self._starts_failed += 1
            ray.kill(handle)
            return
        self._starts_failed = 0
        if answer.error is None:
            self._workers.append(PoolWorker(handle, answer.machine))
        else:
            ray.kill(handle)
            self._count_failure(answer.machine, answer.error)

    def _count_failure(self, machine: str, error: MytalkError) -> None:
        self._failures[machine] += 1
        log("machine failed", machine=machine, reason=error.reason, message=_text(error))
        self._last_failure = error
        if self._failures[machine] == 1:
            self._say(f"machine {name_of(machine)} cannot work: {error}")
        self._refreshed_at = -_CLUSTER_SECONDS  # the machine may be excluded now

    def _raised(self, reference: Any, error: BaseException) -> None:
        """Handle an exception of a task's method; the worker itself is alive."""
        task, worker = self._running[reference]
        if isinstance(error, ModelError):  # the machine's fault, not the task's
            self._count_failure(worker.machine, error)
            self._discard(worker)
            return
        self._forget(reference)
        if not isinstance(error, MytalkError):
            error = MytalkError(f"{type(error).__name__}: {error}", reason=Reason.INTERNAL)
        pauses = self._config.retry_seconds
        transient = error.error_class is ErrorClass.TRANSIENT and error.reason not in _LASTING
        if transient and task.retries < len(pauses):
            task.not_before = time.monotonic() + pauses[task.retries]
            task.retries += 1
            self._waiting.append(task)
            task.retried(error)
        else:
            task.failed(error)

    def _replace_stalled(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < _STALL_LOOK_SECONDS:
            return
        self._looked_at = now
        for worker in [each for each in self._workers if each.held]:
            task = self._running[worker.held[0]][0]
            limit = task.stall_seconds or self._shape.resources.stall_seconds
            if limit and worker.idle_seconds(now, min(_PULSE_SECONDS, limit / 4)) > limit:
                stalled = f"gave no sign of progress for {limit:g} s, {self._config.chances} times."
                self._lose(worker, BadInputError(stalled, reason=Reason.TIMED_OUT))

    def _lose(self, worker: PoolWorker, error: MytalkError | None) -> None:
        """Replace a worker that died or hangs, and count a loss of the task that it ran."""
        task = self._running[worker.held[0]][0]
        self._discard(worker)
        task.losses += 1
        if task.losses >= self._config.chances:
            self._waiting.remove(task)
            task.failed(error or _lost(self._config.chances))
        else:
            task.retried(error or _lost(task.losses))

    def _discard(self, worker: PoolWorker) -> None:
        """Kill a worker and return its tasks to the head of the queue."""
        self._workers.remove(worker)
        # It may only be out of reach, and must neither hold its CPU nor write any more.
        ray.kill(worker.handle)
        tasks = [self._running.pop(reference)[0] for reference in worker.held]
        self._waiting.extendleft(reversed(tasks))

    def _forget(self, reference: Any) -> None:
        _, worker = self._running.pop(reference)
        worker.held.remove(reference)
        worker.alive_at = time.monotonic()


def _text(error: MytalkError) -> str:
    return MytalkError.__str__(error)  # Ray raises a subclass whose own text is a traceback


def _lost(times: int) -> StorageError:
    return StorageError(
        f"its worker died {times} times (killed, out of memory, or a native crash).",
        reason=Reason.WORKER_LOST,
    )


class Settled(Protocol):
    """What waits for Ray references: a pool, or what works with one."""

    @property
    def references(self) -> list[Any]:
        """Ray references to wait for."""

    def settle(self, reference: Any) -> None:
        """Accept one of them; ignore others."""


def settle_any(pools: Sequence[Settled], seconds: float) -> None:
    """Wait up to `seconds` for a result or a new worker of any pool; settle all that are there."""
    references = [reference for pool in pools for reference in pool.references]
    if not references:  # every task waits for its next try
        time.sleep(seconds)
        return
    finished, pending = ray.wait(references, num_returns=1, timeout=seconds)
    if finished and pending:  # the others at no further wait: a look takes time for each reference
        finished += ray.wait(pending, num_returns=len(pending), timeout=0)[0]
    for reference in finished:
        for pool in pools:
            pool.settle(reference)
