"""A catalogue of titles, dubbed on Ray a few at a time.

The unit of work and of commit is a title: film and report are written first, and last a record with
the digest of everything they depend on. The same command again dubs only the titles without a
matching record. Films never pass through Ray; workers receive paths and write the files themselves.
"""

import json
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mytalk_core.catalogue.entries import CatalogueTitle, Entry, RefusedTitle, content_id
from mytalk_core.data.run_lock import RunLock, run_lock
from mytalk_core.data.storage import open_store
from mytalk_core.data.title_status import (
    DubbedTitle,
    StatusTable,
    TitleResult,
    TitleStatus,
    finished,
    start_title,
    write_record,
)
from mytalk_core.errors import ModelError, MytalkError, OutputError, Reason
from mytalk_core.media.output import make_folder
from pipelines.actor_pool import ActorPool, PoolConfig, Shape, Task, settle_any
from pipelines.cluster import connected
from pipelines.pool_worker import Beat
from pipelines.resources import Machine, Resources, available

# A worker that computes on one thread reserves nearly a whole CPU, and not all that a machine has.
# Its memory is the largest that a dub took. Models load, and the whole audio of a film is read,
# without a heartbeat.
DUBBER = Resources(cpus=0.9, gpus=0.25, memory_bytes=3_000_000_000, stall_seconds=1800.0)
# How often a title is started: a worker may die for reasons that have nothing to do with it.
ATTEMPTS = 2
_TICK_SECONDS = 1.0

Dubber = Callable[[CatalogueTitle, Path, Beat], DubbedTitle]
"""Dubs a title into the film at this path, with a report beside it, complete or not at all.

Calls its last argument whenever it makes progress.
"""

MakeDubber = Callable[[], Dubber]
"""Called once in every worker process to load what a dubber reuses. Must be picklable.

Where it raises, the worker is replaced and its machine tried once more: it may lack the models.
"""


@dataclass(frozen=True)
class BatchConfig:
    """Number and size of workers, and where they run."""

    # Titles at a time; None, and at most: as many as the cluster has room for.
    workers: int | None = None
    # Of a Ray cluster, as `connected` takes it.
    address: str = ""
    # Needs of a worker; a title without a heartbeat for `stall_seconds` hangs.
    worker: Resources = DUBBER


def dub_catalogue(
    entries: Sequence[Entry],
    out: Path,
    make_dubber: MakeDubber,
    recipe: Mapping[str, object],
    config: BatchConfig = BatchConfig(),
    say: Callable[[str], None] = lambda text: None,
) -> Iterator[TitleResult]:
    """Dub every title that needs it; yield the result of every entry as soon as it is known.

    A title is written to `out/<id>/`. The status table in `out` has a row for each entry whose
    result is known, in the order of the catalogue.

    Args:
        entries: as `read_catalogue` returns them.
        out: a folder that every worker sees under this path.
        make_dubber: makes the function that dubs a title.
        recipe: JSON values that determine a film besides the title's own files.
        say: called with a note for the user.

    Raises:
        BadInputError: where another run writes to `out`.
        ModelError: where no machine can make a dubber.
        OutputError: where `out` cannot be written. A title that fails is a row, not an error.
        ClusterError: where the cluster cannot be reached.
    """
    out = out.resolve()
    make_folder(out)
    with run_lock(open_store(out), say) as lock:
        known: list[tuple[int, TitleResult]] = []
        titles: list[Title] = []
        for number, entry in enumerate(entries):
            if isinstance(entry, RefusedTitle):
                known.append((number, _bad_row(entry)))
                continue
            title = Title(number, entry, content_id(entry, recipe))
            done = finished(out, entry.id, title.config_id)
            if done:
                known.append((number, replace(done, status=TitleStatus.SKIPPED)))
            else:
                titles.append(title)
        with closing(StatusTable(out, known)) as status:
            yield from (result for _, result in known)
            if not titles:
                return
            with connected(config.address):
                for title, result in _dub_on_workers(titles, out, make_dubber, config, lock):
                    status.add(title.number, result)
                    yield result


@dataclass(frozen=True)
class Title:
    """A row to dub."""

    number: int  # of its row in the catalogue, from 0
    row: CatalogueTitle
    config_id: str

    def result(self, status: TitleStatus) -> TitleResult:
        """Return its row of the status table, with the columns known before dubbing."""
        return TitleResult(
            id=self.row.id,
            film_source=self.row.film,
            language=self.row.language,
            status=status,
            config_id=self.config_id,
        )


class TitleWorker:
    """One process with its models. Every error of a title, short of a crash, becomes a row."""

    def __init__(self, make_dubber: MakeDubber, out: Path, beat: Beat) -> None:
        self._dubber = make_dubber()
        self._out = out
        self._beat = beat

    def work(self, title: Title) -> TitleResult:
        """Dub one title and write its record.

        Raises:
            ModelError: where this machine lacks a model, which is not the title's fault.
        """
        start = time.monotonic()
        try:
            folder = start_title(self._out, title.row.id)
            dubbed = self._dubber(title.row, folder / f"{title.row.id}.mp4", self._beat)
            result = replace(
                title.result(TitleStatus.OK),
                warning=dubbed.warning,
                film=str(dubbed.film.relative_to(self._out)),
                report=str(dubbed.report.relative_to(self._out)),
                frames=dubbed.frames,
                rendered_frames=dubbed.rendered_frames,
                left_alone=json.dumps(dict(dubbed.left_alone)),
                seconds=time.monotonic() - start,
            )
            write_record(self._out, result)
            return result
        except ModelError:
            raise
        except MytalkError as error:
            return _failure(title, error, time.monotonic() - start)
        except OSError as error:
            full = OutputError(str(error), reason=Reason.OUTPUT_NOT_WRITABLE)
            return _failure(title, full, time.monotonic() - start)
        except Exception as error:
            # A bug that one film triggers must not end a run over thousands; its row reports it.
            place = traceback.extract_tb(error.__traceback__)[-1]
            bug = MytalkError(
                f"{type(error).__name__}: {error} ({place.filename} line {place.lineno})",
                reason=Reason.INTERNAL,
            )
            return _failure(title, bug, time.monotonic() - start)


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


def _dub_on_workers(
    titles: Sequence[Title], out: Path, make_dubber: MakeDubber, config: BatchConfig, lock: RunLock
) -> Iterator[tuple[Title, TitleResult]]:
    """Yield titles with their results, as workers finish them."""
    pool = ActorPool(
        partial(TitleWorker, make_dubber, out),
        partial(worker_shape, config.worker, config.workers, len(titles)),
        PoolConfig(chances=ATTEMPTS),
    )
    results: list[tuple[Title, TitleResult]] = []

    def add(title: Title) -> None:
        pool.add(
            Task(
                "work",
                (title,),
                lambda result: results.append((title, result)),
                lambda error: results.append((title, _failure(title, error, 0.0))),
            )
        )

    for title in titles:
        add(title)
    try:
        while pool.load:
            lock.check()
            pool.start()
            settle_any([pool], _TICK_SECONDS)
            yield from results
            results.clear()
    finally:
        pool.stop()


def _bad_row(row: RefusedTitle) -> TitleResult:
    return TitleResult(
        id=row.id,
        film_source=row.film,
        language=row.language,
        status=TitleStatus.FAILED,
        reason=row.reason,
        error_class=row.error_class,
        message=str(row.error()),
    )


def _failure(title: Title, error: MytalkError, seconds: float) -> TitleResult:
    return replace(
        title.result(TitleStatus.FAILED),
        reason=error.reason,
        error_class=error.error_class,
        message=str(error),
        seconds=seconds,
    )
