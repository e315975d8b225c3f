"""Extract clip samples from a segment of footage: tracks, crops, sound and measurements.

The segment is decoded once to find faces and once to crop them. The frames of a short segment are
kept in memory in between; longer ones are decoded again, so that memory is bounded.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mytalk_core.data.names import printable
from mytalk_core.data.schema import ClipMeta, ClipSample
from mytalk_core.faces.crop import cut_crop
from mytalk_core.faces.embedding import clip_embedding
from mytalk_core.faces.picture_hash import picture_hash
from mytalk_core.faces.picture_quality import landmark_jitter, sharpness
from mytalk_core.faces.shape import face_height
from mytalk_core.faces.square_pixels import stored_boxes
from mytalk_core.faces.tracks import Track, simultaneous_faces
from mytalk_core.footage.footage_models import FootageModels
from mytalk_core.footage.segment_faces import find_tracks
from mytalk_core.footage.segment_sound import (
    SegmentSound,
    SyncOffsets,
    measure_offsets,
    read_sound,
)
from mytalk_core.footage.stages import Stage, StageLog
from mytalk_core.footage.track_parts import (
    DroppedTrack,
    FootageConfig,
    Observed,
    TrackPart,
    judge_track,
)
from mytalk_core.footage.units import Segment
from mytalk_core.media.audio import pcm16
from mytalk_core.media.clock import MOTION_FPS
from mytalk_core.media.decode import Frame, iter_frames_at
from mytalk_core.speech.fingerprint import audio_hash
from mytalk_core.speech.transcript import Interval
from mytalk_core.speech.voice_activity import speech_mask, voice_intervals

_RATE = int(MOTION_FPS)
# Decoded frames kept between the two passes, bytes.
_KEPT_BYTES = 128 * 2**20


@dataclass(frozen=True)
class Clip:
    """A clip sample and its measurements for the manifest."""

    sample: ClipSample
    face_share: float  # share of its frames in which the face was detected, 0..1
    face_height: float  # median, pixels
    yaw_degrees: float  # 95th percentile of the absolute yaw
    faces: int  # most faces in one frame of the track
    sharpness: float
    jitter: float  # inter-ocular units
    speech_share: float  # 0..1
    audio_hash: bytes
    picture_hash: bytes
    embedding: tuple[float, ...]  # empty without an embedder


class _Pictures:
    """The frames of a segment, kept in memory while they fit into `_KEPT_BYTES`."""

    def __init__(self) -> None:
        self._frames: list[Frame] | None = []
        self._room = _KEPT_BYTES
        self.pixel_aspect = Fraction(1)  # of the latest frame

    def remember(self, frame: Frame) -> None:
        """Keep a frame; when the room is exceeded, drop all frames."""
        self._room -= frame.image.nbytes
        self.pixel_aspect = frame.pixel_aspect
        if self._frames is not None:
            self._frames.append(frame)
        if self._room < 0:
            self._frames = None

    def between(self, path: Path, first: int, end: int) -> Iterator[Frame]:
        """Yield frames [first, end), decoded again if they were dropped."""
        if self._frames is None:
            return iter_frames_at(path, MOTION_FPS, first, end, threads=1)
        return (frame for frame in self._frames if first <= frame.index < end)


def extract_clips(
    segment: Segment,
    path: Path,
    models: FootageModels,
    config: FootageConfig,
    versions: dict[str, str],
    log: StageLog,
) -> Iterator[Clip | DroppedTrack]:
    """Yield the dropped tracks of a segment, then its clips in the order in which they end.

    Args:
        segment: frames of a source.
        path: a local copy of the segment's source.
        models: the models.
        config: crops, shots, tracks and durations.
        versions: program and models, for the samples.
        log: receives counts and times of the stages.

    Raises:
        BadInputError: as decoding does; NO_FACE where no frame shows one, FACE_TOO_SMALL where it
            is too small.
    """
    pictures = _Pictures()
    tracks, observed = find_tracks(segment, path, models, config, pictures.remember, log)
    with log.timed(Stage.TRACKS):
        parts, dropped = _judge_tracks(segment, tracks, observed, config, log)
    yield from dropped
    if not parts:
        return
    with log.timed(Stage.SYNC):
        sound = read_sound(segment, path)
        offsets = measure_offsets(parts, sound, models)
        voices = voice_intervals(sound.samples)
    origin = _SampleOrigin(segment, config.crop.size, versions, pictures.pixel_aspect)
    builder = _ClipBuilder(origin, models, sound, offsets, voices, log)
    for part, crops in _cut(path, pictures, parts, config.crop.size, log):
        yield builder.build(part, crops)


def _judge_tracks(
    segment: Segment,
    tracks: Sequence[Track],
    observed: Observed,
    config: FootageConfig,
    log: StageLog,
) -> tuple[list[TrackPart], list[DroppedTrack]]:
    parts: list[TrackPart] = []
    dropped: list[DroppedTrack] = []
    for track, together in zip(tracks, simultaneous_faces(tracks), strict=True):
        judged = judge_track(segment, track, together, observed, config)
        if isinstance(judged, DroppedTrack):
            log.count(Stage.TRACKS, filtered=1)
            dropped.append(judged)
        else:
            log.count(Stage.TRACKS, done=1, seconds=len(track.seen) / _RATE)
            parts += judged
    return parts, dropped


@dataclass(frozen=True)
class _SampleOrigin:
    """Metadata shared by the samples of a segment."""

    segment: Segment
    crop_size: int
    versions: dict[str, str]
    pixel_aspect: Fraction


@dataclass(frozen=True)
class _ClipBuilder:
    """Completes parts of tracks to clips: sound, features and measurements."""

    origin: _SampleOrigin
    models: FootageModels
    sound: SegmentSound
    offsets: SyncOffsets
    voices: Sequence[Interval]
    log: StageLog

    def build(self, part: TrackPart, crops: NDArray[np.uint8]) -> Clip:
        """Build the clip of a part from its crops, (T, size, size, 3)."""
        seconds = len(part.seen) / _RATE
        shift = self.offsets.shift
        with self.log.timed(Stage.SYNC):
            own = self.sound.between(part.first + shift, part.end + shift)
            times = self.sound.times(part.first + shift, len(part.seen))
            speech_share = float(speech_mask(self.voices, times).mean())
            sound_hash = audio_hash(own)
            self.log.count(Stage.SYNC, done=1, seconds=seconds)
        with self.log.timed(Stage.SPEECH):
            speech = self.models.encoder.encode(own)
            self.log.count(Stage.SPEECH, done=1, seconds=seconds)
        with self.log.timed(Stage.CROPS):
            sharp, pictured = sharpness(crops), picture_hash(crops)
            embedding = self._embedding(part, crops)
        scheme = self.models.landmarker.scheme
        return Clip(
            sample=ClipSample(
                meta=self._meta(part),
                audio=pcm16(own),
                landmarks=part.landmarks,
                boxes=part.boxes,
                crops=crops,
                speech=speech,
            ),
            face_share=float(part.seen.mean()),
            face_height=float(np.median(face_height(part.landmarks, scheme))),
            yaw_degrees=float(np.percentile(np.abs(part.yaw), 95)),
            faces=part.faces,
            sharpness=sharp,
            jitter=landmark_jitter(part.landmarks, scheme),
            speech_share=speech_share,
            audio_hash=sound_hash,
            picture_hash=pictured,
            embedding=embedding,
        )

    def _meta(self, part: TrackPart) -> ClipMeta:
        origin, shift = self.origin, self.offsets.shift
        source = origin.segment.source
        offset, confidence = self.offsets.of_parts[part.key]
        return ClipMeta(
            key=part.key,
            source=printable(source.id),
            source_id=source.title,
            speaker=source.speaker,
            first_frame=part.first,
            frame_count=len(part.seen),
            fps=MOTION_FPS,
            scheme=self.models.landmarker.scheme.name,
            crop_size=origin.crop_size,
            sync_offset=float(offset - shift),
            sync_confidence=confidence,
            versions=origin.versions,
            sync_shift=float(shift),
            bridged=int((~part.seen).sum()),
            pixel_aspect=origin.pixel_aspect,
            licence=source.licence,
        )

    def _embedding(self, part: TrackPart, crops: NDArray[np.uint8]) -> tuple[float, ...]:
        """Face embedding of a clip without a speaker name, else nothing."""
        embedder = self.models.embedder
        if embedder is None or self.origin.segment.source.speaker:
            return ()
        return tuple(clip_embedding(embedder, crops, part.landmarks, part.boxes).tolist())


def _cut(
    path: Path, pictures: _Pictures, parts: Sequence[TrackPart], size: int, log: StageLog
) -> Iterator[tuple[TrackPart, NDArray[np.uint8]]]:
    """Yield parts with their crops (T, size, size, 3), in the order in which they end.

    All faces of a frame are cropped from one decoding.
    """
    waiting = sorted(parts, key=lambda part: (part.first, part.key))
    current: list[tuple[TrackPart, list[NDArray[np.uint8]]]] = []
    end = max(part.end for part in parts)
    frames = pictures.between(path, waiting[0].first, end)
    while waiting or current:
        with log.timed(Stage.CROPS):
            frame = next(frames)
            while waiting and waiting[0].first == frame.index:
                current.append((waiting.pop(0), []))
            for part, crops in current:
                box = stored_boxes(part.boxes[frame.index - part.first], frame.pixel_aspect)
                crops.append(cut_crop(frame.image, box, size))
            ended = [each for each in current if each[0].end == frame.index + 1]
            current = [each for each in current if each[0].end > frame.index + 1]
        for part, crops in sorted(ended, key=lambda each: each[0].key):
            log.count(Stage.CROPS, done=1, seconds=len(crops) / _RATE)
            yield part, np.stack(crops)
