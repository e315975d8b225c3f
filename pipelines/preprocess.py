"""Footage to shards of clip samples and a manifest, on Ray.

The driver streams the list of sources and hands out chunks to plan and units to work off; it holds
neither rows nor media. Workers read and write files: between them and the driver travel names and
counts only. The same command again does what is missing, and the result is the same whether it was
interrupted or not.
"""

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import ray
from ray.exceptions import RayActorError, RayTaskError
from ray.util.metrics import Counter, Histogram

from mytalk_core.data.storage import open_store
from mytalk_core.errors import ErrorClass, MytalkError, Reason, StorageError
from mytalk_core.footage.attempts import Retry
from mytalk_core.footage.listing import ListingConfig, Source, list_sources
from mytalk_core.footage.records import Records
from mytalk_core.footage.run_account import RunAccount, RunProgress, write_account
from mytalk_core.footage.units import Unit, group_sources
from mytalk_core.footage.worker import ChunkState, StageAccount, Worker, WorkPlace


@dataclass(frozen=True)
class StageResources:
    """What a worker of one kind asks Ray for."""

    cpus: float


# Planning reads headers and lists, and waits for storage most of the time.
PLANNING = StageResources(cpus=0.1)
# Extraction decodes, finds faces and encodes, on one thread. Together the two ask for one CPU, so
# a machine with a single one can run both and none waits for the other for ever.
EXTRACTION = StageResources(cpus=0.9)

_CPUS_PER_PLANNER = 16
# Units a worker is given at a time: one to do and one so that it need not wait for the driver.
_QUEUE = 2
# Units planned ahead, per extraction worker.
_AHEAD = 4
# Workers that may die over the same piece of work before it is given up: machines of a cluster
# come and go, so it may be theirs and not the work's fault.
_CHANCES = 4
# Seconds before a call that failed in passing, such as on a full disk, is made again.
_PAUSES = (10.0, 60.0)
_LASTING = Reason.OUTPUT_NOT_WRITABLE  # a person can do something about it, a pause cannot
# Units in a row, or chunks, that could not be written: then the store has failed, the run ends.
_HOPELESS = 8
_TICK_SECONDS = 1.0
_LOOK_FOR_CPUS_SECONDS = 15.0


@dataclass(frozen=True)
class PreprocessJob:
    """One run."""

    inputs: tuple[str, ...]  # as `list_sources` takes them
    listing: ListingConfig
    place: WorkPlace
    retry: Retry = "none"


@ray.remote(max_restarts=0)
class _Worker:
    """A worker in a process of its own."""

    def __init__(self, place: WorkPlace) -> None:
        self._worker = Worker(place)

    def stand(self) -> None:
        """Returns once there is a process."""

    def do(self, what: str, *arguments: Any) -> Any:
        """Call a method of the worker."""
        return getattr(self._worker, what)(*arguments)


@dataclass
class _Task:
    """A call of a worker's method."""

    what: str
    arguments: tuple[Any, ...]
    done: Callable[[Any], None]
    lost: Callable[[], None]  # called when it cost too many workers
    failed: Callable[[MytalkError], None]  # called with what it raised, at the last try
    attempts: int = 0
    failures: int = 0


@dataclass
class _Pool:
    """Workers of one kind and the tasks that they are at.

    A worker is given work only once it stands: one that waits for a CPU, which a lost machine may
    never give back, must not hold what others could do.
    """

    place: WorkPlace
    resources: StageResources
    size: int
    hired: dict[Any, Any] = field(default_factory=dict)  # workers to come, by reference
    workers: list[Any] = field(default_factory=list)  # those that stand
    waiting: deque[_Task] = field(default_factory=deque)
    paused: list[tuple[float, _Task]] = field(default_factory=list)  # with when to try them again
    running: dict[Any, tuple[_Task, Any]] = field(default_factory=dict)  # by reference

    def add(self, task: _Task) -> None:
        self.waiting.append(task)

    @property
    def load(self) -> int:
        return len(self.waiting) + len(self.paused) + len(self.running)

    @property
    def references(self) -> list[Any]:
        """What to wait for."""
        return [*self.hired, *self.running]

    def start(self) -> None:
        """Hire as many workers as there is work for, and keep each of them busy."""
        now = time.monotonic()
        self.waiting.extend(task for due, task in self.paused if due <= now)
        self.paused = [(due, task) for due, task in self.paused if due > now]
        wanted = min(self.size, self.load)
        while len(self.workers) + len(self.hired) < wanted:
            hire: Any = _Worker.options(num_cpus=self.resources.cpus)  # type: ignore[attr-defined]
            worker = hire.remote(self.place)
            self.hired[worker.stand.remote()] = worker
        while self.hired and len(self.workers) + len(self.hired) > max(wanted, 1):
            ray.kill(self.hired.popitem()[1])  # the cluster shrank before it had a place
        busy = {id(worker): 0 for worker in self.workers}
        for _, worker in self.running.values():
            busy[id(worker)] += 1
        while self.waiting and self.workers:
            worker = min(self.workers, key=lambda worker: busy[id(worker)])
            if busy[id(worker)] >= _QUEUE:
                return
            task = self.waiting.popleft()
            busy[id(worker)] += 1
            self.running[worker.do.remote(task.what, *task.arguments)] = (task, worker)

    def settle(self, reference: Any) -> None:
        """Take in a new worker, or what a task gave; do it again where its worker was lost."""
        if reference in self.hired:
            worker = self.hired.pop(reference)
            with suppress(RayActorError):  # lost before it stood: another is hired
                ray.get(reference)
                self.workers.append(worker)
            return
        if reference not in self.running:
            return  # it went back to the queue when its worker was found dead
        task, worker = self.running[reference]
        try:
            given = ray.get(reference)
        except RayActorError:
            self._replace(worker)
        except RayTaskError as error:
            del self.running[reference]
            self._failed(task, error.cause)
        else:
            del self.running[reference]
            task.done(given)

    def _failed(self, task: _Task, error: Exception) -> None:
        """Do again, after a pause, what failed in passing; the worker itself is as good as new."""
        if not isinstance(error, MytalkError):
            error = MytalkError(f"{type(error).__name__}: {error}", reason=Reason.INTERNAL)
        passing = error.error_class is ErrorClass.TRANSIENT and error.reason is not _LASTING
        if passing and task.failures < len(_PAUSES):
            self.paused.append((time.monotonic() + _PAUSES[task.failures], task))
            task.failures += 1
        else:
            task.failed(error)

    def _replace(self, worker: Any) -> None:
        """Forget a dead worker; what it was at, and what waited for it, is done by others."""
        self.workers.remove(worker)
        ray.kill(worker)  # it may only have been out of reach, and must not hold its CPU for ever
        held = [ref for ref, (_, its) in self.running.items() if its is worker]
        at, *queued = [self.running.pop(reference)[0] for reference in held]
        self.waiting.extendleft(reversed(queued))
        at.attempts += 1
        if at.attempts < _CHANCES:
            self.waiting.appendleft(at)
        else:
            at.lost()

    def dismiss(self) -> None:
        for worker in [*self.workers, *self.hired.values()]:
            ray.kill(worker)


class _Run:
    """The state of a run in the driver: what is being worked on, and counts."""

    def __init__(self, job: PreprocessJob, progress: RunProgress) -> None:
        self._job = job
        self._progress = progress
        self._planners = _Pool(job.place, PLANNING, 1)
        self._extractors = _Pool(job.place, EXTRACTION, 1)
        self._units_left: dict[str, int] = {}  # by chunk at work
        self._unwritten: dict[str, dict[str, MytalkError]] = {}  # by chunk at work, by unit
        self._unwritten_in_a_row = 0
        self._unaccounted: list[MytalkError] = []  # why, for each chunk without a record
        self._metrics = _Metrics(job.place.config_id)
        self._looked_for_cpus = 0.0

    def work(self) -> None:
        """Plan, extract and account for every chunk."""
        chunks = enumerate(
            group_sources(
                list_sources(self._job.inputs, self._job.listing), self._job.place.config.units
            )
        )
        exhausted = False
        try:
            while True:
                self._fit_to_cluster()
                while not exhausted and self._wants_chunks():
                    chunk = next(chunks, None)
                    if chunk is None:
                        exhausted = True
                    else:
                        self._plan(*chunk)
                self._planners.start()
                self._extractors.start()
                if exhausted and not self._planners.load and not self._extractors.load:
                    break
                awaited = [*self._planners.references, *self._extractors.references]
                if awaited:
                    finished, _ = ray.wait(awaited, num_returns=1, timeout=_TICK_SECONDS)
                else:  # all that is left pauses
                    finished = []
                    time.sleep(_TICK_SECONDS)
                for reference in finished:
                    self._planners.settle(reference)
                    self._extractors.settle(reference)
                self._progress.tick()
        finally:
            self._planners.dismiss()
            self._extractors.dismiss()
        if self._unaccounted:
            raise self._unaccounted[-1]

    def _wants_chunks(self) -> bool:
        return (
            self._planners.load < 2 * self._planners.size
            and self._extractors.load < _AHEAD * self._extractors.size
        )

    def _fit_to_cluster(self) -> None:
        """Have as many workers as the cluster has CPUs now; clusters grow and shrink."""
        if time.monotonic() - self._looked_for_cpus < _LOOK_FOR_CPUS_SECONDS:
            return
        self._looked_for_cpus = time.monotonic()
        cpus = ray.cluster_resources().get("CPU", 0.0)  # type: ignore[no-untyped-call]
        self._planners.size = max(1, int(cpus / _CPUS_PER_PLANNER))
        self._extractors.size = max(1, int(cpus / (PLANNING.cpus + EXTRACTION.cpus)))

    def _plan(self, number: int, sources: tuple[Source, ...]) -> None:
        def planned(state: ChunkState) -> None:
            self._note(state.stages)
            self._progress.chunk_named(number, state.name)
            if not state.units:
                # Without probing, an earlier run had done all of it.
                self._progress.chunk_done(state, found=not state.stages)
                return
            self._units_left[state.name] = len(state.units)
            for unit in state.units:
                self._extract(state.name, unit)

        lost = partial(_workers_die, "planning")
        arguments = (sources, self._job.retry)
        self._planners.add(_Task("plan", arguments, planned, lost, self._no_account))

    def _extract(self, chunk: str, unit: Unit) -> None:
        def extracted(stages: StageAccount) -> None:
            self._unwritten_in_a_row = 0
            self._note(stages)
            self._unit_ended(chunk)

        def failed(error: MytalkError) -> None:
            self._unwritten_in_a_row += 1
            if self._unwritten_in_a_row == _HOPELESS:
                raise error
            self._unwritten.setdefault(chunk, {})[unit.name] = error
            self._unit_ended(chunk)

        def lost() -> None:
            self._planners.add(
                _Task("abandon", (unit,), extracted, partial(_workers_die, "accounting"), failed)
            )

        self._extractors.add(_Task("extract", (unit,), extracted, lost, failed))

    def _unit_ended(self, chunk: str) -> None:
        self._units_left[chunk] -= 1
        if self._units_left[chunk] == 0:
            del self._units_left[chunk]
            arguments = (chunk, self._unwritten.pop(chunk, {}))
            lost = partial(_workers_die, "accounting")
            self._planners.add(_Task("finish", arguments, self._finished, lost, self._no_account))

    def _no_account(self, error: MytalkError) -> None:
        """Go on without a chunk; the run then ends with this error and without a manifest."""
        self._unaccounted.append(error)
        if error.reason is _LASTING or len(self._unaccounted) == _HOPELESS:
            raise error

    def _finished(self, state: ChunkState) -> None:
        self._progress.chunk_done(state, found=False)

    def _note(self, stages: StageAccount) -> None:
        self._progress.log.merge(stages)
        self._metrics.note(stages)


class _Metrics:
    """Counters for a cluster's dashboard, labelled by stage and run."""

    def __init__(self, run: str) -> None:
        self._run = run
        keys = ("stage", "run")
        self._counters = {
            field: Counter(f"mytalk_preprocess_{field}", description, keys)
            for field, description in (
                ("done", "Items that passed a stage."),
                ("failed", "Items that failed in a stage."),
                ("filtered", "Items that a stage filtered out."),
                ("media_seconds", "Footage that passed a stage."),
            )
        }
        self._busy = Histogram(
            "mytalk_preprocess_busy_seconds",
            "Time of one unit of work in a stage.",
            [0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000],
            keys,
        )

    def note(self, stages: StageAccount) -> None:
        """Add what one piece of work did."""
        for stage, fields in stages.items():
            tags = {"stage": stage, "run": self._run}
            for name, counter in self._counters.items():
                if fields[name]:
                    counter.inc(fields[name], tags)
            if fields["busy_seconds"]:
                self._busy.observe(fields["busy_seconds"], tags)


def _workers_die(doing: str) -> None:
    raise StorageError(
        f"{_CHANCES} workers in a row died while {doing}.",
        reason=Reason.WORKER_LOST,
        remedy="Look at the cluster's memory and disks; the same command goes on.",
    )


def preprocess(
    job: PreprocessJob, tell: Callable[[RunProgress], None] = lambda progress: None
) -> RunAccount:
    """Turn footage into shards, `manifest.parquet` and `summary.json` in `job.place.out`.

    Runs on the cluster that Ray finds, or on this machine.

    Args:
        tell: called about once a second with how far the run is.

    Raises:
        BadInputError: where there is no input, or a list cannot be read.
        OutputError, StorageError: where results cannot be written; the same job goes on.
    """
    next(list_sources(job.inputs, job.listing))  # what is wrong with them is wrong at once
    ray.init(
        ignore_reinit_error=True, include_dashboard=False, log_to_driver=False, logging_level=40
    )
    progress = RunProgress(job.inputs, job.listing, tell)
    _Run(job, progress).work()
    return write_account(Records(open_store(job.place.out)), job.place, progress)
