"""Curation on Beam: manifests -> decisions -> training shards, index, manifest and reports.

One pipeline of passes, each of which starts when the one before is complete. A pass is a collection
of small tasks that exchange rows through files of the output's store (see
`mytalk_core.curation.passes`). Beam distributes the tasks; its collections hold no rows (see
`mytalk_core.curation.exchange` for the reason). Workers share nothing but the stores of manifests,
shards and output; where these are folders, every worker must see them under the same paths.
"""

import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import apache_beam as beam

from mytalk_core.curation.decisions import CurateConfig, configuration, configuration_id
from mytalk_core.curation.funnel import Funnel, funnel_from_json
from mytalk_core.curation.held_out import check_speakers
from mytalk_core.curation.passes import account, copies, packing, people, rows
from mytalk_core.curation.passes.rows import ManifestPiece
from mytalk_core.curation.passes.work import ROWS_PER_RANGE, Work
from mytalk_core.data.curated import COMPLETED, FUNNEL, WORK, is_complete, start, write_record
from mytalk_core.data.lease import held_lease
from mytalk_core.data.manifest_stream import Survey, survey_manifest
from mytalk_core.data.recipe import ResultKind, made_with
from mytalk_core.data.retrying import RetryConfig
from mytalk_core.data.storage import is_local, open_store
from mytalk_core.data.stored_files import absolute
from mytalk_core.errors import MytalkError
from pipelines.beam_runs import (
    LOCAL_ENGINE,
    BeamEngine,
    beam_runner,
    run_pipeline,
    typed_failures,
)

Progress = Callable[[int, int], None]
"""Receives the number of tasks done and the number of all tasks."""

_WATCH_SECONDS, _WATCH_STORE_SECONDS = 1.0, 5.0  # between looks at the finished tasks


@dataclass(frozen=True)
class Execution:
    """How a curation is executed. Nothing here affects the result."""

    engine: BeamEngine = LOCAL_ENGINE
    """Beam runner."""

    rows_per_range: int = ROWS_PER_RANGE
    """Rows that a task holds, approximately; memory is proportional to it."""


_LOCAL_EXECUTION = Execution()


@dataclass(frozen=True)
class Pass:
    """Tasks of one kind, which may run in any order and in parallel."""

    name: str
    run: Callable[[Work, Any], None]
    tasks: Sequence[Any]


def curate(
    manifests: Sequence[str | Path],
    out: str | Path,
    config: CurateConfig,
    execution: Execution = _LOCAL_EXECUTION,
    progress: Progress = lambda done, total: None,
    notify: Callable[[str], None] = lambda text: None,
) -> Funnel:
    """Filter, split and pack the clips of manifests into training shards under `out`.

    A repeated call does nothing if the result is complete; after an interruption it continues with
    the missing tasks.

    Args:
        manifests: paths or URLs of `manifest.parquet` files; the shards that they name are in the
            same folders.
        out: path or URL of the folder, with the files of `mytalk_core.data.curated`. It needs about
            2 KB per row during the run. Where it is a URL, a worker holds one file at a time in its
            temporary folder, a shard at most.
        config: filters, copies, splits and packing.
        execution: Beam runner and size of tasks.
        progress: called every few seconds with (tasks done, all tasks).
        notify: called with messages for the user.

    Raises:
        BadInputError: where a manifest cannot be read, a shard does not match its manifest, `out`
            holds the result of another configuration, another run writes there, the runner does
            not exist, no speaker has a held-out name, or names that differ only by letter case are
            in two splits.
        OutputError: where `out` cannot be written or the disk is full.
        StorageError: where a storage does not answer.
    """
    beam_runner(execution.engine.runner)  # refused before the manifests are read
    surveys = [survey_manifest(path) for path in sorted({absolute(path) for path in manifests})]
    surveys.sort(key=lambda survey: survey.digest)  # independent of the manifests' paths
    check_speakers(frozenset[str]().union(*(survey.speakers for survey in surveys)), config)
    settings = configuration(config, [survey.digest for survey in surveys])
    store = open_store(absolute(out))
    total = sum(survey.rows for survey in surveys)
    ranges = max(1, -(-total // execution.rows_per_range))
    work = Work(store, config, configuration_id(settings), ranges)
    if not is_complete(store, work.name):
        with held_lease(store, notify) as lease:
            start(store, work.name, settings)
            planned = passes(work, _pieces(surveys))
            with _reporting(work, sum(len(each.tasks) for each in planned), progress):
                run_pipeline(execution.engine, lambda to: _compose(to, work, planned))
            lease.check()
            write_record(store, COMPLETED, work.name, {"versions": made_with(ResultKind.CURATION)})
    store.remove_folder(WORK)
    return funnel_from_json(store.read(FUNNEL).decode())


def _pieces(surveys: Sequence[Survey]) -> list[ManifestPiece]:
    """Return every row group of the manifests, numbered."""
    groups = ((survey, group) for survey in surveys for group in range(survey.row_groups))
    return [
        ManifestPiece(number, survey.path, survey.digest, group)
        for number, (survey, group) in enumerate(groups)
    ]


def passes(work: Work, pieces: Sequence[ManifestPiece]) -> list[Pass]:
    """Return the passes in order."""
    ranges, once = range(work.ranges), range(1)
    decisions = [
        Pass("read rows", rows.scatter, pieces),
        Pass("judge rows", rows.judge, ranges),
        Pass("find same content", copies.same_content, ranges),
        Pass("find near copies", copies.near, ranges),
        Pass("connect copies", copies.connect_copies, once),
        Pass("people of titles", people.within_titles, ranges),
        Pass("compare people", people.across_titles, ranges),
        Pass("connect people", people.connect_people, once),
        Pass("name clips", people.name_clips, ranges),
        Pass("decide", rows.decide, ranges),
        Pass("add up", rows.add_up, ranges),
    ]
    shards = [
        Pass("order by speaker", packing.order_by_speaker, ranges),
        Pass("plan shards", packing.plan, once),
        Pass("assign clips", packing.assign, ranges),
        Pass("pack shards", packing.pack, ranges),
    ]
    tables = [
        Pass("write tables", rows.write_tables, once),
        Pass("write account", account.write_account, once),
    ]
    return decisions + ([] if work.config.dry_run else shards) + tables


def _compose(pipeline: beam.Pipeline, work: Work, passes: Sequence[Pass]) -> None:
    done = pipeline | "start" >> beam.Create([0])
    for each in passes:
        tasks = list(enumerate(each.tasks))
        done = (
            pipeline
            | f"tasks: {each.name}" >> beam.Create(tasks)
            | f"spread: {each.name}" >> beam.Reshuffle()
            | each.name >> beam.FlatMap(_run_task, work, each, beam.pvalue.AsIter(done))
        )


def _run_task(
    numbered: tuple[int, Any], work: Work, kind: Pass, _done: Iterable[int]
) -> Iterator[int]:
    """Run a task unless an earlier run finished it.

    `_done` are the results of the pass before; as a side input they make this pass wait for it.
    """
    number, task = numbered
    finished = f"{_done_folder(work)}/{kind.name.replace(' ', '-')}-{number}"
    with typed_failures(work.store.url):
        if not work.store.exists(finished):
            kind.run(work, task)
            # Of two workers with the same task, which write the same bytes, either may be first.
            work.store.create(finished, secrets.token_bytes(8))
    yield number


def _done_folder(work: Work) -> str:
    """The folder with a file for every finished task."""
    return f"{work.root}/done"


@contextmanager
def _reporting(work: Work, total: int, progress: Progress) -> Iterator[None]:
    """Report progress from the files of finished tasks, for any runner."""
    ended = threading.Event()
    seconds = _WATCH_SECONDS if is_local(work.store.url) else _WATCH_STORE_SECONDS
    store = replace(work.store, retry=RetryConfig(seconds))  # the run does not wait for a report

    def watch() -> None:
        while not ended.wait(seconds):
            with suppress(MytalkError):
                progress(sum(1 for _ in store.names(f"{_done_folder(work)}/")), total)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
