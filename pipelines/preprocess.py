"""Footage to shards of clip samples and a manifest, on Ray.

The driver streams the list of sources, and distributes chunks to plan and units to extract; it
holds neither rows nor media. Workers read and write the files: only names and counts pass between
them and the driver. The same command continues an interrupted run, and the result is the same as
without the interruption.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ray.util.metrics import Counter, Histogram

from mytalk_core.data.lease import Lease, held_lease
from mytalk_core.data.storage import open_store
from mytalk_core.errors import MytalkError, Reason
from mytalk_core.footage.attempts import Retry
from mytalk_core.footage.chunk_account import ChunkState
from mytalk_core.footage.listing import ListingConfig, Source, list_sources
from mytalk_core.footage.records import Records
from mytalk_core.footage.run_account import RunAccount, RunProgress, write_account
from mytalk_core.footage.stages import StageAccount
from mytalk_core.footage.units import Unit, group_sources
from mytalk_core.footage.worker import Worker, WorkPlace
from pipelines.actor_pool import ActorPool, PoolConfig, Shape, Task, settle_any
from pipelines.cluster import connected
from pipelines.pool_worker import Beat
from pipelines.resources import Machine, Resources, available

# Planning reads headers and lists, and waits for storage most of the time.
PLANNER = Resources(cpus=0.1, memory_bytes=400_000_000)
# Extraction decodes, finds faces and encodes, on one thread. Together the two reserve one CPU, so
# that a machine with a single one runs both and neither waits for the other forever. Memory is a
# worker's (355 MB) and its decoder's (813 MB).
EXTRACTOR = Resources(cpus=0.9, memory_bytes=1_200_000_000)

_CPUS_PER_PLANNER = 16
# A worker holds the task that it runs, and the next one to save a wait for the driver.
_POOL = PoolConfig(queue=2)
# Units planned ahead, per extraction worker.
_AHEAD = 4
_LASTING = Reason.OUTPUT_NOT_WRITABLE  # transient, but only a person can mend it
# Units in a row, or chunks, that could not be written, after which the run ends.
_MOST_UNWRITTEN = 8
_TICK_SECONDS = 1.0


@dataclass(frozen=True)
class PreprocessJob:
    """One run."""

    inputs: tuple[str, ...]  # paths and URLs, as `list_sources` takes them
    listing: ListingConfig
    place: WorkPlace
    retry: Retry = "none"


def _planner(place: WorkPlace, beat: Beat) -> Worker:
    return Worker(place)


def _extractor(place: WorkPlace, beat: Beat) -> Worker:
    return Worker(replace(place, models=place.models.here()))


def planning_shape(machines: Sequence[Machine]) -> Shape:
    """Return the planners for the machines of a cluster."""
    cpus = sum(machine.cpus for machine in machines)
    return Shape(max(1, int(cpus / _CPUS_PER_PLANNER)), available(PLANNER, machines))


def extraction_shape(machines: Sequence[Machine]) -> Shape:
    """Return the extraction workers for the machines of a cluster, beside the planners."""
    extractor = available(EXTRACTOR, machines)
    both = extractor + available(PLANNER, machines)
    return Shape(max(1, sum(machine.room(both) for machine in machines)), extractor)


class _Run:
    """State of a run in the driver: chunks and units in progress, and counts."""

    def __init__(self, job: PreprocessJob, progress: RunProgress, lease: Lease) -> None:
        self._job = job
        self._progress = progress
        self._lease = lease
        self._planners = ActorPool(partial(_planner, job.place), planning_shape, _POOL)
        self._extractors = ActorPool(partial(_extractor, job.place), extraction_shape, _POOL)
        self._units_left: dict[str, int] = {}  # by chunk in progress
        self._unwritten: dict[str, dict[str, MytalkError]] = {}  # by chunk in progress, by unit
        self._unwritten_in_a_row = 0
        self._unaccounted: list[MytalkError] = []  # of each chunk without a record
        self._metrics = _Metrics(job.place.config_id)

    def work(self) -> None:
        """Plan, extract and record every chunk."""
        chunks = enumerate(
            group_sources(
                list_sources(self._job.inputs, self._job.listing), self._job.place.config.units
            )
        )
        exhausted = False
        pools = (self._planners, self._extractors)
        try:
            while True:
                self._lease.check()
                while not exhausted and self._wants_chunks():
                    chunk = next(chunks, None)
                    if chunk is None:
                        exhausted = True
                    else:
                        self._plan(*chunk)
                for pool in pools:
                    pool.start()
                if exhausted and not any(pool.load for pool in pools):
                    break
                settle_any(pools, _TICK_SECONDS)
                self._progress.tick()
        finally:
            for pool in pools:
                pool.stop()
        if self._unaccounted:
            raise self._unaccounted[-1]

    def _wants_chunks(self) -> bool:
        return (
            self._planners.load < 2 * self._planners.size
            and self._extractors.load < _AHEAD * self._extractors.size
        )

    def _plan(self, number: int, sources: tuple[Source, ...]) -> None:
        def planned(state: ChunkState) -> None:
            self._note(state.stages)
            self._progress.chunk_named(number, state.name)
            if not state.units:
                # Nothing was probed where an earlier run had completed the chunk.
                self._progress.chunk_done(state, found=not state.stages)
                return
            self._units_left[state.name] = len(state.units)
            for unit in state.units:
                self._extract(state.name, unit)

        arguments = (sources, self._job.retry)
        self._planners.add(Task("plan", arguments, planned, self._no_account))

    def _extract(self, chunk: str, unit: Unit) -> None:
        def extracted(stages: StageAccount) -> None:
            self._unwritten_in_a_row = 0
            self._note(stages)
            self._unit_ended(chunk)

        def unwritten(error: MytalkError) -> None:
            self._unwritten_in_a_row += 1
            if self._unwritten_in_a_row == _MOST_UNWRITTEN:
                raise error
            self._unwritten.setdefault(chunk, {})[unit.name] = error
            self._unit_ended(chunk)

        def failed(error: MytalkError) -> None:
            if error.reason is Reason.WORKER_LOST:  # recorded, so that the next run skips the unit
                self._planners.add(Task("abandon", (unit,), extracted, unwritten))
            else:
                unwritten(error)

        self._extractors.add(Task("extract", (unit,), extracted, failed))

    def _unit_ended(self, chunk: str) -> None:
        self._units_left[chunk] -= 1
        if self._units_left[chunk] == 0:
            del self._units_left[chunk]
            arguments = (chunk, self._unwritten.pop(chunk, {}))
            self._planners.add(Task("finish", arguments, self._finished, self._no_account))

    def _no_account(self, error: MytalkError) -> None:
        """Continue without a chunk; the run then ends with this error and without a manifest."""
        self._unaccounted.append(error)
        if error.reason is _LASTING or len(self._unaccounted) == _MOST_UNWRITTEN:
            raise error

    def _finished(self, state: ChunkState) -> None:
        self._progress.chunk_done(state, found=False)

    def _note(self, stages: StageAccount) -> None:
        self._progress.log.merge(stages)
        self._metrics.note(stages)


class _Metrics:
    """Metrics for a cluster's dashboard, labelled by stage and run."""

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
        """Add the counts of one task."""
        for stage, fields in stages.items():
            tags = {"stage": stage, "run": self._run}
            for name, counter in self._counters.items():
                if fields[name]:
                    counter.inc(fields[name], tags)
            if fields["busy_seconds"]:
                self._busy.observe(fields["busy_seconds"], tags)


def preprocess(
    job: PreprocessJob,
    report: Callable[[RunProgress], None] = lambda progress: None,
    say: Callable[[str], None] = lambda text: None,
    address: str = "",
) -> RunAccount:
    """Turn footage into shards, `manifest.parquet` and `summary.json` in `job.place.out`.

    Args:
        report: called about once a second with the progress of the run.
        say: called with a note for the user.
        address: of a Ray cluster, as `connected` takes it.

    Raises:
        BadInputError: where there is no input, a list cannot be read, or another run writes to the
            same place.
        ModelError: where no machine has the models or can fetch them.
        OutputError, StorageError: where results cannot be written; the same job continues later.
        ClusterError: where the cluster cannot be reached.
    """
    next(list_sources(job.inputs, job.listing))  # raises before workers start
    store = open_store(job.place.out)
    with held_lease(store, say) as lease, connected(address):
        progress = RunProgress(job.inputs, job.listing, report)
        _Run(job, progress, lease).work()
        lease.check()
        return write_account(Records(store), job.place, progress)
