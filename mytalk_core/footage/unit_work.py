"""Work on untrusted media: probe sources, and turn a unit's segments into shards.

These functions run inside an `IsolatedProcess` and open local files only. Items that killed earlier
processes are passed to them and not opened again. The parent of such a process imports this module,
too, but extracts no clips.
"""

from __future__ import annotations

import hashlib
import json
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mytalk_core.data.manifest import ManifestRow, Status
from mytalk_core.data.model_store import located
from mytalk_core.data.recipe import ResultKind, checksums, made_with
from mytalk_core.data.retrying import while_waiting
from mytalk_core.data.shard_set import ShardBounds, ShardSet, content_hash
from mytalk_core.data.shards import encode_sample
from mytalk_core.errors import (
    BadInputError,
    ModelError,
    MytalkError,
    OutputError,
    Reason,
    StorageError,
    error_from_json,
)
from mytalk_core.faces.embedding import FaceEmbedder
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import Landmarker, LandmarkerConfig, MeshLandmarker
from mytalk_core.footage.account import (
    clip_row,
    dropped_row,
    failed_row,
    filtered_source,
    placed_row,
    probed_row,
    segment_row,
)
from mytalk_core.footage.footage_models import FootageModels
from mytalk_core.footage.isolated import Send
from mytalk_core.footage.listing import Source
from mytalk_core.footage.records import Records, row_to_json
from mytalk_core.footage.source_sync import SYNC_ENTRY, SYNC_MEASURE
from mytalk_core.footage.stages import Stage, StageAccount, StageLog
from mytalk_core.footage.track_parts import DroppedTrack, FootageConfig
from mytalk_core.footage.units import Segment, Unit, UnitConfig
from mytalk_core.media.clock import format_rate
from mytalk_core.media.frame_format import interlaced_error
from mytalk_core.media.limits import MediaLimits, check_limits
from mytalk_core.media.output import output_error
from mytalk_core.media.probe import probe_audio, probe_video
from mytalk_core.speech.features import FEATURES, FEATURES_ENTRY, SpeechEncoder
from mytalk_core.sync.expert_file import Purpose, expert_path

if TYPE_CHECKING:
    from mytalk_core.footage.clips import Clip

# The item in progress while models are loaded.
_LOADING = "models"
# Seconds between heartbeats.
_HEARTBEAT = 2.0

Fetched = Mapping[str, str | dict[str, str]]
"""By title: the path of a source's local copy or, where there is none, the error as JSON."""

Lost = Mapping[str, dict[str, str]]
"""By name of an item that killed too many processes: the error as JSON."""


@dataclass(frozen=True)
class WorkConfig:
    """All settings that affect the result of preprocessing."""

    footage: FootageConfig = field(default_factory=FootageConfig)
    limits: MediaLimits = field(default_factory=MediaLimits)
    units: UnitConfig = field(default_factory=UnitConfig)
    shards: ShardBounds = field(default_factory=ShardBounds)
    # Landmark scheme: "mesh478" or, with face-alignment's weights, "ibug68".
    scheme: str = MESH478.name
    # Most faces detected per frame.
    faces: int = 4


@dataclass(frozen=True)
class WorkModels:
    """The models of preprocessing: each a name in the model store or a path on every machine."""

    landmarker: Path | str  # face_landmarker.task, or the folder of face-alignment's weights
    speech_encoder: Path | str  # folder of a CTranslate2 Whisper
    face_embedding: Path | str | None  # dlib's ResNet; None where every speaker is known
    versions: tuple[tuple[str, str], ...]  # name and version of each

    def here(self) -> WorkModels:
        """Return the models as paths of this machine; those of the store are pulled.

        Raises:
            ModelError, OutputError: as `located`.
        """
        embedding = self.face_embedding
        return replace(
            self,
            landmarker=located(self.landmarker),
            speech_encoder=located(self.speech_encoder),
            face_embedding=None if embedding is None else located(embedding),
        )


def config_id(config: WorkConfig, models: WorkModels) -> str:
    """Return an id of everything that affects the result, 12 hexadecimal digits.

    It covers the settings, the bytes of the models and the versions of packages and programs on
    this machine.
    """
    weights = (
        models.landmarker,
        models.speech_encoder,
        models.face_embedding,
        expert_path(Purpose.PREPROCESSING),
    )
    decides = [
        asdict(config),
        _versions(models),
        made_with(ResultKind.FOOTAGE),
        [checksums(path) for path in weights],
    ]
    text = json.dumps(decides, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _versions(models: WorkModels) -> dict[str, str]:
    """Versions that samples carry."""
    return dict(models.versions) | {FEATURES_ENTRY: FEATURES, SYNC_ENTRY: SYNC_MEASURE}


def probe_sources(
    sources: tuple[Source, ...],
    fetched: Fetched,
    limits: MediaLimits,
    config_id: str,
    lost: Lost,
    send: Send,
) -> dict[str, Any]:
    """Probe each source: its limits, streams and first frame.

    Returns:
        JSON: `rows`, the manifest row of each source in order, ok where it can be processed;
        `stages`, a `StageAccount`.
    """
    log = StageLog()
    rows = []
    for source in sources:
        send({"item": source.title})
        start = time.monotonic()
        try:
            with log.timed(Stage.PROBE):
                path = _local(fetched[source.title])
                if source.title in lost:
                    raise error_from_json(lost[source.title])
                check_limits(path, limits)
                video = probe_video(path)
                probe_audio(path)
                row = probed_row(
                    source,
                    video.frame_estimate,
                    format_rate(video.fps),
                    float(video.duration),
                    config_id,
                )
                if video.interlaced:
                    row = filtered_source(row, interlaced_error(path))
            if row.status is Status.OK:
                log.count(Stage.PROBE, done=1, seconds=row.duration_seconds)
            else:
                log.count(Stage.PROBE, filtered=1)
        except Exception as error:
            log.count(Stage.PROBE, failed=1)
            spent = time.monotonic() - start
            error = _typed(error, source.url)
            row = failed_row(source, error, Stage.PROBE, spent, config_id)
        rows.append(row_to_json(row))
    return {"rows": rows, "stages": log.to_json()}


@dataclass(frozen=True)
class Extraction:
    """How the units of a run are extracted, and where their records go."""

    records: Records
    config: WorkConfig
    config_id: str
    models: WorkModels


def extract_unit(
    unit: Unit, fetched: Fetched, extraction: Extraction, lost: Lost, send: Send
) -> dict[str, StageAccount]:
    """Write the unit's shards and, last, its record.

    Returns:
        JSON: `stages`, a `StageAccount`.

    Raises:
        OutputError, StorageError: where results cannot be written. Then the unit has no record, and
            none of its segments is blamed.
        ModelError: where the models cannot be loaded on this machine.
    """
    records, config, config_id = extraction.records, extraction.config, extraction.config_id
    log = StageLog(_heartbeat(send))
    rows: list[ManifestRow] = []
    models = _loaded(config, extraction.models, lost, send)
    with (
        while_waiting(lambda: send({"alive": True})),
        ShardSet(records.store, f"shards/{unit.name}", config.shards) as shards,
    ):
        for segment in unit.segments:
            send({"item": segment_name(segment)})
            start = time.monotonic()
            # Reading only: a failure to write must not be blamed on the segment.
            try:
                found = _read_segment(segment, fetched, extraction, models, lost, log)
            except Exception as error:
                if (failure := output_error(error, records.store.url)) is not None:
                    raise failure from error
                spent = time.monotonic() - start
                rows.append(_failed_segment(segment, error, log, spent, config_id))
                continue
            spent = time.monotonic() - start
            clips = [each.row for each in found]
            rows.append(segment_row(segment, clips, spent, config_id, log.damaged_frames))
            with log.timed(Stage.SHARD):
                rows += [_put(each, shards, log) for each in found]
    with while_waiting(lambda: send({"alive": True})):
        records.write_unit(unit.name, rows)
    return {"stages": log.to_json()}


def _read_segment(
    segment: Segment,
    fetched: Fetched,
    extraction: Extraction,
    models: FootageModels,
    lost: Lost,
    log: StageLog,
) -> list[_Found]:
    """Extract and encode the clips of a segment."""
    from mytalk_core.footage import clips  # not in the parent: its imports take half a second

    log.current = Stage.SHOTS
    path = _local(fetched[segment.source.title])
    if (death := lost.get(segment_name(segment))) is not None:
        raise error_from_json(death)
    versions = _versions(extraction.models)
    found = clips.extract_clips(segment, path, models, extraction.config.footage, versions, log)
    return _encoded(found, segment.source, extraction.config_id, log)


@dataclass(frozen=True)
class _Found:
    """An encoded clip or a dropped track."""

    row: ManifestRow
    members: dict[str, bytes] | None  # None for a dropped track


def _encoded(
    clips: Iterable[Clip | DroppedTrack], source: Source, config_id: str, log: StageLog
) -> list[_Found]:
    """Encode all clips of a segment before any of them is written.

    A segment thus gives all of its clips or none, and one that is repeated after a failure never
    has a clip in two shards.
    """
    found = []
    for each in clips:
        if isinstance(each, DroppedTrack):
            found.append(_Found(dropped_row(each, source, config_id), None))
            continue
        with log.timed(Stage.SHARD):
            members = encode_sample(each.sample)
            row = clip_row(each, source, content_hash(members), config_id)
        found.append(_Found(row, members))
    return found


def _put(found: _Found, shards: ShardSet, log: StageLog) -> ManifestRow:
    if found.members is None:
        return found.row
    place = shards.add(found.row.id, found.members)
    log.count(Stage.SHARD, done=1, seconds=found.row.duration_seconds)
    return placed_row(found.row, place)


def _failed_segment(
    segment: Segment, error: Exception, log: StageLog, spent: float, config_id: str
) -> ManifestRow:
    row = failed_row(segment, _typed(error, segment.where), log.current, spent, config_id)
    if row.status is Status.FAILED:
        log.count(log.current, failed=1)
    else:
        log.count(log.current, filtered=1)
    return row


def segment_name(segment: Segment) -> str:
    """Name of a segment in messages between processes."""
    return f"{segment.source.title}/{segment.number}"


def _local(fetched: str | dict[str, str]) -> Path:
    if isinstance(fetched, str):
        return Path(fetched)
    raise error_from_json(fetched)


def _typed(error: Exception, where: str) -> MytalkError:
    """Convert any exception to a typed error with a place, so that one file cannot end a run."""
    if isinstance(error, MytalkError):
        if error.where:
            return error
        return type(error)(error.what, reason=error.reason, where=where, remedy=error.remedy)
    if isinstance(error, MemoryError):
        return BadInputError(
            "takes more memory than a worker may use.", reason=Reason.OVER_LIMIT, where=where
        )
    return MytalkError(f"{type(error).__name__}: {error}", reason=Reason.INTERNAL, where=where)


def _heartbeat(send: Send) -> Callable[[], None]:
    """Return a function that sends a heartbeat when called, at most every `_HEARTBEAT` seconds."""
    latest = time.monotonic()

    def beat() -> None:
        nonlocal latest
        now = time.monotonic()
        if now - latest > _HEARTBEAT:
            latest = now
            send({"alive": True})

    return beat


@lru_cache(maxsize=1)
def _load(models: WorkModels, scheme: str, faces: int) -> FootageModels:
    """Load the models once per process."""
    detection = LandmarkerConfig(max_faces=faces)
    landmarker: Landmarker
    inspector = None
    if scheme == MESH478.name:
        landmarker = inspector = MeshLandmarker(located(models.landmarker), detection)
    else:
        # A local import, because it loads torch, which no other worker needs.
        from mytalk_core.faces.face_alignment_landmarker import FaceAlignmentLandmarker

        landmarker = FaceAlignmentLandmarker(located(models.landmarker), detection)
    embedder = None
    if models.face_embedding is not None:
        embedder = FaceEmbedder(located(models.face_embedding), landmarker.scheme)
    encoder = SpeechEncoder(located(models.speech_encoder), threads=1)
    return FootageModels(landmarker, encoder, embedder, inspector=inspector)


def _loaded(config: WorkConfig, models: WorkModels, lost: Lost, send: Send) -> FootageModels:
    """Load the models; a failure is blamed on this machine and not on the footage."""
    send({"item": _LOADING})
    try:
        if _LOADING in lost:
            raise error_from_json(lost[_LOADING])
        return _load(models, config.scheme, config.faces)
    except (ModelError, OutputError, StorageError):
        raise
    except Exception as error:
        raise ModelError(
            f"the models cannot be loaded on {socket.gethostname()}"
            f" ({type(error).__name__}: {error}).",
            reason=Reason.MODEL_CORRUPT,
            remedy="Run `mytalk models verify` there.",
        ) from error
