"""A catalogue of titles, dubbed on Ray a few at a time.

The unit of work and of commit is a title: its files are delivered first, and last a record in the
ledger with the digest of everything they depend on. The same command again dubs only the titles
without a matching record. Films never pass through Ray; workers read and write them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial

import mytalk_core
from mytalk_core.catalogue.delivery import remove_leftovers
from mytalk_core.catalogue.entries import Entry, RefusedTitle
from mytalk_core.catalogue.night import Limits, NightPlan, plan_night, refused_id
from mytalk_core.catalogue.planning import NIGHTLY, Choice
from mytalk_core.data.lease import Lease, LeaseConfig, held_lease
from mytalk_core.data.ledger import (
    LEASE,
    Ledger,
    RunEnd,
    RunEnded,
    RunStart,
    TitleRecord,
    TitleStatus,
)
from mytalk_core.data.retrying import RetryConfig
from mytalk_core.data.storage import open_store
from mytalk_core.errors import ErrorClass, MytalkError
from mytalk_core.media.process_identity import this_process
from mytalk_core.redaction import redacted
from mytalk_core.work_log import log
from pipelines.actor_pool import ActorPool, PoolConfig, Shape, Task, settle_any
from pipelines.cluster import connected
from pipelines.demand import Demand
from pipelines.resources import Machine, Resources, available
from pipelines.run_metrics import RunMetrics
from pipelines.title_worker import MakeDubber, TitleTask, TitleWorker, failed_title, now

# A worker that computes on one thread reserves nearly a whole CPU, and not all that a machine has.
# Its memory is the largest that a dub took. Models load, and the whole audio of a film is read,
# without a heartbeat.
DUBBER = Resources(cpus=0.9, gpus=0.25, memory_bytes=3_000_000_000, stall_seconds=1800.0)
# Transient failures are retried after these pauses, and a title whose workers die is started this
# often: machines come and go for reasons that have nothing to do with it. Bad input and bugs are
# not retried: the same would come of it.
RETRIES = PoolConfig(chances=3, retry_seconds=(10.0, 60.0, 300.0))
_TICK_SECONDS = 1.0
_SPARE_TITLES = 2  # that the pool has beside those in work
_SHOWN_TITLES = 50  # in heartbeats
# What may be written after a signal, before a scheduler kills the process.
_LAST_SECONDS = 10.0


@dataclass(frozen=True)
class BatchConfig:
    """How a catalogue is dubbed."""

    # Titles at a time; None, and at most: as many as the cluster has room for.
    workers: int | None = None
    # Of a Ray cluster, as `connected` takes it.
    address: str = ""
    # Classes of failures of earlier runs that are tried again.
    retry: frozenset[ErrorClass] = NIGHTLY
    # Seconds from now, and processor hours, after which no further title is taken; None: no limit.
    seconds: float | None = None
    cpu_hours: float | None = None
    # Needs of a worker; a title without a heartbeat for `stall_seconds` hangs.
    worker: Resources = DUBBER
    retries: PoolConfig = RETRIES
    # A second run on the same folder waits for the first one.
    lease: LeaseConfig = field(default_factory=lambda: LeaseConfig(wait=True))


@dataclass(frozen=True)
class Batch:
    """What a run works on."""

    catalogue: str  # path or URL without secrets
    out: str  # path or URL of the folder of the results
    make_dubber: MakeDubber
    # Everything but the titles' own files and options that decides a film, as JSON values.
    recipe: Mapping[str, object]


@contextmanager
def catalogue_run(
    batch: Batch,
    entries: Iterable[Entry],
    config: BatchConfig = BatchConfig(),
    say: Callable[[str], None] = lambda text: None,
) -> Iterator["CatalogueRun"]:
    """Hold the lease of the folder of the results; plan a run, and record how it ends.

    Args:
        entries: of the catalogue; read once the lease is held.
        say: called with notes for the user.

    Raises:
        BadInputError: where the catalogue cannot be read, or another run holds the lease.
        OutputError, StorageError: where the folder cannot be written or read.
    """
    store = open_store(batch.out)
    with held_lease(store, say, LEASE, config.lease) as lease:
        ledger = Ledger(store)
        plan = plan_night(entries, ledger, batch.recipe, config.retry)
        run = CatalogueRun(batch, config, lease, plan)
        why = None
        message = ""
        try:
            yield run
        except (SystemExit, KeyboardInterrupt, GeneratorExit):
            why = RunEnd.STOPPED
            raise
        except BaseException as error:
            why, message = RunEnd.FAILED, redacted(str(error))
            raise
        finally:
            run.close(why, message)


class CatalogueRun:
    """A run over a catalogue."""

    def __init__(self, batch: Batch, config: BatchConfig, lease: Lease, plan: NightPlan) -> None:
        self.plan = plan
        self._batch, self._config, self._lease = batch, config, lease
        self._store = open_store(batch.out)
        self._ledger = Ledger(self._store)
        # For what must not hold the run up while its storage does not answer.
        self._quick_ledger = Ledger(replace(self._store, retry=RetryConfig(_LAST_SECONDS)))
        self.start = self._ledger.begin(_start(batch, plan))
        self._limits = Limits(config.seconds, config.cpu_hours, self._cancelled)
        self._left = list(reversed(plan.chosen))  # the largest film last
        self._in_work: set[str] = set()  # ids of titles that the pool has
        self._counts = dict.fromkeys(TitleStatus, 0)
        self._why = RunEnd.FINISHED
        log("run started", run=self.start.number, **asdict(self.start))

    def results(self) -> Iterator[TitleRecord]:
        """Dub what was chosen; yield the result of every title as soon as it is known.

        Raises:
            ModelError: where no machine can make a dubber.
            OutputError: where another run has taken the folder over.
            ClusterError: where the cluster cannot be reached.
        """
        for row in self.plan.refused:
            record = _refused(row, self.start.number)
            self._ledger.add_title(record)
            yield self._counted(record)
        if self._left:
            with connected(self._config.address):
                yield from self._dubbed()

    def close(self, why: RunEnd | None, message: str) -> None:
        """Record the end of the run; after a signal within seconds.

        Args:
            why: in place of what the run found itself.
        """
        self.ended = RunEnded(
            now(),
            why or self._why,
            self._counts[TitleStatus.OK],
            self._counts[TitleStatus.FAILED],
            len(self._left) + len(self._in_work),
            self._limits.spent,
            message,
        )
        log("run ended", run=self.start.number, **asdict(self.ended))
        with suppress(MytalkError):  # the storage may be what failed
            self._quick_ledger.end(self.start.number, self.ended)
            if why is None and not self._lease.lost:
                self._ledger.compact(self.start.number)

    def _dubbed(self) -> Iterator[TitleRecord]:
        pool = ActorPool(
            partial(TitleWorker, self._batch.make_dubber, self._store),
            partial(worker_shape, self._config.worker, self._config.workers, len(self.plan.chosen)),
            self._config.retries,
        )
        results: list[TitleRecord] = []
        demand = Demand()
        self._metrics = RunMetrics()
        for row in self.plan.refused:
            self._metrics.ended(_refused(row, self.start.number))
        try:
            while True:
                self._lease.check()
                self._note()
                reached = self._limits.reached()
                if reached and (self._left or reached is RunEnd.CANCELLED):
                    self._why = reached
                if reached is RunEnd.CANCELLED:
                    return
                while reached is None and self._left and pool.load < pool.size + _SPARE_TITLES:
                    self._add(pool, results)
                if not pool.load:
                    return
                pool.start()
                demand.request(pool.needs, len(self._left) + pool.load)
                self._metrics.stands(len(self._left), pool.load, pool.ready)
                settle_any([pool], _TICK_SECONDS)
                yield from results
                results.clear()
        finally:
            pool.stop()
            demand.end()

    def _add(self, pool: ActorPool, results: list[TitleRecord]) -> None:
        chosen = self._left.pop()
        task = TitleTask(chosen.title, chosen.config_id, self.start.number)
        self._in_work.add(chosen.title.id)

        def failed(error: MytalkError) -> None:
            remove_leftovers(task.title, self._store)
            record = failed_title(task, error)
            self._ledger.add_title(record)
            done(record)

        def done(record: TitleRecord) -> None:
            self._in_work.discard(record.id)
            self._metrics.ended(record)
            results.append(self._counted(record))

        def retried(error: MytalkError) -> None:
            self._metrics.retried(error.reason)
            text = MytalkError.__str__(error)  # Ray raises a subclass with a text of its own
            log("title retried", run=task.run, id=task.title.id, reason=error.reason, message=text)

        pool.add(Task("work", (task,), done, failed, retried))

    def _counted(self, record: TitleRecord) -> TitleRecord:
        log("title ended", **asdict(record))
        self._counts[record.status] += 1
        self._limits.spent += record.cpu_seconds
        return record

    def _note(self) -> None:
        """Tell with the next heartbeat how far the run is."""
        self._lease.note(
            run=self.start.number,
            ok=self._counts[TitleStatus.OK],
            failed=self._counts[TitleStatus.FAILED],
            left=len(self._left),
            in_work=sorted(self._in_work)[:_SHOWN_TITLES],
        )

    def _cancelled(self) -> bool:
        return self._quick_ledger.is_cancelled(self.start.number)


def worker_shape(
    needs: Resources, workers: int | None, titles: int, machines: Sequence[Machine]
) -> Shape:
    """Return how many workers there is room for, and how many threads each has on its machine.

    Args:
        needs: of a worker that computes on one thread.
        workers: upper limit; None: as many as there is room for.
        titles: another upper limit.
    """
    needs = available(needs, machines)
    room = _room(needs, machines)
    count = max(1, min(workers or room, room, titles))
    # A title that has a machine to itself computes on all of its CPUs. A worker runs on one
    # machine, so the number of CPUs of the whole cluster does not matter.
    threads = int(max((machine.cpus for machine in machines), default=1))
    while threads > 1 and _room(replace(needs, cpus=threads), machines) < count:
        threads -= 1
    return Shape(count, replace(needs, cpus=float(threads)) if threads > 1 else needs)


def _room(needs: Resources, machines: Sequence[Machine]) -> int:
    return sum(machine.room(needs) for machine in machines)


def _start(batch: Batch, plan: NightPlan) -> RunStart:
    return RunStart(
        number=0,
        started=now(),
        who=this_process(),
        catalogue=redacted(batch.catalogue),
        version=mytalk_core.__version__,
        titles=plan.titles,
        chosen=len(plan.chosen),
        refused=len(plan.refused),
        finished=plan.choices.get(Choice.FINISHED, 0),
        failed_before=plan.choices.get(Choice.LEFT_OUT, 0),
        unasked=plan.unasked,
    )


def _refused(row: RefusedTitle, run: int) -> TitleRecord:
    return TitleRecord(
        id=refused_id(row),
        run=run,
        status=TitleStatus.FAILED,
        where=row.where,
        language=row.language,
        source=row.film,
        config_id="",
        studio=row.labels.studio,
        show=row.labels.show,
        reason=row.reason,
        error_class=row.error_class,
        message=str(row.error()),
        ended=now(),
    )
