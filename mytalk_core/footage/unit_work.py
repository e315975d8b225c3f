"""What happens to untrusted media: probing sources, and turning a unit's segments into shards.

These functions run inside an `IsolatedProcess`. They open local files only; what an earlier try
died of is given to them, so that they leave it alone.
"""

import hashlib
import json
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from mytalk_core.data.manifest import Kind, ManifestRow, Status
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
from mytalk_core.footage.clips import Clip, FootageModels, extract_clips
from mytalk_core.footage.isolated import Tell
from mytalk_core.footage.listing import Source
from mytalk_core.footage.records import Records, row_to_json
from mytalk_core.footage.source_sync import SYNC_ENTRY, SYNC_MEASURE
from mytalk_core.footage.stages import Stage, StageLog
from mytalk_core.footage.track_parts import DroppedTrack, FootageConfig
from mytalk_core.footage.units import Segment, Unit, UnitConfig
from mytalk_core.media.clock import format_rate
from mytalk_core.media.frame_format import interlaced_error
from mytalk_core.media.limits import MediaLimits, check_limits
from mytalk_core.media.output import output_error
from mytalk_core.media.probe import probe_audio, probe_video
from mytalk_core.speech.features import FEATURES, FEATURES_ENTRY, SpeechEncoder
from mytalk_core.sync.expert_file import Purpose, expert_path

# In place of a segment's name, while models are loaded.
_LOADING = "models"
# Seconds between signs of life.
_BEAT = 2.0

Fetched = Mapping[str, str | dict[str, str]]
"""By title: the path of a source's local copy, or the error (as JSON) why there is none."""

Lost = Mapping[str, dict[str, str]]
"""By name: the error (as JSON) of what killed the process more often than is forgiven."""


@dataclass(frozen=True)
class WorkConfig:
    """All that decides what becomes of footage."""

    footage: FootageConfig = field(default_factory=FootageConfig)
    limits: MediaLimits = field(default_factory=MediaLimits)
    units: UnitConfig = field(default_factory=UnitConfig)
    shards: ShardBounds = field(default_factory=ShardBounds)
    # Landmark scheme: "mesh478" or, with face-alignment's weights at hand, "ibug68".
    scheme: str = MESH478.name
    # Most faces looked for in a frame.
    faces: int = 4


@dataclass(frozen=True)
class WorkModels:
    """The models of footage: each a name in the model store, or a path that all machines have."""

    landmarker: Path | str  # face_landmarker.task, or the folder of face-alignment's weights
    speech_encoder: Path | str  # folder of a CTranslate2 Whisper
    face_embedding: Path | str | None  # dlib's ResNet; None where every speaker is known
    versions: tuple[tuple[str, str], ...]  # name and version of each

    def here(self) -> "WorkModels":
        """The same models as paths of this machine; those of the store are pulled.

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
    """A name for all that decides the result; results of another one are never mixed in.

    Models are known by their bytes, packages and programs by their versions on this machine.
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
    """What samples are made with."""
    return dict(models.versions) | {FEATURES_ENTRY: FEATURES, SYNC_ENTRY: SYNC_MEASURE}


def probe_sources(
    sources: tuple[Source, ...],
    fetched: Fetched,
    limits: MediaLimits,
    config_id: str,
    lost: Lost,
    tell: Tell,
) -> dict[str, Any]:
    """Look at each source's header and first frame.

    Returns:
        JSON: `rows`, of each source in order its manifest row, ok where it can be worked on;
        `stages`, the account.
    """
    log = StageLog()
    rows = []
    for source in sources:
        tell({"item": source.title})
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
            row = failed_row(source, _ours(error, source.url), Stage.PROBE, spent, config_id)
        rows.append(row_to_json(row))
    return {"rows": rows, "stages": log.to_json()}


def extract_unit(
    unit: Unit,
    fetched: Fetched,
    records: Records,
    config: WorkConfig,
    config_id: str,
    models: WorkModels,
    lost: Lost,
    tell: Tell,
) -> dict[str, Any]:
    """Write the unit's shards and, last, its record.

    Returns:
        JSON: `stages`, the account.

    Raises:
        OutputError, StorageError: where results cannot be written. Then the unit has no record, and
            none of its segments is blamed.
        ModelError: where the models cannot be loaded on this machine.
    """
    log = StageLog(_beating(tell))
    rows: list[ManifestRow] = []
    tools = _loaded(config, models, lost, tell)
    with (
        while_waiting(lambda: tell({"alive": True})),
        ShardSet(records.store, f"shards/{unit.name}", config.shards) as shards,
    ):
        for segment in unit.segments:
            name = segment_name(segment)
            tell({"item": name})
            start = time.monotonic()
            found: list[_Found] = []
            log.current = Stage.SHOTS
            # Only what opens the footage: a failure to write is no fault of the segment.
            try:
                path = _local(fetched[segment.source.title])
                if name in lost:
                    raise error_from_json(lost[name])
                clips = extract_clips(segment, path, tools, config.footage, _versions(models), log)
                found += _encoded(clips, segment.source, config_id, log)
            except Exception as error:
                if (failure := output_error(error, records.store.url)) is not None:
                    raise failure from error
                spent = time.monotonic() - start
                rows.append(_failed_segment(segment, error, log, spent, config_id))
                continue
            spent = time.monotonic() - start
            rows.append(
                segment_row(
                    segment,
                    [each.row for each in found],
                    spent,
                    config_id,
                    log.damaged_frames,
                )
            )
            with log.timed(Stage.SHARD):
                rows += [_put(each, shards, log) for each in found]
    with while_waiting(lambda: tell({"alive": True})):
        records.write_unit(unit.name, rows)
    return {"stages": log.to_json()}


@dataclass(frozen=True)
class _Found:
    """A clip, encoded, or a track that was dropped."""

    row: ManifestRow
    members: dict[str, bytes] | None  # None: it was dropped


def _encoded(
    clips: Iterable[Clip | DroppedTrack], source: Source, config_id: str, log: StageLog
) -> list[_Found]:
    """All of a segment, before any of it is written: it gives all of its clips or none.

    So a segment that is tried again after a failure never has a clip in two shards.
    """
    found = []
    for each in clips:
        if isinstance(each, Clip):
            with log.timed(Stage.SHARD):
                members = encode_sample(each.sample)
                row = clip_row(each, source, content_hash(members), config_id)
            found.append(_Found(row, members))
        else:
            found.append(_Found(dropped_row(each, source, config_id), None))
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
    ours = _ours(error, segment.where)
    row = failed_row(
        segment.source, ours, log.current, spent, config_id, segment.seconds, Kind.SEGMENT
    )
    if row.status is Status.FAILED:
        log.count(log.current, failed=1)
    else:
        log.count(log.current, filtered=1)
    return row


def segment_name(segment: Segment) -> str:
    """How a segment is called between processes."""
    return f"{segment.source.title}/{segment.number}"


def _local(fetched: str | dict[str, str]) -> Path:
    if isinstance(fetched, str):
        return Path(fetched)
    raise error_from_json(fetched)


def _ours(error: Exception, where: str) -> MytalkError:
    """What a row says of an error: a poisonous file must not end a run over thousands."""
    if isinstance(error, MytalkError):
        if error.where:
            return error
        return type(error)(error.what, reason=error.reason, where=where, remedy=error.remedy)
    if isinstance(error, MemoryError):
        return BadInputError(
            "takes more memory than a worker may use.", reason=Reason.OVER_LIMIT, where=where
        )
    return MytalkError(f"{type(error).__name__}: {error}", reason=Reason.INTERNAL, where=where)


def _beating(tell: Tell) -> Callable[[], None]:
    """A function that tells, now and then, that work goes on."""
    told = time.monotonic()

    def beat() -> None:
        nonlocal told
        now = time.monotonic()
        if now - told > _BEAT:
            told = now
            tell({"alive": True})

    return beat


@lru_cache(maxsize=1)
def _load(models: WorkModels, scheme: str, faces: int) -> FootageModels:
    """The models, loaded once per process."""
    looked_for = LandmarkerConfig(max_faces=faces)
    landmarker: Landmarker
    inspector = None
    if scheme == MESH478.name:
        landmarker = inspector = MeshLandmarker(located(models.landmarker), looked_for)
    else:
        # Here, because it imports torch, which every other worker does without.
        from mytalk_core.faces.face_alignment_landmarker import FaceAlignmentLandmarker

        landmarker = FaceAlignmentLandmarker(located(models.landmarker), looked_for)
    embedder = None
    if models.face_embedding is not None:
        embedder = FaceEmbedder(located(models.face_embedding), landmarker.scheme)
    encoder = SpeechEncoder(located(models.speech_encoder), threads=1)
    return FootageModels(landmarker, encoder, embedder, inspector=inspector)


def _loaded(config: WorkConfig, models: WorkModels, lost: Lost, tell: Tell) -> FootageModels:
    """The models; that they cannot be loaded is a fault of this machine and of no footage."""
    tell({"item": _LOADING})
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
