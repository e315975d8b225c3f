"""The account of footage: the manifest rows of a source and of the clips cut from it."""

import json

import numpy as np

from mytalk_core.data.footage import Source
from mytalk_core.data.manifest import Kind, ManifestRow, Status
from mytalk_core.data.schema import ClipSample
from mytalk_core.errors import MytalkError, Reason
from mytalk_core.faces.alignment import head_turn
from mytalk_core.faces.face_motion import face_motion
from mytalk_core.faces.landmark_scheme import SCHEMES
from mytalk_core.faces.shape import face_height
from mytalk_core.media.clock import format_rate
from mytalk_core.media.probe import probe_video

# Reasons of footage that is sound but shows nothing to learn from.
_FILTERS = frozenset({Reason.NO_FACE, Reason.FACE_TOO_SMALL, Reason.TOO_SHORT})


def clip_row(sample: ClipSample, source: Source, shard: str, config_id: str) -> ManifestRow:
    """The manifest row of a clip that went into a shard."""
    meta = sample.meta
    scheme = SCHEMES[meta.scheme]
    pose = face_motion(sample.landmarks, scheme).pose
    return ManifestRow(
        id=meta.key,
        kind=Kind.CLIP,
        source=str(source.path),
        title=source.title,
        speaker=source.speaker,
        status=Status.OK,
        stage="shard",
        frames=meta.frame_count,
        fps=format_rate(meta.fps),
        duration_seconds=float(meta.frame_count / meta.fps),
        face_share=1.0,
        face_height=float(np.median(face_height(sample.landmarks, scheme))),
        yaw_degrees=float(np.percentile(np.abs(head_turn(pose)), 95)),
        sync_offset=meta.sync_offset,
        sync_confidence=meta.sync_confidence,
        shard=shard,
        key=meta.key,
        config_id=config_id,
        versions=json.dumps(meta.versions, sort_keys=True),
    )


def source_row(source: Source, clips: list[ManifestRow], seconds: float) -> ManifestRow:
    """The row of a source that gave clips."""
    info = probe_video(source.path)
    kept = sum(row.duration_seconds for row in clips)
    return ManifestRow(
        id=source.title,
        kind=Kind.SOURCE,
        source=str(source.path),
        title=source.title,
        speaker=source.speaker,
        status=Status.OK,
        stage="shard",
        seconds_spent=seconds,
        frames=info.frame_estimate,
        fps=format_rate(info.fps),
        duration_seconds=float(info.duration),
        face_share=min(1.0, kept / float(info.duration)),
        face_height=float(np.median([row.face_height for row in clips])),
        yaw_degrees=max(row.yaw_degrees for row in clips),
        shard=clips[0].shard,
        config_id=clips[0].config_id,
        versions=clips[0].versions,
    )


def failed_row(source: Source, error: MytalkError, seconds: float, config_id: str) -> ManifestRow:
    """The row of a source that gave no clip: filtered where the footage is sound, else failed."""
    filtered = error.reason in _FILTERS
    return ManifestRow(
        id=source.title,
        kind=Kind.SOURCE,
        source=str(source.path),
        title=source.title,
        speaker=source.speaker,
        status=Status.FILTERED if filtered else Status.FAILED,
        reason=error.reason,
        error_class=None if filtered else error.error_class,
        message=str(error),
        stage="clips",
        seconds_spent=seconds,
        config_id=config_id,
    )
