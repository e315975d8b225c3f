"""One worker of preprocessing: plans chunks, works off units, closes accounts.

The worker fetches footage and keeps records; everything that opens media happens in a child
process. What kills the child is tried once more, then it becomes a row and the rest goes on.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from mytalk_core.data.fetch import KEPT_BYTES, file_identity, local_copy
from mytalk_core.data.manifest import Kind, ManifestRow, Status
from mytalk_core.data.storage import open_store
from mytalk_core.errors import ErrorClass, MytalkError, Reason, StorageError, error_to_json
from mytalk_core.footage.account import failed_row, source_row
from mytalk_core.footage.isolated import ChildLostError, IsolatedProcess, IsolationConfig
from mytalk_core.footage.listing import Source
from mytalk_core.footage.records import Plan, Records, row_from_json, status_counts
from mytalk_core.footage.stages import Stage
from mytalk_core.footage.unit_work import (
    WorkConfig,
    WorkModels,
    extract_unit,
    probe_sources,
    segment_name,
)
from mytalk_core.footage.units import Unit, chunk_name, cut_segments, pack_units

Retry = Literal["none", "failed", "transient"]
"""Which failures of an earlier run are tried again: none, all, or those that may pass."""

# Lives that one source or segment may cost.
_CHANCES = 2

StageAccount = dict[str, dict[str, float]]
"""What stages did, as `StageLog.to_json` gives it."""


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
        elif self._records.has_chunk(name) and retry != "none":
            again = _failures(self._records.read_chunk(name), sources, retry)
            if again:
                name = _attempt_name(base, attempt + 1)
                stages = self._make_plan(name, again)
        if self._records.has_chunk(name):
            return self._state(name, (), self._records.read_chunk(name), stages)
        plan = self._records.read_plan(name)
        left = tuple(unit for unit in plan.units if not self._records.has_unit(unit.name))
        if left:
            return ChunkState(name, left, {}, 0, 0.0, stages)
        return self._close_account(name, stages)

    def extract(self, unit: Unit) -> StageAccount:
        """Write a unit's shards and record.

        Raises:
            OutputError, StorageError: where they cannot be written.
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
        rows = [
            failed_row(
                segment.source,
                lost,
                Stage.SHARD,
                0.0,
                self._place.config_id,
                segment.seconds,
                Kind.SEGMENT,
            )
            for segment in unit.segments
        ]
        self._records.write_unit(unit.name, rows)
        return {}

    def finish(self, chunk: str) -> ChunkState:
        """Close the account of a chunk whose units are all done."""
        return self._close_account(chunk, {})

    def _base_name(self, sources: tuple[Source, ...]) -> str:
        return chunk_name(
            self._place.config_id, sources, [_identity(source.url) for source in sources]
        )

    def _newest(self, base: str) -> tuple[str, int]:
        """The name and number of the last attempt that was begun."""
        attempt = 0
        while self._records.has_plan(_attempt_name(base, attempt + 1)):
            attempt += 1
        return _attempt_name(base, attempt), attempt

    def _make_plan(self, name: str, sources: tuple[Source, ...]) -> StageAccount:
        with self._fetched(sources) as fetched:
            report = self._survive(
                [source.title for source in sources],
                probe_sources,
                sources,
                fetched,
                self._place.config.limits,
                self._place.config_id,
            )
        rows = tuple(row_from_json(row) for row in report["rows"])
        segments = [
            segment
            for source, row in zip(sources, rows, strict=True)
            if row.status is Status.OK
            for segment in cut_segments(
                source, Fraction(row.duration_seconds), self._place.config.units
            )
        ]
        units = pack_units(name, segments, self._place.config.units)
        self._records.write_plan(name, Plan(rows, tuple(units)))
        stages: StageAccount = report["stages"]
        return stages

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
        """Local copies of sources, or why there are none, by title."""
        with ExitStack() as held:
            found: dict[str, str | dict[str, str]] = {}
            for source in sources:
                if source.title in found:
                    continue
                try:
                    copy = local_copy(
                        source.url,
                        self._place.scratch,
                        self._place.config.limits,
                        self._place.scratch_bytes,
                    )
                    found[source.title] = str(held.enter_context(copy))
                except MytalkError as error:
                    found[source.title] = error_to_json(error)
            yield found

    def _close_account(self, name: str, stages: StageAccount) -> ChunkState:
        plan = self._records.read_plan(name)
        below: dict[str, list[ManifestRow]] = {}
        for unit in plan.units:
            for row in self._records.read_unit(unit.name):
                below.setdefault(row.title, []).append(row)
        rows = []
        for probed in plan.rows:
            if probed.status is not Status.OK:
                rows.append(probed)
                continue
            own = below[probed.title]
            clips = sorted((row for row in own if row.kind is Kind.CLIP), key=lambda row: row.id)
            segments = [row for row in own if row.kind is Kind.SEGMENT]
            rows += [source_row(probed, segments, clips), *clips]
        if (before := _attempt_before(name)) is not None:
            rows = _superseded(self._records.read_chunk(before), rows)
        self._records.write_chunk(name, rows)
        return self._state(name, (), rows, stages)

    def _state(
        self, name: str, units: tuple[Unit, ...], rows: list[ManifestRow], stages: StageAccount
    ) -> ChunkState:
        clips = [row for row in rows if row.kind is Kind.CLIP and row.status is Status.OK]
        seconds = sum(row.duration_seconds for row in clips)
        return ChunkState(name, units, status_counts(rows), len(clips), seconds, stages)


def _identity(url: str) -> str:
    try:
        return file_identity(url)
    except MytalkError as error:
        return error.reason


def _attempt_name(base: str, attempt: int) -> str:
    return f"{base}-r{attempt}" if attempt else base


def _attempt_before(name: str) -> str | None:
    base, _, attempt = name.partition("-r")
    return _attempt_name(base, int(attempt) - 1) if attempt else None


def _failures(
    rows: Iterable[ManifestRow], sources: tuple[Source, ...], retry: Retry
) -> tuple[Source, ...]:
    """The sources that failed in a way that is to be retried."""
    titles = {
        row.title
        for row in rows
        if row.kind is Kind.SOURCE
        and row.status is Status.FAILED
        and (retry == "failed" or row.error_class is ErrorClass.TRANSIENT)
    }
    return tuple(source for source in sources if source.title in titles)


def _superseded(before: Iterable[ManifestRow], now: Sequence[ManifestRow]) -> list[ManifestRow]:
    """Rows of an earlier attempt; those of sources that were tried again are replaced."""
    again: dict[str, list[ManifestRow]] = {}
    for row in now:
        again.setdefault(row.title, []).append(row)
    merged: list[ManifestRow] = []
    for row in before:
        if row.title not in again:
            merged.append(row)
        elif row.kind is Kind.SOURCE:
            merged += again[row.title]
    return merged
