"""A catalogue of titles, dubbed on Ray: each on its own, a few at a time, results as they come.

The unit of work and of commit is a title: film and report first, and last a record that names all
that went into them. The same command again dubs only the titles without a fitting record. Films
never pass through Ray; its workers are given paths and write beside each other.
"""

import json
import logging
import os
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayActorError

from mytalk_core.data.catalogue import BadRow, CatalogueRow, content_id
from mytalk_core.data.title_status import (
    DubbedTitle,
    TitleResult,
    TitleStatus,
    finished,
    start_title,
    write_record,
    write_status,
)
from mytalk_core.errors import ErrorClass, MytalkError, OutputError, Reason
from mytalk_core.media.output import make_folder

# CPUs that a worker asks Ray for: nearly a whole one, and not all that a machine has.
WORKER_CPUS = 0.9
# How often a title is begun: a worker may die for reasons that have nothing to do with it.
ATTEMPTS = 2

Dubber = Callable[[CatalogueRow, Path], DubbedTitle]
"""Dubs a title into the film at this path, and its report beside it, complete or not at all."""

MakeDubber = Callable[[], Dubber]
"""Called once in every worker process: loads what a dubber reuses. Must be picklable."""


def dub_catalogue(
    entries: Sequence[CatalogueRow | BadRow],
    out: Path,
    make_dubber: MakeDubber,
    recipe: Mapping[str, object],
    workers: int | None = None,
) -> Iterator[TitleResult]:
    """Dub every title that needs it; gives the result of every entry, as soon as it is known.

    A title stands in `out/<id>/`. After every result `out/status.parquet` has a row of each entry
    whose result is known by then, in the order of the catalogue.

    Args:
        entries: as `read_catalogue` gives them.
        out: every worker must see it under this path.
        make_dubber: makes what dubs a title.
        recipe: JSON values; all that decides a film beside the title's own files.
        workers: titles at a time; by default, and at most, as many as the cluster has CPUs for.

    Raises:
        OutputError: where `out` cannot be written. A title that fails is a row, not an error.
    """
    out = out.resolve()
    make_folder(out)
    results: list[TitleResult | None] = []
    titles: list[Title] = []
    for number, entry in enumerate(entries):
        if isinstance(entry, BadRow):
            results.append(_bad_row(entry))
            continue
        title = Title(number, entry, content_id(entry, recipe))
        done = finished(out, entry.id, title.config_id)
        if done:
            results.append(replace(done, status=TitleStatus.SKIPPED))
        else:
            results.append(None)
            titles.append(title)
    write_status(out, filter(None, results))
    yield from filter(None, results)
    if titles:
        with _cluster():
            for title, result in _dub_on_workers(titles, out, make_dubber, workers):
                results[title.number] = result
                write_status(out, filter(None, results))
                yield result


@dataclass(frozen=True)
class Title:
    """A row to dub."""

    number: int  # of its row in the catalogue, from 0
    row: CatalogueRow
    config_id: str
    attempt: int = 1

    def result(self, status: TitleStatus) -> TitleResult:
        """Its row of the status table, as far as the title itself tells."""
        return TitleResult(
            id=self.row.id,
            video=str(self.row.video),
            speech=str(self.row.speech),
            language=self.row.language,
            status=status,
            config_id=self.config_id,
        )


@ray.remote(num_cpus=WORKER_CPUS)
class TitleWorker:
    """One process with its models. Whatever a title does to it short of death becomes a row."""

    def __init__(self, make_dubber: MakeDubber, out: Path) -> None:
        self._make_dubber = make_dubber
        self._out = out
        self._dubber: Dubber | None = None

    def work(self, title: Title) -> TitleResult:
        """Dub one title and write its record."""
        start = time.monotonic()
        try:
            folder = start_title(self._out, title.row.id)
            # Not when the worker starts: models that do not load are the title's failure to report.
            self._dubber = self._dubber or self._make_dubber()
            dubbed = self._dubber(title.row, folder / f"{title.row.id}.mp4")
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
        except MytalkError as error:
            return _failure(title, error, time.monotonic() - start)
        except OSError as error:
            full = OutputError(str(error), reason=Reason.OUTPUT_NOT_WRITABLE)
            return _failure(title, full, time.monotonic() - start)
        except Exception as error:
            # One poisonous film must not end a run over thousands; its row says it is ours to mend.
            place = traceback.extract_tb(error.__traceback__)[-1]
            bug = MytalkError(
                f"{type(error).__name__}: {error} ({place.filename} line {place.lineno})",
                reason=Reason.INTERNAL,
            )
            return _failure(title, bug, time.monotonic() - start)


def _dub_on_workers(
    titles: Sequence[Title], out: Path, make_dubber: MakeDubber, workers: int | None
) -> Iterator[tuple[Title, TitleResult]]:
    """Work off titles, one per worker at a time: no queue of tasks, and a dead worker costs one."""
    cpus = float(ray.cluster_resources()["CPU"])  # type: ignore[no-untyped-call]
    # A worker that the cluster has no room for would wait for ever, and its title with it.
    room = max(int(cpus / WORKER_CPUS), 1)
    count = min(workers or room, room, len(titles))
    hired: Any = TitleWorker
    threads = int(cpus) // count
    if threads > 1:  # Ray gives one, also where a single title has the machine to itself
        hired = hired.options(runtime_env={"env_vars": {"OMP_NUM_THREADS": str(threads)}})

    waiting = deque(titles)
    idle: list[Any] = []  # handles of TitleWorker actors
    busy: dict[Any, tuple[Any, Title]] = {}  # by the reference of the result to come
    while waiting or busy:
        while waiting and len(busy) < count:
            worker = idle.pop() if idle else hired.remote(make_dubber, out)
            title = waiting.popleft()
            busy[worker.work.remote(title)] = (worker, title)
        (done, *_), _ = ray.wait(list(busy), num_returns=1)
        worker, title = busy.pop(done)
        try:
            yield title, ray.get(done)
            idle.append(worker)
        except RayActorError:
            if title.attempt < ATTEMPTS:
                waiting.append(replace(title, attempt=title.attempt + 1))
            else:
                yield title, _lost(title)


@contextmanager
def _cluster() -> Iterator[None]:
    """The cluster that this process is connected to, or `RAY_ADDRESS` names, or this machine."""
    if ray.is_initialized():
        yield
        return
    ray.init(
        address=os.environ.get("RAY_ADDRESS", "local"),
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    try:
        yield
    finally:
        ray.shutdown()


def _bad_row(row: BadRow) -> TitleResult:
    return TitleResult(
        id=row.id,
        video=row.video,
        speech=row.speech,
        language=row.language,
        status=TitleStatus.FAILED,
        reason=row.error.reason,
        error_class=row.error.error_class,
        message=str(row.error),
    )


def _failure(title: Title, error: MytalkError, seconds: float) -> TitleResult:
    return replace(
        title.result(TitleStatus.FAILED),
        reason=error.reason,
        error_class=error.error_class,
        message=str(error),
        seconds=seconds,
    )


def _lost(title: Title) -> TitleResult:
    return replace(
        title.result(TitleStatus.FAILED),
        reason=Reason.WORKER_LOST,
        error_class=ErrorClass.TRANSIENT,
        message=f"its worker died {ATTEMPTS} times (killed, out of memory, or a native crash).",
    )
