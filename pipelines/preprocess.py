"""Footage to shards of clip samples and a manifest, on Ray.

The unit of work and of commit is a shard: a worker takes the sources of one shard, writes its tar
and last the rows that account for it. The same command again does only the units without rows.
Decoded frames never leave the worker that decoded them.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayActorError

import mytalk_core
from mytalk_core.data.account import clip_row, failed_row, source_row
from mytalk_core.data.footage import FootageConfig, Source, extract_clips, find_sources
from mytalk_core.data.manifest import ManifestRow, read_manifest, write_manifest
from mytalk_core.data.shards import encode_sample, write_shard
from mytalk_core.errors import ErrorClass, MytalkError, OutputError, Reason
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.media.output import make_folder
from mytalk_core.speech.features import SpeechEncoder

# Told after every unit: (sources done, sources in all, sources without a clip).
Progress = Callable[[int, int, int], None]


@dataclass(frozen=True)
class PreprocessConfig:
    """How footage becomes shards."""

    footage: FootageConfig = field(default_factory=FootageConfig)
    # Sources whose clips stand in one shard; the unit of work, commit and retry.
    sources_per_shard: int = 16


@dataclass(frozen=True)
class PreprocessModels:
    """Model files, on every node under the same path."""

    landmarker: Path  # face_landmarker.task
    speech_encoder: Path  # folder of a CTranslate2 Whisper


@dataclass(frozen=True)
class Unit:
    """The sources of one shard."""

    name: str  # file stem of shard and rows: number and hash of configuration and sources
    sources: tuple[Source, ...]


def configuration_id(config: PreprocessConfig) -> str:
    """A name for the configuration and the program; results of another one are never mixed in."""
    text = json.dumps([mytalk_core.__version__, asdict(config)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def plan_units(sources: list[Source], config: PreprocessConfig) -> list[Unit]:
    """Cut sources, in order, into the units of a run."""
    units: list[Unit] = []
    for start in range(0, len(sources), config.sources_per_shard):
        members = tuple(sources[start : start + config.sources_per_shard])
        identity = [configuration_id(config)]
        for source in members:
            stat = source.path.stat()
            identity.append(f"{source.title} {stat.st_size} {stat.st_mtime_ns}")
        digest = hashlib.sha256("\n".join(identity).encode()).hexdigest()[:12]
        units.append(Unit(f"shard-{len(units):05d}-{digest}", members))
    return units


@ray.remote(num_cpus=1)
class FootageWorker:
    """Holds the models of one process and works off units."""

    def __init__(self, models: PreprocessModels, config: PreprocessConfig, out: Path) -> None:
        self._config = config
        self._out = out
        self._landmarker = MeshLandmarker(models.landmarker)
        self._encoder = SpeechEncoder(models.speech_encoder, threads=1)
        self._versions = {
            "mytalk": mytalk_core.__version__,
            "landmarker": models.landmarker.name,
            "speech_encoder": models.speech_encoder.name,
        }

    def work(self, unit: Unit) -> list[ManifestRow]:
        """Write the unit's shard, then its rows; return the rows."""
        rows: list[ManifestRow] = []
        shard = f"{unit.name}.tar"

        def samples() -> Iterator[tuple[str, dict[str, bytes]]]:
            for source in unit.sources:
                yield from self._members(source, shard, rows)

        write_shard(self._out / shard, samples())
        if not any(row.key for row in rows):
            (self._out / shard).unlink()  # an empty tar helps nobody
        write_manifest(self._out / "units" / f"{unit.name}.parquet", rows)
        return rows

    def _members(
        self, source: Source, shard: str, rows: list[ManifestRow]
    ) -> Iterator[tuple[str, dict[str, bytes]]]:
        """The encoded clips of one source; its rows are added to `rows` at the end."""
        config_id = configuration_id(self._config)
        start = time.monotonic()
        clips: list[ManifestRow] = []
        try:
            for sample in extract_clips(
                source, self._landmarker, self._encoder, self._config.footage, self._versions
            ):
                members = encode_sample(sample)
                clips.append(clip_row(sample, source, shard, config_id))
                yield sample.meta.key, members
            rows.append(source_row(source, clips, time.monotonic() - start))
        except OutputError:
            raise
        except MytalkError as error:
            rows.append(failed_row(source, error, time.monotonic() - start, config_id))
        except Exception as error:
            # One poisonous file must not end a run over thousands; its row says it is ours to mend.
            bug = MytalkError(f"{type(error).__name__}: {error}", reason=Reason.INTERNAL)
            rows.append(failed_row(source, bug, time.monotonic() - start, config_id))
        rows.extend(clips)


class WorkerLostError(MytalkError):
    """A worker process died twice over the same unit: killed, out of memory or a native crash."""

    error_class = ErrorClass.TRANSIENT


def preprocess(
    inputs: list[Path],
    out: Path,
    models: PreprocessModels,
    config: PreprocessConfig,
    progress: Progress,
) -> list[ManifestRow]:
    """Turn footage into shards and `out/manifest.parquet`; returns the manifest's rows.

    Runs on the cluster that `ray.init` finds, or on this machine.

    Raises:
        BadInputError: where there is no input.
        OutputError: where `out` cannot be written.
    """
    out = out.resolve()  # workers have working folders of their own
    sources = find_sources(inputs)
    units = plan_units(sources, config)
    make_folder(out / "units")
    rows: dict[str, list[ManifestRow]] = {}
    for unit in units:
        record = out / "units" / f"{unit.name}.parquet"
        if record.exists():
            rows[unit.name] = read_manifest(record)
    missing = [unit for unit in units if unit.name not in rows]

    def report() -> None:
        done = sum(len(unit.sources) for unit in units if unit.name in rows)
        lost = sum(
            row.kind == "source" and row.status != "ok"
            for unit_rows in rows.values()
            for row in unit_rows
        )
        progress(done, len(sources), lost)

    report()
    if missing:
        for unit, unit_rows in _run(missing, out, models, config):
            rows[unit.name] = unit_rows
            report()
    manifest = [row for unit in units for row in rows[unit.name]]
    write_manifest(out / "manifest.parquet", manifest)
    return manifest


def _run(
    units: list[Unit], out: Path, models: PreprocessModels, config: PreprocessConfig
) -> Iterator[tuple[Unit, list[ManifestRow]]]:
    """Work off units on as many workers as the cluster has CPUs, one unit per worker at a time."""
    ray.init(
        ignore_reinit_error=True, include_dashboard=False, log_to_driver=False, logging_level=40
    )
    cpus = int(ray.cluster_resources()["CPU"])  # type: ignore[no-untyped-call]
    count = min(cpus, len(units))
    waiting = list(reversed(units))
    attempts = {unit.name: 0 for unit in units}
    hired: Any = FootageWorker  # what the decorator makes of the class has no types
    busy: dict[Any, tuple[Unit, Any]] = {}  # unit and worker by the reference of the rows to come

    def start(worker: Any) -> None:
        unit = waiting.pop()
        attempts[unit.name] += 1
        busy[worker.work.remote(unit)] = (unit, worker)

    for _ in range(count):
        start(hired.remote(models, config, out))
    while busy:
        finished, _ = ray.wait(list(busy), num_returns=1)
        unit, worker = busy.pop(finished[0])
        try:
            yield unit, ray.get(finished[0])
        except RayActorError:
            worker = hired.remote(models, config, out)
            if attempts[unit.name] < 2:
                waiting.append(unit)
            else:
                lost = WorkerLostError("its worker died twice.", reason=Reason.WORKER_LOST)
                yield (
                    unit,
                    [
                        failed_row(source, lost, 0.0, configuration_id(config))
                        for source in unit.sources
                    ],
                )
        if waiting:
            start(worker)
        else:
            ray.kill(worker)
