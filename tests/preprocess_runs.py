"""Small preprocessing jobs for tests, comparison of their results, and killing of processes."""

import hashlib
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

from mytalk_core.data.manifest import Kind, ManifestRow, read_manifest
from mytalk_core.data.shard_set import ShardBounds
from mytalk_core.data.storage import open_store
from mytalk_core.footage.attempts import Retry
from mytalk_core.footage.isolated import IsolatedProcess, IsolationConfig
from mytalk_core.footage.listing import ListingConfig, list_sources
from mytalk_core.footage.records import Records
from mytalk_core.footage.run_account import RunAccount, RunProgress, write_account
from mytalk_core.footage.track_parts import FootageConfig
from mytalk_core.footage.unit_work import WorkConfig, WorkModels, config_id
from mytalk_core.footage.units import UnitConfig, group_sources
from mytalk_core.footage.worker import Worker, WorkPlace
from pipelines.preprocess import PreprocessJob

# Small chunks, units and shards, so that a few seconds of footage give several of each.
CONFIG = WorkConfig(
    footage=FootageConfig(clip_seconds=3),
    units=UnitConfig(chunk_mean=3, chunk_most=3, unit_seconds=4),
    shards=ShardBounds(megabytes=100, samples=2),
)
# A unit for each film of `write_films`.
UNIT_PER_FILM = replace(CONFIG, units=replace(CONFIG.units, unit_seconds=2))


def job(
    footage: Path | str,
    out: Path | str,
    models: WorkModels,
    retry: Retry = "none",
    config: WorkConfig = CONFIG,
) -> PreprocessJob:
    place = WorkPlace(
        out=str(out),
        config=config,
        config_id=config_id(config, models),
        models=models,
        scratch=Path("/nowhere"),
    )
    return PreprocessJob((str(footage),), ListingConfig(), place, retry)


def write_films(folder: Path, clip: Path, run_ffmpeg: Callable[..., Path]) -> Path:
    """Write three films of 1.4 s of a speaker to `folder/man`."""
    (folder / "man").mkdir(parents=True)
    for start in range(3):
        part = ["-ss", str(start), "-i", clip, "-t", "1.4"]
        run_ffmpeg(folder / "man" / f"{start}.mp4", *part)
    return folder


@cache
def _shared_child() -> IsolatedProcess:
    """The child of all workers of this process, with which it ends: its start takes seconds."""
    return IsolatedProcess(IsolationConfig())


def worker_here(place: WorkPlace) -> Worker:
    """A worker that shares its child with others, and is not closed."""
    worker = Worker(place)
    worker._child = _shared_child()
    return worker


def preprocess_here(work: PreprocessJob, worker: Worker | None = None) -> RunAccount:
    """Preprocess in this process, with one worker and its child, without Ray."""
    progress = RunProgress(work.inputs, work.listing, lambda progress: None)
    sources = list_sources(work.inputs, work.listing)
    worker = worker or worker_here(work.place)
    for number, chunk in enumerate(group_sources(sources, work.place.config.units)):
        state = worker.plan(chunk, work.retry)
        progress.log.merge(state.stages)
        progress.chunk_named(number, state.name)
        for unit in state.units:
            progress.log.merge(worker.extract(unit))
        if state.units:
            state = worker.finish(state.name)
        progress.chunk_done(state, found=False)
    return write_account(Records(open_store(work.place.out)), work.place, progress)


def shards(out: Path) -> dict[str, str]:
    """The SHA-256 of every shard, by file name."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((out / "shards").iterdir())
    }


def rows(out: Path) -> list[ManifestRow]:
    """The manifest with all durations of work set to zero."""
    return [replace(row, seconds_spent=0.0) for row in read_manifest(out / "manifest.parquet")]


def source_rows(out: Path) -> dict[str, ManifestRow]:
    """The rows of sources, by address."""
    return {row.source: row for row in rows(out) if row.kind is Kind.SOURCE}


def same(one: Path, other: Path) -> bool:
    """Whether shards and manifests of two runs are equal."""
    # As text: missing measurements are NaN, which does not equal itself.
    return shards(one) == shards(other) and repr(rows(one)) == repr(rows(other))


class Killer:
    """A thread that waits for a condition and then kills processes."""

    def __init__(self, ready: Callable[[], bool], victims: Callable[[], list[int]]) -> None:
        """Args:
        ready: the condition.
        victims: returns the ids of the processes to kill; called until it returns any.
        """
        self.killed: list[int] = []
        self._ready = ready
        self._victims = victims
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> "Killer":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        while not self.killed and not self._stop.wait(0.02):
            if self._ready():
                self.killed = self._victims()
                for victim in self.killed:
                    os.kill(victim, signal.SIGKILL)


def processes(words: str) -> list[int]:
    """Descendants of this process whose command line contains `words`."""
    parents, lines = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
                lines[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])

    def is_ours(process: int) -> bool:
        while process in parents and process != os.getpid():
            process = parents[process]
        return process == os.getpid()

    found = [process for process, line in lines.items() if words.encode() in line]
    return [process for process in found if is_ours(process)]


def records(out: Path) -> int:
    """The number of units that have a record."""
    return len(list((out / "units").glob("*.parquet")))
