"""One worker of preprocessing: plans chunks, works off units, closes accounts.

The worker fetches footage and keeps records; everything that opens media happens in a child
process. What kills the child is tried once more, then it becomes a row and the rest goes on.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mytalk_core.data.fetch import KEPT_BYTES, file_identity, local_copy
from mytalk_core.data.manifest import Kind, ManifestRow, Status
from mytalk_core.data.storage import is_local, open_store
from mytalk_core.data.web_access import public_addresses_only
from mytalk_core.errors import (
    BadInputError,
    ErrorClass,
    MytalkError,
    OutputError,
    Reason,
    StorageError,
    error_to_json,
)
from mytalk_core.footage.account import failed_row, source_row
from mytalk_core.footage.attempts import Retry, attempt_name, attempts_until, failed_sources
from mytalk_core.footage.isolated import ChildLostError, IsolatedProcess, IsolationConfig
from mytalk_core.footage.listing import Source
from mytalk_core.footage.records import Plan, Records, row_from_json, status_counts
from mytalk_core.footage.stages import Stage, StageLog
from mytalk_core.footage.unit_work import (
    WorkConfig,
    WorkModels,
    extract_unit,
    probe_sources,
    segment_name,
)
from mytalk_core.footage.units import (
    Segment,
    Unit,
    chunk_name,
    cut_segments,
    pack_units,
    with_addresses,
)

# Lives that one source or segment may cost.
_CHANCES = 2
# Why a unit of an earlier attempt has no record.
_NOT_WRITTEN = StorageError("its results could not be stored.", reason=Reason.STORAGE_ERROR)

StageAccount = dict[str, dict[str, float]]
"""What stages did, as `StageLog.to_json` gives it."""

Failures = Mapping[str, MytalkError]
"""By name of a unit: why it could not be written. It has no record, so the next run does it."""


@dataclass(frozen=True)
class WorkPlace:
    """Where work happens, how, and where results go."""

    out: str  # folder or URL
    config: WorkConfig
    config_id: str
    models: WorkModels
    scratch: Path  # folder for copies of remote footage, on every machine
    # Bytes of copies kept on a machine for units to come.
    scratch_bytes: int = KEPT_BYTES
    isolation: IsolationConfig = field(default_factory=IsolationConfig)


@dataclass(frozen=True)
class ChunkState:
    """How far a chunk is."""

    name: str  # of its newest attempt's records
    units: tuple[Unit, ...]  # left to do; none where the chunk is done
    sources: dict[str, int]  # by status; empty until the chunk is done
    clips: int
    clip_seconds: float
    stages: StageAccount  # of the work done now


@dataclass
class _Merged:
    """What all attempts at a chunk came to."""

    # By title, in the order of the chunk: the row of the source as probed.
    probed: dict[str, ManifestRow] = field(default_factory=dict)
    # By title and number: rows of a segment, its own and its clips'.
    segments: defaultdict[str, dict[int, list[ManifestRow]]] = field(
        default_factory=lambda: defaultdict(dict)
    )


class Worker:
    """Holds a child process with the models; may be asked anything in any order."""

    def __init__(self, place: WorkPlace) -> None:
        self._place = place
        self._records = Records(open_store(place.out))
        self._child = IsolatedProcess(place.isolation)

    def close(self) -> None:
        """End the child."""
        self._child.close()

    def plan(self, sources: tuple[Source, ...], retry: Retry) -> ChunkState:
        """What is left to do of a chunk; sources that cannot be opened are accounted for at once.

        Raises:
            OutputError, StorageError: where records cannot be read or written.
        """
        base = self._base_name(sources)
        name, attempt = self._newest(base)
        stages: StageAccount = {}
        if not self._records.has_plan(name):
            stages = self._make_plan(name, sources)
        elif self._records.has_chunk(name):
            rows = self._records.read_chunk(name)
            left = self._unfinished(name, rows)
            unwritten = {segment.source.title for unit in left for segment in unit.segments}
            again = failed_sources(rows, sources, retry, unwritten)
            if any(source.title not in unwritten for source in again):
                name = attempt_name(base, attempt + 1)
                stages = self._make_retry(name, again)
            elif not left:
                return self._state(name, (), rows, stages)
        left = self._left(name)
        if left:
            return ChunkState(name, with_addresses(left, sources), {}, 0, 0.0, stages)
        return self._close_account(name, {}, stages)

    def extract(self, unit: Unit) -> StageAccount:
        """Write a unit's shards and record.

        Raises:
            OutputError, StorageError: where they cannot be written, or `scratch` cannot. The unit
                has no record then; it can be extracted again.
        """
        items = [segment_name(segment) for segment in unit.segments]
        with self._fetched(segment.source for segment in unit.segments) as fetched:
            report = self._survive(
                items,
                extract_unit,
                unit,
                fetched,
                self._records,
                self._place.config,
                self._place.config_id,
                self._place.models,
            )
        stages: StageAccount = report["stages"]
        return stages

    def abandon(self, unit: Unit) -> StageAccount:
        """Account for a unit that no worker lived through."""
        lost = StorageError(
            "every worker that took it died: killed, out of memory, or its machine was lost.",
            reason=Reason.WORKER_LOST,
        )
        self._records.write_unit(unit.name, self._failed_rows(unit, lost))
        return {}

    def finish(self, chunk: str, failures: Failures = MappingProxyType({})) -> ChunkState:
        """Close the account of a chunk whose units are all done, but for those in `failures`.

        The sources of the latter fail in this account. The next `plan` gives these units again.
        """
        return self._close_account(chunk, failures, {})

    def _base_name(self, sources: tuple[Source, ...]) -> str:
        """The name of a chunk by its sources and their content.

        A source whose storage fails is taken to be as it was planned: else all of its chunk would
        be done again under another name.
        """
        config_id = self._place.config_id
        found = {source.title: _identity(source) for source in sources}
        if None in found.values():
            known = self._records.read_identities(chunk_name(config_id, sources, ()))
            unknown = Reason.STORAGE_ERROR.value
            identities = [found[title] or known.get(title, unknown) for title in found]
            return chunk_name(config_id, sources, identities)
        identities = [each for each in found.values() if each is not None]
        name = chunk_name(config_id, sources, identities)
        if not self._records.has_plan(name):
            known = dict(zip(found, identities, strict=True))
            self._records.write_identities(chunk_name(config_id, sources, ()), known)
        return name

    def _newest(self, base: str) -> tuple[str, int]:
        """The name and number of the last attempt that was begun."""
        attempt = 0
        while self._records.has_plan(attempt_name(base, attempt + 1)):
            attempt += 1
        return attempt_name(base, attempt), attempt

    def _left(self, name: str) -> tuple[Unit, ...]:
        """The units of a plan that have no record."""
        units = self._records.read_plan(name).units
        return tuple(unit for unit in units if not self._records.has_unit(unit.name))

    def _unfinished(self, name: str, rows: Iterable[ManifestRow]) -> tuple[Unit, ...]:
        """Units that the account of a chunk was closed without."""
        if all(row.error_class in (None, ErrorClass.BAD_INPUT) for row in rows):
            return ()  # spares asking the store for every unit
        return self._left(name)

    def _make_plan(self, name: str, sources: tuple[Source, ...]) -> StageAccount:
        rows, stages = self._probe(sources)
        self._write_plan(name, sources, rows, lambda segment: True)
        return stages

    def _make_retry(self, name: str, sources: tuple[Source, ...]) -> StageAccount:
        """Plan the segments that failed; those of the same sources that did not fail stand."""
        before = self._merged(attempts_until(name)[:-1], {})
        unopened = tuple(
            each for each in sources if before.probed[each.title].status is not Status.OK
        )
        again, stages = self._probe(unopened) if unopened else ((), {})
        probed = before.probed | {row.title: row for row in again}

        def failed(segment: Segment) -> bool:
            done = before.segments[segment.source.title].get(segment.number)
            return done is None or done[0].status is Status.FAILED

        self._write_plan(name, sources, [probed[each.title] for each in sources], failed)
        return stages

    def _write_plan(
        self,
        name: str,
        sources: Sequence[Source],
        rows: Sequence[ManifestRow],
        wanted: Callable[[Segment], bool],
    ) -> None:
        units = self._place.config.units
        segments = [
            segment
            for source, row in zip(sources, rows, strict=True)
            if row.status is Status.OK
            for segment in cut_segments(source, Fraction(row.duration_seconds), units)
            if wanted(segment)
        ]
        plan = Plan(tuple(rows), tuple(pack_units(name, segments, units)))
        self._records.write_plan(name, plan)

    def _probe(self, sources: tuple[Source, ...]) -> tuple[tuple[ManifestRow, ...], StageAccount]:
        """The rows of sources as probed. Of remote ones no more than one copy is held at a time."""
        rows: list[ManifestRow] = []
        log = StageLog()
        for group in _fetched_together(sources):
            with self._fetched(group) as fetched:
                report = self._survive(
                    [source.title for source in group],
                    probe_sources,
                    group,
                    fetched,
                    self._place.config.limits,
                    self._place.config_id,
                )
            log.merge(report["stages"])
            rows += [row_from_json(row) for row in report["rows"]]
        return tuple(rows), log.to_json()

    def _survive(self, items: Sequence[str], work: Callable[..., Any], *arguments: Any) -> Any:
        """Call `work` in the child until it lives through it.

        What it was at when it died last is noted; what it died of `_CHANCES` times is given to it
        as lost. A death outside of any item counts for the one that comes first.
        """
        deaths: Counter[str] = Counter()
        lost: dict[str, dict[str, str]] = {}
        at = items[0]

        def told(message: dict[str, Any]) -> None:
            nonlocal at
            at = message.get("item", at)

        while True:
            try:
                return self._child.call(work, *arguments, lost, told=told)
            except ChildLostError as error:
                deaths[at] += 1
                if deaths[at] > _CHANCES + 1:  # it dies before it can look at what is lost
                    raise
                if deaths[at] >= _CHANCES:
                    lost = lost | {at: error_to_json(error)}

    @contextmanager
    def _fetched(self, sources: Iterable[Source]) -> Iterator[dict[str, str | dict[str, str]]]:
        """Local copies of sources, or why there are none, by title.

        Raises:
            OutputError: where `scratch` cannot take them, which is no fault of the sources.
        """
        with ExitStack() as held:
            found: dict[str, str | dict[str, str]] = {}
            for source in sources:
                if source.title in found:
                    continue
                if source.problem:
                    found[source.title] = dict(source.problem)
                    continue
                try:
                    copy = local_copy(
                        source.url,
                        self._place.scratch,
                        self._place.config.limits,
                        self._place.scratch_bytes,
                    )
                    with public_addresses_only(source.public_only):
                        found[source.title] = str(held.enter_context(copy))
                except OutputError:
                    raise
                except MytalkError as error:
                    found[source.title] = error_to_json(error)
            yield found

    def _close_account(self, name: str, failures: Failures, stages: StageAccount) -> ChunkState:
        merged = self._merged(attempts_until(name), failures)
        rows = []
        for title, probed in merged.probed.items():
            if probed.status is not Status.OK:
                rows.append(probed)
                continue
            groups = [group for _, group in sorted(merged.segments[title].items())]
            clips = sorted((row for group in groups for row in group[1:]), key=lambda row: row.id)
            rows += [source_row(probed, [group[0] for group in groups], clips), *clips]
        self._records.write_chunk(name, rows)
        return self._state(name, (), rows, stages)

    def _merged(self, attempts: Iterable[str], failures: Failures) -> "_Merged":
        """What attempts, in order, came to: of a segment that was tried again, the last try."""
        merged = _Merged()
        for name in attempts:
            plan = self._records.read_plan(name)
            merged.probed.update((row.title, row) for row in plan.rows)
            for unit in plan.units:
                groups = self._unit_rows(unit, failures)
                for segment, group in zip(unit.segments, groups, strict=True):
                    merged.segments[segment.source.title][segment.number] = group
        return merged

    def _unit_rows(self, unit: Unit, failures: Failures) -> list[list[ManifestRow]]:
        """Rows of each segment of a unit: its own and its clips'."""
        try:
            rows = self._records.read_unit(unit.name)
        except BadInputError as error:
            if error.reason is not Reason.NOT_FOUND:
                raise
            failure = failures.get(unit.name, _NOT_WRITTEN)
            return [[row] for row in self._failed_rows(unit, failure)]
        groups: list[list[ManifestRow]] = []
        for row in rows:
            if row.kind is Kind.SEGMENT:
                groups.append([])
            groups[-1].append(row)
        return groups

    def _failed_rows(self, unit: Unit, error: MytalkError) -> list[ManifestRow]:
        config_id = self._place.config_id
        return [
            failed_row(
                segment.source, error, Stage.SHARD, 0.0, config_id, segment.seconds, Kind.SEGMENT
            )
            for segment in unit.segments
        ]

    def _state(
        self, name: str, units: tuple[Unit, ...], rows: list[ManifestRow], stages: StageAccount
    ) -> ChunkState:
        clips = [row for row in rows if row.kind is Kind.CLIP and row.status is Status.OK]
        seconds = sum(row.duration_seconds for row in clips)
        return ChunkState(name, units, status_counts(rows), len(clips), seconds, stages)


def _fetched_together(sources: Sequence[Source]) -> Iterator[tuple[Source, ...]]:
    """Sources in order: local ones, which need no copy, in groups, remote ones one by one."""
    for local, group in groupby(sources, lambda source: is_local(source.url)):
        if local:
            yield tuple(group)
        else:
            yield from ((source,) for source in group)


def _identity(source: Source) -> str | None:
    """What the content of a source is known by; None where its storage fails in passing."""
    if source.problem:
        return source.problem["what"]
    try:
        with public_addresses_only(source.public_only):
            return file_identity(source.url)
    except StorageError:
        return None
    except MytalkError as error:
        return error.reason
