"""A segment of footage to clip samples: shots, tracks, crops, sound, and what was measured of them.

The footage is looked at twice, once to find faces and once to cut them out. What is short enough
is remembered in between, the rest decoded again, so that memory never holds the pictures of a film.
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
from mytalk_core.faces.landmark_scheme import MESH478, LandmarkScheme
from mytalk_core.faces.picture_hash import picture_hash
from mytalk_core.faces.picture_quality import landmark_jitter, sharpness
from mytalk_core.faces.shape import aperture, face_height
from mytalk_core.faces.square_pixels import stored_boxes
from mytalk_core.faces.tracks import simultaneous_faces
from mytalk_core.footage.footage_models import FootageModels
from mytalk_core.footage.segment_faces import find_tracks
from mytalk_core.footage.source_sync import offset_curve, trusted_shift
from mytalk_core.footage.stages import Stage, StageLog
from mytalk_core.footage.track_parts import (
    DroppedTrack,
    FootageConfig,
    TrackPart,
    judge_track,
)
from mytalk_core.footage.units import Segment
from mytalk_core.media.audio import pcm16, read_audio
from mytalk_core.media.clock import MOTION_FPS, SPEECH_SAMPLE_RATE, sample_at
from mytalk_core.media.decode import Frame, iter_frames_at
from mytalk_core.speech.fingerprint import audio_hash
from mytalk_core.speech.loudness import loudness_dbfs, loudness_shift, opening_offset
from mytalk_core.speech.voice_activity import speech_mask, voice_intervals
from mytalk_core.sync.offsets import score

_RATE = int(MOTION_FPS)
# Sound read on either side of a segment, so that it can be moved against the picture.
_SOUND_MARGIN = Fraction(1)
# Decoded pictures remembered from the first look to the second, bytes.
_REMEMBERED = 128 * 2**20


@dataclass(frozen=True)
class Clip:
    """A clip sample and what was measured of it for the manifest."""

    sample: ClipSample
    face_share: float  # share of its frames in which the face was found, 0..1
    face_height: float  # median, pixels
    yaw_degrees: float  # 95 % of its frames are turned by less
    faces: int  # most faces seen at once while it lasts
    sharpness: float
    jitter: float  # inter-ocular units
    speech_share: float  # 0..1
    audio_hash: bytes
    picture_hash: bytes
    embedding: tuple[float, ...]  # empty without an embedder


class _Pictures:
    """The frames of a segment, as long as they are few."""

    def __init__(self) -> None:
        self._frames: list[Frame] | None = []
        self._room = _REMEMBERED
        self.pixel_aspect = Fraction(1)  # of all that were shown

    def remember(self, frame: Frame) -> None:
        """Keep a frame; the one that is too many makes all be forgotten."""
        self._room -= frame.image.nbytes
        self.pixel_aspect = frame.pixel_aspect
        if self._frames is not None:
            self._frames.append(frame)
        if self._room < 0:
            self._frames = None

    def between(self, path: Path, first: int, end: int) -> Iterator[Frame]:
        """Frames [first, end), decoded again where they are not remembered."""
        if self._frames is None:
            return iter_frames_at(path, MOTION_FPS, first, end, threads=1)
        return (frame for frame in self._frames if first <= frame.index < end)


@dataclass(frozen=True)
class _Sound:
    """The sound around a segment."""

    samples: NDArray[np.float32]
    start: Fraction  # seconds of the source at which it begins

    def between(self, first: int, end: int) -> NDArray[np.float32]:
        """The sound under frames [first, end); silence before the source begins."""
        from_, to = (
            sample_at(frame / MOTION_FPS - self.start, SPEECH_SAMPLE_RATE) for frame in (first, end)
        )
        silence = np.zeros(max(0, min(to, 0) - from_), np.float32)
        return np.concatenate([silence, self.samples[max(from_, 0) : max(to, 0)]])


def extract_clips(
    segment: Segment,
    path: Path,
    models: FootageModels,
    config: FootageConfig,
    versions: dict[str, str],
    log: StageLog,
) -> Iterator[Clip | DroppedTrack]:
    """All that a segment holds: first the tracks that were dropped, then clips as they end.

    Args:
        path: a local copy of the segment's source.
        versions: program and models, for the samples.
        log: told what each stage did.

    Raises:
        BadInputError: as decoding does; NO_FACE where no frame shows one, FACE_TOO_SMALL where it
            is too small.
    """
    pictures = _Pictures()
    tracks, observed = find_tracks(segment, path, models, config, pictures.remember, log)
    with log.timed(Stage.TRACKS):
        faces = simultaneous_faces(tracks)
        parts: list[TrackPart] = []
        for track, together in zip(tracks, faces, strict=True):
            judged = judge_track(segment, track, together, observed, config)
            if isinstance(judged, DroppedTrack):
                log.count(Stage.TRACKS, filtered=1)
                yield judged
            else:
                log.count(Stage.TRACKS, done=1, seconds=len(track.seen) / _RATE)
                parts += judged
    if not parts:
        return
    with log.timed(Stage.SYNC):
        sound = _read_sound(segment, path)
        offsets, shift = _offsets(parts, sound, models)
        voices = voice_intervals(sound.samples)
    for part, crops in _cut(path, pictures, parts, config.crop.size, log):
        with log.timed(Stage.SYNC):
            own = sound.between(part.first + shift, part.end + shift)
            starts = [
                Fraction(frame + shift) / MOTION_FPS - sound.start
                for frame in range(part.first, part.end)
            ]
            spoken = float(speech_mask(voices, starts).mean())
            heard = audio_hash(own)
            log.count(Stage.SYNC, done=1, seconds=len(part.seen) / _RATE)
        with log.timed(Stage.SPEECH):
            speech = models.encoder.encode(own)
            log.count(Stage.SPEECH, done=1, seconds=len(part.seen) / _RATE)
        offset, confidence = offsets[part.key]
        with log.timed(Stage.CROPS):
            sharp, pictured = sharpness(crops), picture_hash(crops)
            embedding: tuple[float, ...] = ()
            if models.embedder is not None and not segment.source.speaker:
                embedding = tuple(
                    clip_embedding(models.embedder, crops, part.landmarks, part.boxes).tolist()
                )
        yield Clip(
            sample=ClipSample(
                meta=ClipMeta(
                    key=part.key,
                    source=printable(segment.source.id),
                    source_id=segment.source.title,
                    speaker=segment.source.speaker,
                    first_frame=part.first,
                    frame_count=len(part.seen),
                    fps=MOTION_FPS,
                    scheme=models.landmarker.scheme.name,
                    crop_size=config.crop.size,
                    sync_offset=float(offset - shift),
                    sync_confidence=confidence,
                    versions=versions,
                    sync_shift=float(shift),
                    bridged=int((~part.seen).sum()),
                    pixel_aspect=pictures.pixel_aspect,
                    licence=segment.source.licence,
                ),
                audio=pcm16(own),
                landmarks=part.landmarks,
                boxes=part.boxes,
                crops=crops,
                speech=speech,
            ),
            face_share=float(part.seen.mean()),
            face_height=float(np.median(face_height(part.landmarks, models.landmarker.scheme))),
            yaw_degrees=float(np.percentile(np.abs(part.yaw), 95)),
            faces=part.faces,
            sharpness=sharp,
            jitter=landmark_jitter(part.landmarks, models.landmarker.scheme),
            speech_share=spoken,
            audio_hash=heard,
            picture_hash=pictured,
            embedding=embedding,
        )


def _read_sound(segment: Segment, path: Path) -> _Sound:
    first = segment.first / MOTION_FPS
    start = max(Fraction(0), first - _SOUND_MARGIN)
    duration = None
    if segment.end is not None:
        duration = segment.end / MOTION_FPS + _SOUND_MARGIN - start
    return _Sound(read_audio(path, SPEECH_SAMPLE_RATE, start, duration), start)


def _offsets(
    parts: Sequence[TrackPart], sound: _Sound, models: FootageModels
) -> tuple[dict[str, tuple[int, float]], int]:
    """Offset and confidence of every part, and the shift that all of them together justify."""
    if models.landmarker.scheme != MESH478:
        return _offsets_by_loudness(parts, sound, models.landmarker.scheme)
    curves = [
        offset_curve(part.lips, sound.between(part.first, part.end), models.sync) for part in parts
    ]
    scores = {part.key: score(curve) for part, curve in zip(parts, curves, strict=True)}
    offsets = {key: (each.offset, each.confidence) for key, each in scores.items()}
    return offsets, trusted_shift(curves, [len(part.seen) for part in parts])


def _offsets_by_loudness(
    parts: Sequence[TrackPart], sound: _Sound, scheme: LandmarkScheme
) -> tuple[dict[str, tuple[int, float]], int]:
    """The same for landmarks that the expert does not know."""
    starts = [np.arange(len(part.seen)) / float(MOTION_FPS) for part in parts]
    pairs = [
        (
            aperture(part.landmarks, scheme),
            loudness_dbfs(sound.between(part.first, part.end), times, 1 / float(MOTION_FPS)),
        )
        for part, times in zip(parts, starts, strict=True)
    ]
    offsets = {part.key: opening_offset(*pair) for part, pair in zip(parts, pairs, strict=True)}
    return offsets, loudness_shift(pairs)


def _cut(
    path: Path, pictures: _Pictures, parts: Sequence[TrackPart], size: int, log: StageLog
) -> Iterator[tuple[TrackPart, NDArray[np.uint8]]]:
    """Parts with their crops (T, size, size, 3), in the order in which they end.

    Faces of the same frames are cut out of one decoding.
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
