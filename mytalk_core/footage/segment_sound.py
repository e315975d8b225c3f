"""The sound of a segment, and the sync offset of its tracks."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import MESH478, LandmarkScheme
from mytalk_core.faces.shape import aperture
from mytalk_core.footage.footage_models import FootageModels
from mytalk_core.footage.source_sync import offset_curve, trusted_shift
from mytalk_core.footage.track_parts import TrackPart
from mytalk_core.footage.units import Segment
from mytalk_core.media.audio import read_audio
from mytalk_core.media.clock import MOTION_FPS, SPEECH_SAMPLE_RATE, sample_at
from mytalk_core.speech.loudness import loudness_dbfs, loudness_shift, opening_offset
from mytalk_core.sync.offsets import late_by, score

# Sound read before and after a segment, so that it can be shifted against the picture. Seconds.
_MARGIN = Fraction(1)


@dataclass(frozen=True)
class SegmentSound:
    """The sound of a segment with a margin on either side."""

    samples: NDArray[np.float32]  # (N,) 16 kHz mono
    start: Fraction  # seconds of the source at the first sample

    def between(self, first: Fraction | int, end: Fraction | int) -> NDArray[np.float32]:
        """Return the sound of frames [first, end); silence before the start of the source."""
        from_, to = (
            sample_at(frame / MOTION_FPS - self.start, SPEECH_SAMPLE_RATE) for frame in (first, end)
        )
        silence = np.zeros(max(0, min(to, 0) - from_), np.float32)
        return np.concatenate([silence, self.samples[max(from_, 0) : max(to, 0)]])

    def times(self, first: Fraction | int, count: int) -> list[Fraction]:
        """Return the starts of `count` frames from `first`, in seconds from the first sample."""
        return [(first + frame) / MOTION_FPS - self.start for frame in range(count)]


def read_sound(segment: Segment, path: Path) -> SegmentSound:
    """Read the sound of a segment from a local copy of its source."""
    first = segment.first / MOTION_FPS
    start = max(Fraction(0), first - _MARGIN)
    duration = None
    if segment.end is not None:
        duration = segment.end / MOTION_FPS + _MARGIN - start
    return SegmentSound(read_audio(path, SPEECH_SAMPLE_RATE, start, duration), start)


@dataclass(frozen=True)
class SyncOffsets:
    """Sync offsets of the parts of a segment, before the sound is shifted."""

    of_parts: dict[str, tuple[float, float]]  # by key: offset in frames, and its confidence
    shift: Fraction  # frames by which to move the sound earlier, from all parts together


def measure_offsets(
    parts: Sequence[TrackPart], sound: SegmentSound, models: FootageModels
) -> SyncOffsets:
    """Measure the offsets by the sync expert or, for other landmarks than its own, by loudness."""
    if models.landmarker.scheme != MESH478:
        return _offsets_by_loudness(parts, sound, models.landmarker.scheme)
    curves = [
        offset_curve(part.lips, sound.between(part.first, part.end), models.sync) for part in parts
    ]
    offsets = {
        part.key: (late_by(curve, models.sync.in_step), score(curve).confidence)
        for part, curve in zip(parts, curves, strict=True)
    }
    lengths = [len(part.seen) for part in parts]
    return SyncOffsets(offsets, trusted_shift(curves, lengths, models.sync.in_step))


def _offsets_by_loudness(
    parts: Sequence[TrackPart], sound: SegmentSound, scheme: LandmarkScheme
) -> SyncOffsets:
    starts = [np.arange(len(part.seen)) / float(MOTION_FPS) for part in parts]
    pairs = [
        (
            aperture(part.landmarks, scheme),
            loudness_dbfs(sound.between(part.first, part.end), times, 1 / float(MOTION_FPS)),
        )
        for part, times in zip(parts, starts, strict=True)
    ]
    offsets = {part.key: opening_offset(*pair) for part, pair in zip(parts, pairs, strict=True)}
    return SyncOffsets(dict(offsets), Fraction(loudness_shift(pairs)))
