"""Evidence for who speaks in a film: every visible face against the sound, and the voices.

It depends on picture and sound of the film only, so that all languages share it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mytalk_core.films.face_track import FaceTrack
from mytalk_core.films.film_faces import FilmFaces, track_id
from mytalk_core.films.members import TrackId
from mytalk_core.films.speech_clarity import speech_clarity
from mytalk_core.films.spoken_stretches import Stretch, StretchConfig, spoken_stretches
from mytalk_core.films.sync_evidence import (
    SyncSample,
    film_offset,
    in_step,
    offset_curve,
    sync_sample,
)
from mytalk_core.films.track_lips import Span, TrackLips, mouth_movement
from mytalk_core.media.clock import MOTION_FPS, SPEECH_SAMPLE_RATE, frame_at, frame_time, sample_at
from mytalk_core.speech.stretches import samples_of
from mytalk_core.speech.transcript import Interval
from mytalk_core.speech.voice_embedding import VoiceEmbedder
from mytalk_core.sync.clip import lip_motion, log_mel
from mytalk_core.sync.light_expert import LightExpert
from mytalk_core.sync.offsets import MAX_OFFSET

Array = NDArray[np.float32]


@dataclass(frozen=True)
class EvidenceConfig:
    """How faces are compared with the sound."""

    stretches: StretchConfig = field(default_factory=StretchConfig)
    # Frames at 25 fps to which a shorter stretch is extended by the silence around it ...
    wanted: int = 25
    # ... by at most so many frames on either side.
    borrowed: int = 10
    # Fewest frames of a face, at 25 fps, that are compared: windows have 5.
    fewest: int = 8
    # Share of these frames, 0..1, in which the face must be detected.
    seen: float = 0.5


@dataclass(frozen=True)
class FaceEvidence:
    """A face that is in the picture during a stretch."""

    track: TrackId
    sync: SyncSample  # at the film's offset
    movement: float  # standard deviation of the mouth opening, inter-ocular units
    seen: float  # share of the stretch, 0..1, in which the face is detected


@dataclass(frozen=True)
class StretchEvidence:
    """What speaks for each speaker of a stretch."""

    stretch: Stretch
    voice: Array  # (256,) from `VoiceEmbedder`
    clarity: float  # dB, from `speech_clarity`
    faces: tuple[FaceEvidence, ...]  # by track


@dataclass(frozen=True)
class SpeakerEvidence:
    """The evidence of a whole film."""

    offset: int  # frames at 25 fps by which the sound is late against the picture
    stretches: tuple[StretchEvidence, ...]  # by start


@dataclass(frozen=True)
class _SeenFace:
    """A face during a stretch, compared with its sound at all offsets."""

    track: TrackId
    lips: Array  # (W, E) embeddings
    first: int  # frame at 25 fps of the first window
    curve: NDArray[np.float64]  # (31,) from `offset_curve`
    movement: float
    seen: float


def film_evidence(
    faces: FilmFaces,
    sound: Array,
    expert: LightExpert,
    embedder: VoiceEmbedder,
    config: EvidenceConfig | None = None,
) -> SpeakerEvidence:
    """Compare all visible faces with the sound, and embed the voices.

    Args:
        sound: (N,) 16 kHz mono from the film's first frame on; may be memory-mapped.
    """
    chosen = config or EvidenceConfig()
    cuts = [faces.start(shot.first) for shot in faces.shots]
    stretches = spoken_stretches(sound, cuts, embedder, chosen.stretches)
    reader = _FaceReader(faces, chosen)
    sounds = _SoundReader(sound, expert)
    seen = [
        [_seen_face(track, span, reader, sounds, expert) for track, span in reader.visible(within)]
        for within in (_borrowing(number, stretches, chosen) for number in range(len(stretches)))
    ]
    heads = [max(each, key=lambda face: face.curve.max()) for each in seen if each]
    offset = film_offset([head.curve for head in heads], [len(head.lips) for head in heads])
    voiced = _Voiced(stretches, sounds, offset)
    return SpeakerEvidence(
        offset,
        tuple(
            StretchEvidence(
                stretch,
                embedder.embed(samples_of(sound, stretch.interval)),
                speech_clarity(sound, stretch.interval),
                tuple(_judged(face, offset, voiced) for face in here),
            )
            for stretch, here in zip(stretches, seen, strict=True)
        ),
    )


class _FaceReader:
    """The faces of a film by time, with their lips."""

    def __init__(self, faces: FilmFaces, config: EvidenceConfig) -> None:
        self._config = config
        self._tracks = sorted(faces.tracks, key=lambda track: track.starts[0])
        self._starts = [track.starts[0] for track in self._tracks]
        self._longest = max((_length(track) for track in self._tracks), default=Fraction(0))
        self._lips: dict[TrackId, TrackLips] = {}

    def visible(self, within: Span) -> list[tuple[FaceTrack, Span]]:
        """Return the tracks with enough frames in a span at 25 fps, and those frames."""
        start, end = (frame_time(frame, MOTION_FPS) for frame in within)
        found = []
        first = bisect_left(self._starts, start - self._longest)
        for track in self._tracks[first : bisect_right(self._starts, end)]:
            if track.starts[-1] < start:
                continue
            lips = self.lips(track)
            own = lips.span
            span = max(own[0], within[0]), min(own[1], within[1])
            if span[1] - span[0] < self._config.fewest or lips.seen(span) < self._config.seen:
                continue
            found.append((track, span))
        return sorted(found, key=lambda pair: track_id(pair[0]))

    def lips(self, track: FaceTrack) -> TrackLips:
        """Return the reader of a track's lips."""
        name = track_id(track)
        if name not in self._lips:
            self._lips[name] = TrackLips(track)
        return self._lips[name]


class _SoundReader:
    """Embeddings of the sound at 25 fps, piece by piece, as of clips of a few seconds."""

    def __init__(self, sound: Array, expert: LightExpert) -> None:
        self._sound = sound
        self._expert = expert

    def windows(self, first: int, count: int) -> Array:
        """Return the embeddings of `count` windows from a frame on, (count, E).

        The sound is silent before the film's start and after its end.
        """
        frames = count + 4  # of windows of five frames
        start, end = (
            sample_at(frame_time(frame, MOTION_FPS), SPEECH_SAMPLE_RATE) if frame >= 0 else 0
            for frame in (first, first + frames)
        )
        piece = self._sound[start:end]
        silence = sample_at(Fraction(max(-first, 0)) / MOTION_FPS, SPEECH_SAMPLE_RATE)
        padded = np.concatenate([np.zeros(silence, np.float32), piece])
        return self._expert.embed_sound(log_mel(padded, frames))


class _Voiced:
    """Embeddings of all voiced sound of a film, one stretch after the other."""

    def __init__(self, stretches: Sequence[Stretch], sounds: _SoundReader, offset: int) -> None:
        spans = [_frames(stretch.interval) for stretch in stretches]
        pieces = [_between(sounds, first + offset, end + offset) for first, end in spans]
        self.rows: Array = np.concatenate(pieces) if pieces else np.zeros((0, 1), np.float32)
        self._firsts = [first for first, _ in spans]
        self._rows_before = np.cumsum([0, *(len(piece) for piece in pieces)])

    def row(self, frame: int) -> int:
        """Return the row of a frame, or of the one before it that is voiced."""
        number = max(bisect_right(self._firsts, frame) - 1, 0)
        before, after = self._rows_before[number : number + 2]
        return int(min(before + max(frame - self._firsts[number], 0), after))


def _seen_face(
    track: FaceTrack, span: Span, reader: _FaceReader, sounds: _SoundReader, expert: LightExpert
) -> _SeenFace:
    lips = reader.lips(track)
    shapes = lips.shapes(span)
    embedded = expert.embed_lips(lip_motion(shapes))
    around = sounds.windows(span[0] - MAX_OFFSET, len(embedded) + 2 * MAX_OFFSET)
    return _SeenFace(
        track=track_id(track),
        lips=embedded,
        first=span[0],
        curve=offset_curve(embedded, around),
        movement=mouth_movement(shapes, track),
        seen=lips.seen(span),
    )


def _between(sounds: _SoundReader, first: int, end: int) -> Array:
    """Return the embeddings of windows [first, end), computed with the sound around them."""
    around = sounds.windows(first - MAX_OFFSET, end - first + 2 * MAX_OFFSET)
    return around[MAX_OFFSET:-MAX_OFFSET]


def _judged(face: _SeenFace, offset: int, voiced: _Voiced) -> FaceEvidence:
    similarity = in_step(face.curve, offset)
    sync = sync_sample(similarity, face.lips, voiced.rows, voiced.row(face.first))
    return FaceEvidence(face.track, sync, face.movement, face.seen)


def _borrowing(number: int, stretches: Sequence[Stretch], config: EvidenceConfig) -> Span:
    """Return the frames of a stretch; of a short one, with some of the silence around it."""
    first, end = _frames(stretches[number].interval)
    lacking = config.wanted - (end - first)
    if lacking <= 0:
        return first, end
    reach = min(-(-lacking // 2), config.borrowed)
    before = _frames(stretches[number - 1].interval)[1] if number else 0
    after = number + 1
    limit = _frames(stretches[after].interval)[0] if after < len(stretches) else end + reach
    return min(max(first - reach, before), first), max(min(end + reach, limit), end)


def _frames(interval: Interval) -> Span:
    return frame_at(interval.start, MOTION_FPS), frame_at(interval.end, MOTION_FPS)


def _length(track: FaceTrack) -> Fraction:
    return track.starts[-1] - track.starts[0]
