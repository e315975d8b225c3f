"""A catalogue of titles, dubbed on Ray.

The unit of work is an artifact of a title's graph, so that one long film uses all machines. The
unit of commit is a title: its files are delivered first, and last a record in the ledger with the
digest of everything they depend on. The same command again dubs only the titles without a matching
record, from the artifacts that are stored. Films and artifacts never pass through Ray.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import mytalk_core
from mytalk_core.catalogue.delivery import remove_leftovers
from mytalk_core.catalogue.entries import Entry, RefusedTitle
from mytalk_core.catalogue.night import Limits, NightPlan, plan_night, refused_id
from mytalk_core.catalogue.planning import NIGHTLY, Choice
from mytalk_core.catalogue.run_work import run_artifacts
from mytalk_core.data.lease import Lease, LeaseConfig, held_lease
from mytalk_core.data.ledger import LEASE, Ledger
from mytalk_core.data.retrying import RetryConfig
from mytalk_core.data.run_records import RunEnd, RunEnded, RunStart, TitleRecord, TitleStatus
from mytalk_core.data.storage import open_store
from mytalk_core.errors import ErrorClass, MytalkError
from mytalk_core.media.process_identity import this_process
from mytalk_core.redaction import redacted
from mytalk_core.work_log import log
from pipelines.actor_pool import ActorPool, PoolConfig, Task, settle_any
from pipelines.cluster import connected
from pipelines.demand import Demand
from pipelines.run_metrics import RunMetrics
from pipelines.stage_exchange import StageExchange
from pipelines.stage_maker import StageMaker
from pipelines.stage_needs import RunNeeds, conductor_shape, maker_shape
from pipelines.title_worker import MakeDubber, TitleTask, TitleWorker, failed_title, now

if TYPE_CHECKING:
    from mytalk_core.dubbing.tools import DubTools

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

    # That make artifacts, and titles in work; None, and at most: as many as there is room for.
    workers: int | None = None
    # Of a Ray cluster, as `connected` takes it.
    address: str = ""
    # Classes of failures of earlier runs that are tried again.
    retry: frozenset[ErrorClass] = NIGHTLY
    # Seconds from now, and processor hours, after which no further title is taken; None: no limit.
    seconds: float | None = None
    cpu_hours: float | None = None
    needs: RunNeeds = field(default_factory=RunNeeds)
    retries: PoolConfig = RETRIES
    # A second run on the same folder waits for the first one.
    lease: LeaseConfig = field(default_factory=lambda: LeaseConfig(wait=True))


@dataclass(frozen=True)
class Batch:
    """What a run works on."""

    catalogue: str  # path or URL without secrets
    out: str  # path or URL of the folder of the results
    make_dubber: MakeDubber
    # Called once in every process that makes artifacts. Where it raises, the process is replaced
    # and its machine tried once more: it may lack the models. Must be picklable.
    make_tools: Callable[[], "DubTools"]
    work: str  # path or URL of the artifacts
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
        run = CatalogueRun(batch, config, lease, plan, say)
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

    def __init__(
        self,
        batch: Batch,
        config: BatchConfig,
        lease: Lease,
        plan: NightPlan,
        say: Callable[[str], None],
    ) -> None:
        self.plan = plan
        self._say = say
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
            ModelError: where no machine has the models.
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
        titles, makers = self._pools()
        exchange = StageExchange(makers, self._config.needs.stall_seconds)
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
                while reached is None and self._left and titles.load < titles.size + _SPARE_TITLES:
                    self._add(titles, exchange, results)
                if not titles.load:
                    return
                titles.start()
                exchange.hand_out()
                makers.start()
                demand.request(makers.needs, len(self._left) + titles.load)
                self._metrics.stands(len(self._left), titles.load, makers.ready)
                settle_any([titles, exchange, makers], _TICK_SECONDS)
                yield from results
                results.clear()
        finally:
            titles.stop()
            makers.stop()
            demand.end()

    def _pools(self) -> tuple[ActorPool, ActorPool]:
        """Who runs the graphs of titles, and who makes their artifacts."""
        batch, config = self._batch, self._config
        open_artifacts = partial(run_artifacts, batch.work)
        titles = ActorPool(
            partial(TitleWorker, batch.make_dubber, open_artifacts, self._store),
            partial(conductor_shape, config.needs, config.workers, len(self.plan.chosen)),
            config.retries,
            self._say,
        )
        makers = ActorPool(
            partial(StageMaker, batch.make_tools, open_artifacts, self.start.number),
            partial(maker_shape, config.needs, config.workers),
            replace(config.retries, retry_seconds=()),  # the title is what is tried again
            self._say,
        )
        return titles, makers

    def _add(self, titles: ActorPool, exchange: StageExchange, results: list[TitleRecord]) -> None:
        rank = len(self.plan.chosen) - len(self._left)  # the largest film first
        chosen = self._left.pop()
        task = TitleTask(chosen.title, chosen.config_id, self.start.number)
        title = chosen.title.id
        self._in_work.add(title)

        def failed(error: MytalkError) -> None:
            remove_leftovers(task.title, self._store)
            record = failed_title(task, error)
            self._ledger.add_title(record)
            done(record)

        def done(record: TitleRecord) -> None:
            exchange.end(title)
            self._in_work.discard(title)
            self._metrics.ended(record)
            results.append(self._counted(record))

        def retried(error: MytalkError) -> None:
            self._metrics.retried(error.reason)
            text = MytalkError.__str__(error)  # Ray raises a subclass with a text of its own
            log("title retried", run=task.run, id=title, reason=error.reason, message=text)

        started = partial(exchange.begin, title, rank)
        titles.add(Task("work", (task,), done, failed, retried, started))

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
