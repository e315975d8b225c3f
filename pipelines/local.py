"""Make the artifacts of a title with one process per core of this machine."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.stage_rates import StageRates
from mytalk_core.dubbing.making import made_artifact, made_from
from mytalk_core.dubbing.stage import Pending, Stage
from mytalk_core.dubbing.store_runner import StoreRunner
from mytalk_core.errors import OutputError, Reason, StorageError
from mytalk_core.films.progress import Progress
from pipelines.local_worker import Failure, Report, Worker, packed

if TYPE_CHECKING:
    from mytalk_core.dubbing.tools import DubTools

R = TypeVar("R")
V = TypeVar("V")

_MOST_ATTEMPTS = 2  # of a task whose worker dies
# For the fork server, which may still import: it notices by itself that this process ends.
_PATIENCE_SECONDS = 1.0


@dataclass
class _Task:
    stage: Stage[Any, Any]
    request: Any
    key: str
    message: bytes  # for a worker
    made: Future[None]
    attempts: int = 0


@dataclass(frozen=True)
class _Made(Generic[V]):
    """An artifact that workers make; it is loaded when its result is needed."""

    artifacts: Artifacts
    stage: Stage[Any, V]
    key: str
    made: Future[None]

    def result(self) -> V:
        """Wait for the artifact."""
        self.made.result()
        return made_artifact(self.artifacts, self.stage, self.key)


class LocalRunner(StoreRunner):
    """A `Runner` with a process per core; what is started first is made first.

    Background stages have one process more, of the least priority: they never delay the others.

    A worker that dies is replaced, and its task is made once more. A task that fails cancels those
    that have not begun: their results raise its error. Leaving the block ends all workers.
    """

    def __init__(
        self,
        artifacts: Artifacts,
        tools: Callable[[], DubTools],
        progress: Progress,
        processes: int | None = None,
    ) -> None:
        """Start nothing yet.

        Args:
            tools: loads the networks in a worker; a function that can be pickled.
            progress: called from another thread, with sums over the artifacts of a stage.
            processes: how many workers at most; as many as this process may use cores by default.
        """
        super().__init__(artifacts)
        self._tools = tools
        self._progress = _ProgressSum(progress)
        self._processes = processes or len(os.sched_getaffinity(0))
        self._rates = StageRates(artifacts.root)
        self._lock = threading.Lock()  # of the next four
        # By whether their stages are of the background.
        self._queued: dict[bool, deque[_Task]] = {False: deque(), True: deque()}
        self._tasks: dict[str, _Task] = {}  # queued or running, by key
        self._closing = False
        self._broken: BaseException | None = None  # what ended the thread
        self._workers: dict[Worker, _Task | None] = {}  # and what each is making
        self._awake, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._run, name="local runner", daemon=True)
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        """Mark the store as used by this run.

        Raises:
            OutputError: where the store cannot be written.
        """
        self._resources.enter_context(self._artifacts.in_use())
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all workers, whatever they are making."""
        with self._lock:
            self._closing = True
        os.write(self._wake, b"\0")
        self._thread.join(_PATIENCE_SECONDS)
        for task in self._tasks.values():
            task.made.cancel()
        with suppress(OutputError):  # estimates matter less than what the run has made
            self._rates.save()
        self._resources.close()

    def _begin(self, stage: Stage[R, V], request: R, key: str) -> Pending[V]:
        message = packed(stage, request, key)
        with self._lock:
            if self._broken:
                raise self._broken
            task = self._tasks.get(key)
            if task is None:
                task = _Task(stage, request, key, message, Future())
                self._tasks[key] = task
                self._queued[stage.background].append(task)
        os.write(self._wake, b"\0")
        return _Made(self._artifacts, stage, key, task.made)

    def _run(self) -> None:
        """Hand out tasks and receive messages, until the runner is closed."""
        try:
            while not self._closing:
                self._hand_out()
                by_connection = {worker.connection: worker for worker in self._workers}
                for ready in wait([self._awake, *by_connection]):
                    if isinstance(ready, Connection):
                        self._receive(by_connection[ready])
                    else:
                        os.read(self._awake, 1 << 16)
        except BaseException as error:  # such as one of the caller's `progress`
            with self._lock:
                self._broken = error
                tasks = list(self._tasks.values())
            for task in tasks:
                task.made.set_exception(error)
        finally:
            for worker in self._workers:
                worker.end()

    def _hand_out(self) -> None:
        self._hand_out_to(self._processes, background=False)
        self._hand_out_to(1, background=True)

    def _hand_out_to(self, processes: int, background: bool) -> None:
        """Give queued tasks to workers that are idle or new, up to a number of workers."""
        while True:
            workers = [each for each in self._workers if each.background == background]
            idle = next((each for each in workers if self._workers[each] is None), None)
            with self._lock:
                queued = self._queued[background]
                full = idle is None and len(workers) == processes
                if self._closing or full or not queued:
                    return
                task = queued.popleft()
            worker = idle or Worker(self._artifacts, self._tools, background)
            self._workers[worker] = task
            task.attempts += 1
            worker.send(task.message)

    def _receive(self, worker: Worker) -> None:
        task = self._workers[worker]
        try:
            message = worker.receive()
        except EOFError:
            del self._workers[worker]
            how = worker.died()
            if task is not None:
                self._lost(task, how)
            return
        assert task is not None  # an idle worker is silent
        if isinstance(message, Report):
            self._progress.add(task.key, message)
            return
        self._workers[worker] = None
        if isinstance(message, Failure):
            self._fail(task, message.exception())
        else:
            self._rates.add(task.stage.name, message.seconds, message.units)
            self._account.made(task.stage.name, task.key, message.seconds)
            with self._lock:
                del self._tasks[task.key]
            task.made.set_result(None)

    def _lost(self, task: _Task, how: str) -> None:
        """Make a task again whose worker died."""
        self._progress.forget(task.key)
        if task.attempts < _MOST_ATTEMPTS:
            with self._lock:
                self._queued[task.stage.background].appendleft(task)
        else:
            self._fail(task, _worker_lost(task, how))

    def _fail(self, task: _Task, error: Exception) -> None:
        """Give its error to a task, and to those that have not begun."""
        with self._lock:
            failed = [task]
            for queued in self._queued.values():
                failed += queued
                queued.clear()
            for each in failed:
                del self._tasks[each.key]
        for each in failed:
            each.made.set_exception(error)


class _ProgressSum:
    """Adds up the progress that several artifacts report under one name."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._reports: dict[str, dict[str, Report]] = {}  # by name, then by key

    def add(self, key: str, report: Report) -> None:
        """Report the sum that includes the latest report of an artifact."""
        reports = self._reports.setdefault(report.name, {})
        reports[key] = report
        done = sum(each.done for each in reports.values())
        self._progress(report.name, done, sum(each.total for each in reports.values()))

    def forget(self, key: str) -> None:
        """Remove what was reported of an artifact that is made again."""
        for reports in self._reports.values():
            reports.pop(key, None)


def _worker_lost(task: _Task, how: str) -> StorageError:
    return StorageError(
        f"the process that made it died {task.attempts} times ({how}: out of memory, killed, or a"
        " native crash).",
        where=made_from(task.stage, task.request),
        remedy="Run the same command again; what is finished is kept.",
        reason=Reason.WORKER_LOST,
    )
