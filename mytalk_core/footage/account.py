"""Manifest rows of sources, of their segments and of the clips cut from them.

A unit's record holds rows of segments and clips. When all segments of a source are done, their rows
are reduced to one row of the source.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mytalk_core.data.manifest import Kind, ManifestRow, Status
from mytalk_core.data.names import printable
from mytalk_core.data.shard_set import ShardPlace
from mytalk_core.errors import MytalkError, Reason
from mytalk_core.footage.listing import Source
from mytalk_core.footage.stages import Stage
from mytalk_core.footage.units import Segment
from mytalk_core.media.clock import MOTION_FPS, format_rate

if TYPE_CHECKING:  # import libraries that a process without media does not need
    from mytalk_core.footage.clips import Clip
    from mytalk_core.footage.track_parts import DroppedTrack

# Reasons for which intact footage is filtered rather than failed.
_FILTERS = frozenset(
    {
        Reason.NO_FACE,
        Reason.FACE_TOO_SMALL,
        Reason.TOO_SHORT,
        Reason.TOO_TURNED,
        Reason.INTERLACED,
        Reason.IMPLAUSIBLE_FACE,
        Reason.STILL_FACE,
        Reason.MOUTH_OUTSIDE,
        Reason.MOUTH_COVERED,
    }
)


def clip_row(clip: Clip, source: Source, content_hash: str, config_id: str) -> ManifestRow:
    """Row of a clip that is not in a shard yet."""
    meta = clip.sample.meta
    return replace(
        _row(Kind.CLIP, source, config_id),
        id=meta.key,
        stage=Stage.SHARD,
        frames=meta.frame_count,
        fps=format_rate(meta.fps),
        duration_seconds=float(meta.frame_count / meta.fps),
        face_share=clip.face_share,
        face_height=clip.face_height,
        yaw_degrees=clip.yaw_degrees,
        sync_offset=meta.sync_offset,
        sync_confidence=meta.sync_confidence,
        sync_shift=meta.sync_shift,
        faces=clip.faces,
        sharpness=clip.sharpness,
        jitter=clip.jitter,
        speech_share=clip.speech_share,
        first_frame=meta.first_frame,
        key=meta.key,
        content_hash=content_hash,
        audio_hash=clip.audio_hash,
        picture_hash=clip.picture_hash,
        embedding=clip.embedding,
        versions=json.dumps(meta.versions, sort_keys=True),
    )


def placed_row(row: ManifestRow, place: ShardPlace) -> ManifestRow:
    """Row of a clip with its place in a shard."""
    return replace(row, shard=place.shard, offset=place.range.offset, size=place.range.size)


def dropped_row(track: DroppedTrack, source: Source, config_id: str) -> ManifestRow:
    """Row of a track that gave no clip."""
    return replace(
        _row(Kind.CLIP, source, config_id),
        id=track.key,
        status=Status.FILTERED,
        reason=track.reason,
        message=track.message,
        stage=Stage.TRACKS,
        frames=track.frames,
        fps=format_rate(MOTION_FPS),
        duration_seconds=float(track.frames / MOTION_FPS),
        face_height=track.face_height,
        yaw_degrees=track.yaw_degrees,
        faces=track.faces,
        first_frame=track.first_frame,
    )


def segment_row(
    segment: Segment,
    clips: Sequence[ManifestRow],
    seconds_spent: float,
    config_id: str,
    damaged_frames: int = 0,
) -> ManifestRow:
    """Row of a segment that was processed: ok where it gave a clip, else filtered.

    Args:
        damaged_frames: frames left out, at the canonical rate.
    """
    kept = [row for row in clips if row.status is Status.OK]
    reason, message = None, f"{damaged_frames} damaged frames left out" if damaged_frames else ""
    if not kept:
        reason = Counter(row.reason for row in clips).most_common(1)[0][0] if clips else None
        reason = reason or Reason.TOO_SHORT
        none = f"none of its {len(clips)} tracks is kept"
        message = f"{none}; {message}" if message else none
    return replace(
        _row(Kind.SEGMENT, segment.source, config_id),
        status=Status.OK if kept else Status.FILTERED,
        reason=reason,
        message=message,
        stage=Stage.SHARD if kept else Stage.TRACKS,
        seconds_spent=seconds_spent,
        duration_seconds=segment.seconds,
    )


def failed_row(
    item: Source | Segment, error: MytalkError, stage: Stage, seconds_spent: float, config_id: str
) -> ManifestRow:
    """Row of a source or segment that gave no clip: filtered where it is intact, else failed."""
    filtered = error.reason in _FILTERS
    if isinstance(item, Segment):
        row = replace(_row(Kind.SEGMENT, item.source, config_id), duration_seconds=item.seconds)
    else:
        row = _row(Kind.SOURCE, item, config_id)
    return replace(
        row,
        status=Status.FILTERED if filtered else Status.FAILED,
        reason=error.reason,
        error_class=None if filtered else error.error_class,
        message=printable(str(error)),
        stage=stage,
        seconds_spent=seconds_spent,
    )


def source_row(
    probed: ManifestRow, segments: Sequence[ManifestRow], clips: Sequence[ManifestRow]
) -> ManifestRow:
    """Reduce the rows of a source's segments and clips to the row of the source.

    A source with a failed segment is failed, so that a retry finds it; clips of its other segments
    are kept. Otherwise it is ok where it gave a clip, else filtered.

    Args:
        probed: its row from probing, with rate and duration.
        segments: rows of all its segments, in order.
        clips: rows of all its clips and dropped tracks.
    """
    kept = [row for row in clips if row.status is Status.OK]
    failed = [row for row in segments if row.status is Status.FAILED]
    spent = probed.seconds_spent + sum(row.seconds_spent for row in segments)
    row = replace(probed, seconds_spent=spent, stage=Stage.SHARD if kept else Stage.TRACKS)
    if kept:
        seconds = sum(row.duration_seconds * row.face_share for row in kept)
        row = replace(
            row,
            status=Status.OK,
            face_share=min(1.0, seconds / max(probed.duration_seconds, 1e-9)),
            face_height=float(np.median([clip.face_height for clip in kept])),
            yaw_degrees=max(clip.yaw_degrees for clip in kept),
            faces=max(clip.faces for clip in kept),
            shard=kept[0].shard,
            versions=kept[0].versions,
            message="; ".join(
                each.message for each in segments if each.message and each.status is Status.OK
            ),
        )
    if failed:
        first = failed[0]
        others = f" ({len(failed)} of {len(segments)} segments failed)"
        return replace(
            row,
            status=Status.FAILED,
            reason=first.reason,
            error_class=first.error_class,
            message=first.message + (others if len(segments) > 1 else ""),
            stage=first.stage,
        )
    if not kept:
        reasons = Counter(row.reason for row in segments)
        reason = reasons.most_common(1)[0][0]
        message = next(row.message for row in segments if row.reason is reason)
        row = replace(row, status=Status.FILTERED, reason=reason, message=message)
    return row


def probed_row(
    source: Source, frames: int, fps: str, seconds: float, config_id: str
) -> ManifestRow:
    """Row of a source after probing, with the values of its header."""
    return replace(
        _row(Kind.SOURCE, source, config_id),
        stage=Stage.PROBE,
        frames=frames,
        fps=fps,
        duration_seconds=seconds,
    )


def filtered_source(probed: ManifestRow, error: MytalkError) -> ManifestRow:
    """Row of a source that is filtered after probing; the values of its header are kept."""
    return replace(
        probed,
        status=Status.FILTERED,
        reason=error.reason,
        message=printable(f"{error.what} {error.remedy}"),
    )


def _row(kind: Kind, source: Source, config_id: str) -> ManifestRow:
    """Fields shared by the rows of a source, its segments and its clips."""
    return ManifestRow(
        id=printable(source.id),
        kind=kind,
        source=source.address,
        title=source.title,
        speaker=source.speaker,
        status=Status.OK,
        licence=source.licence,
        config_id=config_id,
    )
