"""The quality of a catalogue on Beam: ledger and title reports -> tables and a page.

Rows pass through Beam's own shuffle: the last result of a title is found by its id, groups are
added up by their keys. Workers share nothing but the folder of the results and the output, each a
path that they all see or the URL of an object store.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from typing import Any

import apache_beam as beam
import pyarrow.compute as pc

from mytalk_core.catalogue.quality.groups import Group, GroupKind, GroupMeasures, groups_of
from mytalk_core.catalogue.quality.limits import NO_LIMITS, Exceeded, QualityLimits, exceeded
from mytalk_core.catalogue.quality.page import PAGE, QualityPage, write_quality_page
from mytalk_core.catalogue.quality.tables import (
    GROUPS,
    TITLES,
    group_batch,
    read_quality_table,
    title_batch,
    write_quality_table,
)
from mytalk_core.catalogue.quality.title_quality import TitleQuality, title_quality
from mytalk_core.catalogue.run_status import no_ledger
from mytalk_core.data.ledger import Ledger, TitleResults
from mytalk_core.data.run_records import TitleRecord
from mytalk_core.data.storage import Store
from mytalk_core.errors import BadInputError, Reason
from pipelines.beam_runs import LOCAL_ENGINE, BeamEngine, run_pipeline, typed_failures

_RECORDS_PER_TASK = 500
_LISTINGS = 3  # of a ledger that is compacted while it is read
_BATCH = {"min_batch_size": 1000, "max_batch_size": 1000}  # rows; small ones take more memory

Key = tuple[str, str, str]


@dataclass(frozen=True)
class RollUp:
    """What a roll-up found. Everything else is in the tables."""

    page: str  # path or URL
    groups: list[dict[str, Any]]  # rows of `GROUPS` without members, outliers first
    exceeded: list[Exceeded]


@dataclass(frozen=True)
class QualityRun:
    """What is added up, and where the tables are written."""

    results: Store  # folder of the results of a catalogue
    out: Store  # folder of the tables

    def compose(self, pipeline: beam.Pipeline, parts: list[list[str]]) -> None:
        """Add the steps to a pipeline.

        Args:
            parts: names of the files of the ledger.
        """
        titles = (
            pipeline
            | "files of the ledger" >> beam.Create(parts)
            | "spread files" >> beam.Reshuffle()
            | "results" >> beam.FlatMap(self._records)
            | "last of each title" >> beam.CombinePerKey(_latest)
            | "read reports" >> beam.MapTuple(lambda _, record: self._title(record))
        )
        rows = titles | "rows of titles" >> beam.BatchElements(**_BATCH)
        groups = (
            titles
            | "groups of titles" >> beam.FlatMap(_parts_of_groups)
            | "add up groups" >> beam.CombinePerKey(_total)
            | "rows of groups" >> beam.BatchElements(**_BATCH)
        )
        tables = (
            pipeline | "no rows" >> beam.Create(_EMPTY),  # tables without any are written too
            rows | "titles to Arrow" >> beam.Map(lambda batch: (TITLES.name, title_batch(batch))),
            groups | "groups to Arrow" >> beam.Map(_group_rows),
        )
        (
            tables
            | "both tables" >> beam.Flatten()
            | "rows of a table" >> beam.GroupByKey()
            | "write tables" >> beam.MapTuple(self._write)
        )

    def _records(self, names: list[str]) -> Iterator[tuple[str, TitleRecord]]:
        with typed_failures(self.results.url):
            for record in Ledger(self.results).records(names):
                yield record.id, record

    def _title(self, record: TitleRecord) -> TitleQuality:
        with typed_failures(self.results.url):
            return title_quality(self.results, record)

    def _write(self, name: str, batches: Iterable[bytes]) -> None:
        with typed_failures(self.out.url):
            write_quality_table(self.out, _KINDS[name], batches)


_KINDS = {kind.name: kind for kind in (TITLES, GROUPS)}
_EMPTY = ((TITLES.name, title_batch([])), (GROUPS.name, group_batch([])))


def roll_up(
    run: QualityRun, limits: QualityLimits = NO_LIMITS, engine: BeamEngine = LOCAL_ENGINE
) -> RollUp:
    """Write tables of all titles and groups of a folder of results, and their page.

    The ledger may be written meanwhile; titles that end later are left out.

    Raises:
        BadInputError: NOT_FOUND where the folder has no ledger, UNREADABLE where it is damaged;
            BAD_CONFIGURATION where the runner does not exist.
        OutputError, StorageError: where the output cannot be written, or a storage does not answer.
    """
    _write_tables(run, engine)
    groups = read_quality_table(run.out, GROUPS)
    found = list(exceeded(limits, groups))
    page = QualityPage(
        results=run.results.url,
        titles=read_quality_table(run.out, TITLES),
        groups=groups,
        limits=len(limits.shares),
        exceeded=found,
    )
    write_quality_page(run.out, page)
    named = groups.filter(pc.not_equal(groups["kind"], GroupKind.MEMBER.value))
    return RollUp(f"{run.out.url}/{PAGE}", named.to_pylist(), found)


def _write_tables(run: QualityRun, engine: BeamEngine) -> None:
    ledger = Ledger(run.results)
    if not ledger.runs():
        raise no_ledger(run.results)
    for listing in range(1, _LISTINGS + 1):
        compose = partial(run.compose, parts=_parts(ledger.titles()))
        try:
            run_pipeline(engine, compose)
            return
        except BadInputError as error:
            if error.reason is not Reason.NOT_FOUND or listing == _LISTINGS:
                raise


def _parts(found: TitleResults) -> list[list[str]]:
    """The files of a ledger in parts that are read side by side."""
    starts = range(0, len(found.names), _RECORDS_PER_TASK)
    records = [found.names[start : start + _RECORDS_PER_TASK] for start in starts]
    return [*([table] for table in found.tables), *records]


def _latest(records: Iterable[TitleRecord]) -> TitleRecord:
    return max(records, key=lambda record: record.run)


def _parts_of_groups(title: TitleQuality) -> Iterator[tuple[Key, GroupMeasures]]:
    return ((group.key, measures) for group, measures in groups_of(title))


def _total(measures: Iterable[GroupMeasures]) -> GroupMeasures:
    return reduce(add, measures, GroupMeasures())


def _group_rows(batch: list[tuple[Key, GroupMeasures]]) -> tuple[str, bytes]:
    named = [(Group(GroupKind(kind), name, within), found) for (kind, name, within), found in batch]
    return GROUPS.name, group_batch(named)
