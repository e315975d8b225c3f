"""One worker of preprocessing: plans chunks, extracts units, closes accounts.

The worker fetches footage and keeps records. Media is opened only in a child process. An item
that kills the child is tried once more; the second time it becomes a failed row and the rest of
the unit continues.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mytalk_core.data.fetch import KEPT_BYTES, file_identity, local_copy
from mytalk_core.data.manifest import ManifestRow, Status
from mytalk_core.data.storage import is_local, open_store
from mytalk_core.data.web_access import public_addresses_only
from mytalk_core.errors import (
    ErrorClass,
    MytalkError,
    OutputError,
    Reason,
    StorageError,
    error_to_json,
)
from mytalk_core.footage.attempts import Retry, attempt_name, attempts_until, failed_sources
from mytalk_core.footage.chunk_account import ChunkAccount, ChunkState, Failures, done_state
from mytalk_core.footage.isolated import ChildLostError, IsolatedProcess, IsolationConfig
from mytalk_core.footage.listing import Source
from mytalk_core.footage.records import Plan, Records, row_from_json
from mytalk_core.footage.stages import StageAccount, StageLog
from mytalk_core.footage.unit_work import (
    Extraction,
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
from mytalk_core.media.output import temporary_root

# Child processes that one source or segment may kill before it is given up.
_MAX_DEATHS = 2


@dataclass(frozen=True)
class WorkPlace:
    """Output, configuration, models and scratch space of a run."""

    out: str  # folder or URL
    config: WorkConfig
    config_id: str
    models: WorkModels
    # Folder for copies of remote footage, on every machine; None: that for temporary files.
    scratch: Path | None
    # Bytes of copies kept on a machine for later units.
    scratch_bytes: int = KEPT_BYTES
    isolation: IsolationConfig = field(default_factory=IsolationConfig)


class Worker:
    """Owns a child process with the models. Methods may be called in any order."""

    def __init__(self, place: WorkPlace) -> None:
        self._place = place
        self._records = Records(open_store(place.out))
        self._account = ChunkAccount(self._records, place.config_id)
        self._child = IsolatedProcess(place.isolation)

    def close(self) -> None:
        """End the child."""
        self._child.close()

    def plan(self, sources: tuple[Source, ...], retry: Retry) -> ChunkState:
        """Plan a chunk and return the units left to do.

        A chunk with nothing left, for example because no source can be opened, is closed.

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
                return done_state(name, rows, stages)
        left = self._left(name)
        if left:
            return ChunkState(name, with_addresses(left, sources), {}, 0, 0.0, stages)
        return self._account.close(name, {}, stages)

    def extract(self, unit: Unit) -> StageAccount:
        """Write a unit's shards and record.

        Raises:
            OutputError, StorageError: where they or the files in `scratch` cannot be written. The
                unit has no record then; it can be extracted again.
        """
        items = [segment_name(segment) for segment in unit.segments]
        place = self._place
        extraction = Extraction(self._records, place.config, place.config_id, place.models)
        with self._fetched(segment.source for segment in unit.segments) as fetched:
            report = self._call_child(items, extract_unit, unit, fetched, extraction)
        stages: StageAccount = report["stages"]
        return stages

    def abandon(self, unit: Unit) -> StageAccount:
        """Record all segments of a unit as failed, because every worker that tried it died."""
        lost = StorageError(
            "every worker that took it died: killed, out of memory, or its machine was lost.",
            reason=Reason.WORKER_LOST,
        )
        self._records.write_unit(unit.name, self._account.failed_rows(unit, lost))
        return {}

    def finish(self, chunk: str, failures: Failures = MappingProxyType({})) -> ChunkState:
        """Close the account of a chunk whose units are all done or in `failures`.

        Sources of a unit in `failures` fail in this account. The next `plan` returns that unit
        again.
        """
        return self._account.close(chunk, failures, {})

    def _base_name(self, sources: tuple[Source, ...]) -> str:
        """Name a chunk by its sources and their content.

        A source whose storage fails keeps the identity noted when it was planned. Otherwise the
        chunk would get another name and all of it would be done again.
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
        """Return name and number of the newest attempt that has a plan."""
        attempt = 0
        while self._records.has_plan(attempt_name(base, attempt + 1)):
            attempt += 1
        return attempt_name(base, attempt), attempt

    def _left(self, name: str) -> tuple[Unit, ...]:
        """The units of a plan that have no record."""
        units = self._records.read_plan(name).units
        return tuple(unit for unit in units if not self._records.has_unit(unit.name))

    def _unfinished(self, name: str, rows: Iterable[ManifestRow]) -> tuple[Unit, ...]:
        """Units without a record in a chunk whose account is closed."""
        if all(row.error_class in (None, ErrorClass.BAD_INPUT) for row in rows):
            return ()  # saves a request to the store for every unit
        return self._left(name)

    def _make_plan(self, name: str, sources: tuple[Source, ...]) -> StageAccount:
        rows, stages = self._probe(sources)
        self._write_plan(name, sources, rows, lambda segment: True)
        return stages

    def _make_retry(self, name: str, sources: tuple[Source, ...]) -> StageAccount:
        """Plan the segments that failed; the results of all others are kept."""
        before = self._account.merge(attempts_until(name)[:-1], {})
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
        """Probe sources. At most one copy of a remote source is held at a time."""
        rows: list[ManifestRow] = []
        log = StageLog()
        for group in _fetched_together(sources):
            with self._fetched(group) as fetched:
                report = self._call_child(
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

    def _call_child(self, items: Sequence[str], work: Callable[..., Any], *arguments: Any) -> Any:
        """Call `work` in the child, again after each death, and return its result.

        Each death counts for the item in progress, or for the first of `items` before any started.
        An item with `_MAX_DEATHS` deaths is passed to the next call in `lost`.
        """
        deaths: Counter[str] = Counter()
        lost: dict[str, dict[str, str]] = {}
        current = items[0]

        def note_item(message: dict[str, Any]) -> None:
            nonlocal current
            current = message.get("item", current)

        while True:
            try:
                return self._child.call(work, *arguments, lost, on_message=note_item)
            except ChildLostError as error:
                deaths[current] += 1
                if deaths[current] > _MAX_DEATHS + 1:  # the child dies before it reads `lost`
                    raise
                if deaths[current] >= _MAX_DEATHS:
                    lost = lost | {current: error_to_json(error)}

    @contextmanager
    def _fetched(self, sources: Iterable[Source]) -> Iterator[dict[str, str | dict[str, str]]]:
        """Local copies of sources by title; in place of a missing one, the error as JSON.

        Raises:
            OutputError: where `scratch` cannot be written, which no source is blamed for.
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
                        self._place.scratch or temporary_root(),
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


def _fetched_together(sources: Sequence[Source]) -> Iterator[tuple[Source, ...]]:
    """Group sources, in order: consecutive local ones together, remote ones alone."""
    for local, group in groupby(sources, lambda source: is_local(source.url)):
        if local:
            yield tuple(group)
        else:
            yield from ((source,) for source in group)


def _identity(source: Source) -> str | None:
    """Return a text that changes with the content of a source; None where its storage fails."""
    if source.problem:
        return source.problem["what"]
    try:
        with public_addresses_only(source.public_only):
            return file_identity(source.url)
    except StorageError:
        return None
    except MytalkError as error:
        return error.reason
