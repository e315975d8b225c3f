"""Progress of a preprocessing run and, at its end, its manifest, report and summary."""

import io
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mytalk_core.data.manifest import MANIFEST_SCHEMA, Kind, Status
from mytalk_core.data.recipe import ResultKind, made_with
from mytalk_core.errors import MytalkError
from mytalk_core.footage.chunk_account import ChunkState
from mytalk_core.footage.listing import ListingConfig, list_sources
from mytalk_core.footage.records import MANIFEST, REPORT, SUMMARY, Records
from mytalk_core.footage.report import Picked, report_page
from mytalk_core.footage.stages import StageAccount, StageLog
from mytalk_core.footage.unnamed import NamedShards, remove_unnamed
from mytalk_core.footage.worker import WorkPlace
from mytalk_core.media.prefetch import prefetched

_ROW_GROUP = 2_000
_FAILURES_SHOWN = 100
_CLIPS_SHOWN = 6
_NAME_BYTES = 32  # a chunk's name with its attempt, padded


class RunProgress:
    """Progress of a run. Memory: `_NAME_BYTES` per chunk; sources are not kept."""

    def __init__(
        self,
        inputs: Sequence[str],
        listing: ListingConfig,
        report: Callable[["RunProgress"], None],
    ) -> None:
        self.log = StageLog()
        self.sources: Counter[str] = Counter()  # done, by status
        self.clips = 0
        self.clip_seconds = 0.0
        self.total: int | None = None  # sources; None until they are counted
        self.started = time.monotonic()
        self._found_done = 0  # sources done by an earlier run
        self._report = report
        self._names = bytearray()
        # A separate pass, so that an estimate is available long before the last source is queued.
        threading.Thread(target=self._count, args=(inputs, listing), daemon=True).start()

    @property
    def done(self) -> int:
        """Sources accounted for."""
        return self.sources.total()

    @property
    def seconds_left(self) -> float | None:
        """An estimate from the sources done by this run; None before the first one is done."""
        own = self.done - self._found_done
        if self.total is None or own <= 0:
            return None
        return (time.monotonic() - self.started) * (self.total - self.done) / own

    def tick(self) -> None:
        """Pass this progress to the callback."""
        self._report(self)

    def chunk_named(self, number: int, name: str) -> None:
        """Store the newest name of the chunk with a number."""
        end = (number + 1) * _NAME_BYTES
        self._names.extend(bytes(max(0, end - len(self._names))))
        self._names[end - _NAME_BYTES : end] = name.encode().ljust(_NAME_BYTES, b"\0")

    def chunk_done(self, state: ChunkState, found: bool) -> None:
        """Add the counts of a finished chunk; `found` where an earlier run had finished it."""
        if found:
            self._found_done += sum(state.sources.values())
        self.sources.update(state.sources)
        self.clips += state.clips
        self.clip_seconds += state.clip_seconds

    def chunk_names(self) -> Iterator[str]:
        """Names of all chunks in order."""
        for start in range(0, len(self._names), _NAME_BYTES):
            yield self._names[start : start + _NAME_BYTES].rstrip(b"\0").decode()

    def _count(self, inputs: Sequence[str], listing: ListingConfig) -> None:
        with suppress(MytalkError):  # the run itself raises the same error
            self.total = sum(1 for _ in list_sources(inputs, listing))


@dataclass(frozen=True)
class RunAccount:
    """Result of a run; `summary.json` holds these fields."""

    config_id: str
    sources: dict[str, int]  # by status
    reasons: dict[str, int]  # sources that are not ok, by reason
    classes: dict[str, int]  # failed sources, by error class
    tracks: dict[str, int]  # clips and dropped tracks, by status or reason
    clip_hours: float
    footage_hours: float
    shards: int
    shard_bytes: int
    wall_seconds: float
    stages: StageAccount  # of the work done by this run
    versions: dict[str, str]
    configuration: dict[str, Any]


@dataclass
class _Totals:
    """Sums over the rows of all chunks, and the rows that the report shows."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)  # by column and value
    clip_seconds: float = 0.0
    footage_seconds: float = 0.0
    shards: int = 0
    shard_bytes: int = 0
    named: NamedShards = field(default_factory=NamedShards)
    failures: list[dict[str, Any]] = field(default_factory=list)
    picked: list[dict[str, Any]] = field(default_factory=list)

    def add(self, table: pa.Table) -> None:
        """Add the rows of one chunk."""
        self._count(table)
        clips = table.filter(
            (pc.field("kind") == Kind.CLIP.value) & (pc.field("status") == Status.OK.value)
        )
        self.clip_seconds += pc.sum(clips["duration_seconds"]).as_py() or 0.0
        sources = table.filter(pc.field("kind") == Kind.SOURCE.value)
        self.footage_seconds += pc.sum(sources["duration_seconds"]).as_py() or 0.0
        shards = pc.unique(clips["shard"]).to_pylist()
        self.named.add(shards)
        self.shards += len(shards)
        self.shard_bytes += pc.sum(clips["size"]).as_py() or 0
        failed = sources.filter(pc.field("status") == Status.FAILED.value)
        self.failures += failed.slice(0, _FAILURES_SHOWN - len(self.failures)).to_pylist()
        # The smallest hashes are an arbitrary choice that is the same in every run.
        few = clips.sort_by("content_hash").slice(0, _CLIPS_SHOWN).to_pylist()
        by_hash = sorted(self.picked + few, key=lambda row: str(row["content_hash"]))
        self.picked = by_hash[:_CLIPS_SHOWN]

    def _count(self, table: pa.Table) -> None:
        columns = (table[name].to_pylist() for name in ("kind", "status", "reason", "error_class"))
        for kind, status, reason, error_class in zip(*columns, strict=True):
            if kind == Kind.CLIP:
                self.counts["track", reason or status] += 1
            else:
                self.counts["status", status] += 1
                if reason:
                    self.counts["reason", reason] += 1
                if error_class:
                    self.counts["class", error_class] += 1

    def by(self, column: str) -> dict[str, int]:
        """Counts by value of a column, in the order of the values."""
        return {name: n for (which, name), n in sorted(self.counts.items()) if which == column}


def write_account(records: Records, place: WorkPlace, progress: RunProgress) -> RunAccount:
    """Write `manifest.parquet` chunk by chunk, then `report.html` and, last, `summary.json`.

    Shards that no row of the manifest names are removed.

    Raises:
        OutputError, StorageError: where they cannot be written.
    """
    records.sweep()
    totals = _write_manifest(records, progress)
    remove_unnamed(records.store, progress.chunk_names(), totals.named)
    account = RunAccount(
        config_id=place.config_id,
        sources=totals.by("status"),
        reasons=totals.by("reason"),
        classes=totals.by("class"),
        tracks=totals.by("track"),
        clip_hours=totals.clip_seconds / 3600,
        footage_hours=totals.footage_seconds / 3600,
        shards=totals.shards,
        shard_bytes=totals.shard_bytes,
        wall_seconds=time.monotonic() - progress.started,
        stages=progress.log.to_json(),
        versions=made_with(ResultKind.FOOTAGE) | dict(place.models.versions),
        configuration=asdict(place.config),
    )
    local = records.store.local_path(REPORT) is not None
    picked = Picked(totals.failures, totals.picked if local else ())
    page = report_page(account, picked, records.store)
    with records.store.publish(REPORT) as temporary:
        temporary.write_text(page, encoding="utf-8")
    records.write_json(SUMMARY, asdict(account))
    return account


def _write_manifest(records: Records, progress: RunProgress) -> _Totals:
    """Concatenate the rows of all chunks into the manifest and return their totals."""
    totals = _Totals()

    def read(name: str) -> pa.Table:
        file = io.BytesIO(records.store.read(f"chunks/{name}.parquet"))
        return pq.read_table(file, schema=MANIFEST_SCHEMA, use_threads=False)

    with (
        records.store.publish(MANIFEST) as temporary,
        pq.ParquetWriter(temporary, MANIFEST_SCHEMA, compression="zstd") as writer,
    ):
        held: list[pa.Table] = []
        for table in prefetched(map(read, progress.chunk_names()), 4):
            held.append(table)
            if sum(map(len, held)) >= _ROW_GROUP:
                writer.write_table(pa.concat_tables(held))
                held = []
            totals.add(table)
        if held:
            writer.write_table(pa.concat_tables(held))
    return totals
