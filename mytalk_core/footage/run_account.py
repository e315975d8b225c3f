"""The account of a preprocessing run: how far it is, and at its end its manifest and summary."""

import io
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mytalk_core.data.manifest import MANIFEST_SCHEMA, Kind, Status
from mytalk_core.data.recipe import ResultKind, made_with
from mytalk_core.errors import MytalkError
from mytalk_core.footage.listing import ListingConfig, list_sources
from mytalk_core.footage.records import MANIFEST, REPORT, SUMMARY, Records
from mytalk_core.footage.report import Picked, report_page
from mytalk_core.footage.stages import StageLog
from mytalk_core.footage.unnamed import NamedShards, remove_unnamed
from mytalk_core.footage.worker import ChunkState, WorkPlace
from mytalk_core.media.prefetch import prefetched

_ROW_GROUP = 2_000
_FAILURES_SHOWN = 100
_CLIPS_SHOWN = 6
_NAME_BYTES = 32  # a chunk's name with its attempt, padded


class RunProgress:
    """How far a run is. Of every chunk it keeps a name of a few bytes, nothing of its sources."""

    def __init__(
        self,
        inputs: Sequence[str],
        listing: ListingConfig,
        tell: Callable[["RunProgress"], None],
    ) -> None:
        self.log = StageLog()
        self.sources: Counter[str] = Counter()  # done, by status
        self.clips = 0
        self.clip_seconds = 0.0
        self.total: int | None = None  # sources; None until they are counted
        self.started = time.monotonic()
        self._found_done = 0  # sources that an earlier run had done
        self._tell = tell
        self._names = bytearray()
        # Counting is a pass of its own, so that an estimate can be given long before the last
        # source is handed out.
        threading.Thread(target=self._count, args=(inputs, listing), daemon=True).start()

    @property
    def done(self) -> int:
        """Sources accounted for."""
        return self.sources.total()

    @property
    def seconds_left(self) -> float | None:
        """An estimate from the sources done by this run; None as long as nothing can be said."""
        own = self.done - self._found_done
        if self.total is None or own <= 0:
            return None
        return (time.monotonic() - self.started) * (self.total - self.done) / own

    def tick(self) -> None:
        """Tell who watches."""
        self._tell(self)

    def chunk_named(self, number: int, name: str) -> None:
        """Note the newest name of the chunk at a place in the list."""
        end = (number + 1) * _NAME_BYTES
        self._names.extend(bytes(max(0, end - len(self._names))))
        self._names[end - _NAME_BYTES : end] = name.encode().ljust(_NAME_BYTES, b"\0")

    def chunk_done(self, state: ChunkState, found: bool) -> None:
        """Add a finished chunk's counts; `found` where an earlier run had finished it."""
        if found:
            self._found_done += sum(state.sources.values())
        self.sources.update(state.sources)
        self.clips += state.clips
        self.clip_seconds += state.clip_seconds

    def chunk_names(self) -> Iterator[str]:
        """Names of all chunks, in the order of the list."""
        for start in range(0, len(self._names), _NAME_BYTES):
            yield self._names[start : start + _NAME_BYTES].rstrip(b"\0").decode()

    def _count(self, inputs: Sequence[str], listing: ListingConfig) -> None:
        with suppress(MytalkError):  # the run itself meets the same error and reports it
            self.total = sum(1 for _ in list_sources(inputs, listing))


@dataclass(frozen=True)
class RunAccount:
    """What a run came to."""

    config_id: str
    sources: dict[str, int]  # by status
    reasons: dict[str, int]  # sources that are not ok, by reason
    classes: dict[str, int]  # failed sources, by whether another try may help
    tracks: dict[str, int]  # clips and dropped tracks, by status or reason
    clip_hours: float
    footage_hours: float
    shards: int
    shard_bytes: int
    wall_seconds: float
    stages: dict[str, dict[str, float]]  # of the work done by this run
    versions: dict[str, str]
    configuration: dict[str, Any]


def write_account(records: Records, place: WorkPlace, progress: RunProgress) -> RunAccount:
    """Write `manifest.parquet`, chunk after chunk, `report.html`, and last `summary.json`.

    Shards that no row of the manifest names are removed.

    Raises:
        OutputError, StorageError: where they cannot be written.
    """
    records.sweep()
    counts: Counter[tuple[str, str]] = Counter()
    clip_seconds = footage_seconds = 0.0
    shards = shard_bytes = 0
    named = NamedShards()
    failures: list[dict[str, Any]] = []
    picked: list[dict[str, Any]] = []

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
            _count(table, counts)
            clips = table.filter(
                (pc.field("kind") == Kind.CLIP.value) & (pc.field("status") == Status.OK.value)
            )
            clip_seconds += pc.sum(clips["duration_seconds"]).as_py() or 0.0
            sources = table.filter(pc.field("kind") == Kind.SOURCE.value)
            footage_seconds += pc.sum(sources["duration_seconds"]).as_py() or 0.0
            of_chunk = pc.unique(clips["shard"]).to_pylist()
            named.add(of_chunk)
            shards += len(of_chunk)
            shard_bytes += pc.sum(clips["size"]).as_py() or 0
            failed = sources.filter(pc.field("status") == Status.FAILED.value)
            failures += failed.slice(0, _FAILURES_SHOWN - len(failures)).to_pylist()
            # Those with the smallest hashes are anybody's, and the same ones every time.
            few = clips.sort_by("content_hash").slice(0, _CLIPS_SHOWN).to_pylist()
            picked = sorted(picked + few, key=lambda row: str(row["content_hash"]))[:_CLIPS_SHOWN]
        if held:
            writer.write_table(pa.concat_tables(held))
    remove_unnamed(records.store, progress.chunk_names(), named)
    account = RunAccount(
        config_id=place.config_id,
        sources=_column(counts, "status"),
        reasons=_column(counts, "reason"),
        classes=_column(counts, "class"),
        tracks=_column(counts, "track"),
        clip_hours=clip_seconds / 3600,
        footage_hours=footage_seconds / 3600,
        shards=shards,
        shard_bytes=shard_bytes,
        wall_seconds=time.monotonic() - progress.started,
        stages=progress.log.to_json(),
        versions=made_with(ResultKind.FOOTAGE) | dict(place.models.versions),
        configuration=asdict(place.config),
    )
    local = records.store.local_path(REPORT) is not None
    page = report_page(account, Picked(failures, picked if local else ()), records.store)
    with records.store.publish(REPORT) as temporary:
        temporary.write_text(page, encoding="utf-8")
    records.write_json(SUMMARY, asdict(account))
    return account


def _count(table: pa.Table, counts: Counter[tuple[str, str]]) -> None:
    columns = (table[name].to_pylist() for name in ("kind", "status", "reason", "error_class"))
    for kind, status, reason, error_class in zip(*columns, strict=True):
        if kind == Kind.CLIP:
            counts["track", reason or status] += 1
        else:
            counts["status", status] += 1
            if reason:
                counts["reason", reason] += 1
            if error_class:
                counts["class", error_class] += 1


def _column(counts: Counter[tuple[str, str]], column: str) -> dict[str, int]:
    return {name: count for (which, name), count in sorted(counts.items()) if which == column}
