"""`mytalk preprocess`: footage to training shards and a manifest of every input."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cluster_option import Address
from jobs.console import EXIT_SOME_FAILED, live, note, result
from jobs.list_options import AllowPrivate, AllowRoot
from jobs.options import with_options

if TYPE_CHECKING:
    from rich.table import Table

    from mytalk_core.footage.run_account import RunAccount, RunProgress
    from mytalk_core.footage.unit_work import WorkConfig, WorkModels
    from pipelines.preprocess import PreprocessJob


class LandmarkerName(StrEnum):
    """Landmark detectors."""

    MESH = "mesh"
    FACE_ALIGNMENT = "face-alignment"


class SpeakerNames(StrEnum):
    """Source of speaker names for footage without a list."""

    FOLDER = "folder"
    UNKNOWN = "unknown"


class RetryKind(StrEnum):
    """Failures of earlier runs to retry."""

    NONE = "none"
    FAILED = "failed"
    TRANSIENT = "transient"


@dataclass(frozen=True)
class PreprocessOptions:
    """What `mytalk preprocess` takes."""

    sources: Annotated[list[str], typer.Argument(show_default=False)]
    """Footage: files, folders, globs, URLs (s3://, gs://), or a list of them (CSV, JSON Lines,
    Parquet)."""

    out: Annotated[str, typer.Option(show_default=False)]
    """Folder or URL for the shards."""

    retry: RetryKind = RetryKind.NONE
    """Retry failures of earlier runs."""

    speakers: SpeakerNames = SpeakerNames.FOLDER
    """Name of the speaker: the folder of a file, or unknown."""

    licence: str = ""
    """Licence to record for footage whose list names none."""

    landmarker: LandmarkerName = LandmarkerName.MESH
    """478 mesh points, or 68 points where their weights are installed."""

    crop_size: Annotated[int, typer.Option(min=64)] = 192
    """Side of a face crop in pixels: 1.5 times the renderer's size, or that of the footage."""

    faces: Annotated[int, typer.Option(min=1)] = 4
    """Most faces detected in a frame."""

    smallest_face: Annotated[int, typer.Option(min=1)] = 48
    """Smallest face kept, in pixels from forehead to chin."""

    shard_mb: Annotated[int, typer.Option(min=1)] = 256
    """Most megabytes of a shard."""

    shard_samples: Annotated[int, typer.Option(min=1)] = 1000
    """Most clips of a shard."""

    longest_hours: Annotated[float, typer.Option(min=0.0)] = 8.0
    """Longest film accepted, in hours."""

    memory_gb: Annotated[float, typer.Option(min=2.0)] = 8.0
    """Most memory of one worker, in gigabytes."""

    scratch: Annotated[Path | None, typer.Option(show_default="for temporary files")] = None
    """Folder for copies of remote footage, on every machine."""

    allow_root: AllowRoot = None
    allow_private_addresses: AllowPrivate = False
    address: Address = ""


@with_options
def preprocess(options: PreprocessOptions) -> None:
    """Turn footage into shards of audio, landmarks and face crops, and a manifest.

    The same command again continues an interrupted run. A list has a column `source` and may have
    `id`, `speaker` and `licence`, but no others.

    \b
    mytalk preprocess footage/ --out shards/
    mytalk preprocess s3://bucket/films/ --out s3://bucket/shards
    mytalk preprocess catalogue.parquet --out shards/
    mytalk preprocess footage/ --out shards/ --retry transient
    mytalk preprocess s3://bucket/films/ --out s3://bucket/shards --address head:6379
    """
    from mytalk_core.data.output_check import check_output_folder
    from mytalk_core.data.table_reader import is_list
    from mytalk_core.footage.records import OUTPUTS
    from pipelines.preprocess import preprocess as run

    lists = [source for source in options.sources if is_list(source)]
    whole = [source for source in options.sources if not is_list(source)]
    check_output_folder(options.out, OUTPUTS, lists, read_whole=whole)
    job = _job(options)
    with live(every_seconds=60.0) as show:
        account = run(
            job, lambda progress: show(_table(progress), _line(progress)), note, options.address
        )
    result(asdict(account) | {"out": job.place.out}, _text(account, job.place.out))
    if account.sources.get("failed"):
        raise typer.Exit(EXIT_SOME_FAILED)


def _job(options: PreprocessOptions) -> PreprocessJob:
    from mytalk_core.data.list_access import list_access
    from mytalk_core.data.table_reader import is_list
    from mytalk_core.footage.isolated import IsolationConfig
    from mytalk_core.footage.listing import ListingConfig
    from mytalk_core.footage.unit_work import config_id
    from mytalk_core.footage.worker import WorkPlace
    from pipelines.preprocess import PreprocessJob

    unnamed = options.speakers is SpeakerNames.UNKNOWN or any(map(is_list, options.sources))
    config, models = _config(options), _models(options.landmarker, identify=unnamed)
    place = WorkPlace(
        out=options.out if "://" in options.out else str(Path(options.out).absolute()),
        config=config,
        config_id=config_id(config, models),
        models=models,
        scratch=options.scratch.absolute() if options.scratch else None,
        isolation=IsolationConfig(memory_gigabytes=options.memory_gb),
    )
    access = list_access(options.allow_root or (), options.allow_private_addresses)
    listing = ListingConfig(options.speakers.value, options.licence, access)
    return PreprocessJob(tuple(options.sources), listing, place, options.retry.value)


def _config(options: PreprocessOptions) -> WorkConfig:
    from mytalk_core.data.shard_set import ShardBounds
    from mytalk_core.faces.crop import CropConfig
    from mytalk_core.faces.landmark_scheme import IBUG68, MESH478
    from mytalk_core.footage.track_parts import FootageConfig
    from mytalk_core.footage.unit_work import WorkConfig
    from mytalk_core.media.limits import MediaLimits

    crop = CropConfig(size=options.crop_size)
    mesh = options.landmarker is LandmarkerName.MESH
    return WorkConfig(
        footage=FootageConfig(crop=crop, smallest_face=options.smallest_face),
        limits=MediaLimits(seconds=int(options.longest_hours * 3600)),
        shards=ShardBounds(megabytes=options.shard_mb, samples=options.shard_samples),
        scheme=(MESH478 if mesh else IBUG68).name,
        faces=options.faces,
    )


def _models(landmarker: LandmarkerName, identify: bool) -> WorkModels:
    """Name the models of a run; `identify` adds the face embedding, which groups speakers."""
    from mytalk_core.data.model_store import model
    from mytalk_core.footage.unit_work import WorkModels

    names = ["whisper-base"]
    weights: Path | str = "face-landmarker"
    if landmarker is LandmarkerName.MESH:
        names.append("face-landmarker")
    else:
        from mytalk_core.faces.face_alignment_landmarker import weights_folder

        weights = weights_folder()
    if identify:
        names.append("face-embedding")
    return WorkModels(
        landmarker=weights,
        speech_encoder="whisper-base",
        face_embedding="face-embedding" if identify else None,
        versions=tuple((name, model(name).version) for name in sorted(names)),
    )


def _table(progress: RunProgress) -> Table:
    """Return one row per stage: counts, throughput and time left."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title=_line(progress), title_justify="left")
    for heading in ("stage", "done", "failed", "filtered", "media h/h", "left"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    hours = (time.monotonic() - progress.started) / 3600
    for stage, tally in progress.log.tallies.items():
        table.add_row(
            stage.value,
            f"{tally.done:,}",
            f"{tally.failed:,}",
            f"{tally.filtered:,}",
            f"{tally.media_seconds / 3600 / hours:.1f}",
            _duration(progress.seconds_left),
        )
    return table


def _line(progress: RunProgress) -> str:
    total = "?" if progress.total is None else f"{progress.total:,}"
    status = ", ".join(f"{count:,} {name}" for name, count in sorted(progress.sources.items()))
    return (
        f"{progress.done:,} of {total} sources ({status or 'none yet'}), {progress.clips:,} clips, "
        f"{progress.clip_seconds / 3600:.2f} h, left: {_duration(progress.seconds_left)}"
    )


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _text(account: RunAccount, out: str) -> str:
    status = ", ".join(f"{count:,} {name}" for name, count in account.sources.items())
    lines = [
        f"{sum(account.sources.values()):,} sources: {status}",
        f"{account.tracks.get('ok', 0):,} clips, {account.clip_hours:.3f} hours, in "
        f"{account.shards:,} shards of {account.shard_bytes / 1e6:,.0f} MB in all, in {out}",
        *(f"{count:,} sources: {reason}" for reason, count in account.reasons.items()),
        *(
            f"{count:,} tracks left out: {reason}"
            for reason, count in account.tracks.items()
            if reason != "ok"
        ),
        f"manifest of every input: {out}/manifest.parquet, report: {out}/report.html",
    ]
    if account.classes.get("transient"):
        lines.append("Some failures are transient: retry them with --retry transient.")
    return "\n".join(lines)
