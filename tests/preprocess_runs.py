"""Small preprocessing jobs for tests, comparison of their results, and killing of processes."""

import hashlib
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mytalk_core.data.manifest import ManifestRow, read_manifest
from mytalk_core.data.shard_set import ShardBounds
from mytalk_core.footage.attempts import Retry
from mytalk_core.footage.listing import ListingConfig
from mytalk_core.footage.track_parts import FootageConfig
from mytalk_core.footage.unit_work import WorkConfig, WorkModels, config_id
from mytalk_core.footage.units import UnitConfig
from mytalk_core.footage.worker import WorkPlace
from pipelines.preprocess import PreprocessJob

# Small chunks, units and shards, so that a few seconds of footage give several of each.
CONFIG = WorkConfig(
    footage=FootageConfig(clip_seconds=3),
    units=UnitConfig(chunk_mean=3, chunk_most=3, unit_seconds=4),
    shards=ShardBounds(megabytes=100, samples=2),
)


def job(
    footage: Path | str, out: Path | str, models: WorkModels, retry: Retry = "none"
) -> PreprocessJob:
    place = WorkPlace(
        out=str(out),
        config=CONFIG,
        config_id=config_id(CONFIG, models),
        models=models,
        scratch=Path("/nowhere"),
    )
    return PreprocessJob((str(footage),), ListingConfig(), place, retry)


def shards(out: Path) -> dict[str, str]:
    """SHA-256 of every shard by name."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((out / "shards").iterdir())
    }


def rows(out: Path) -> list[ManifestRow]:
    """Rows of the manifest without their times."""
    return [replace(row, seconds_spent=0.0) for row in read_manifest(out / "manifest.parquet")]


def same(one: Path, other: Path) -> bool:
    # As text: missing measurements are NaN, which does not equal itself.
    return shards(one) == shards(other) and repr(rows(one)) == repr(rows(other))


def kill_when(
    ready: Callable[[], bool], victims: Callable[[], list[int] | None]
) -> threading.Thread:
    """Wait in a thread until `ready`, then kill the processes that `victims` returns, if any."""

    def work() -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if ready() and (found := victims()) is not None:
                for victim in found:
                    os.kill(victim, signal.SIGKILL)
                return
            time.sleep(0.05)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def processes(words: str) -> list[int] | None:
    """Descendants of this process whose command line contains these words; None without any."""
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
    return [process for process in found if is_ours(process)] or None


def records(out: Path) -> int:
    """Number of units that are done."""
    return len(list((out / "units").glob("*.parquet")))
