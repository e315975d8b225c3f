"""Choose the face to dub where a shot shows several."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.shape import face_height
from mytalk_core.faces.tracks import Track

_MEASURED_FRAMES = 100  # of a track, that its size is measured on
# Tracks that share more time than this, in seconds, or more than half of the shorter one, show
# people who are in the picture together. Less is a dissolve, or one person who leaves as another
# enters.
_TOGETHER_SECONDS = 1

Frames = tuple[int, int]
"""First frame, end frame."""


def faces_to_dub(
    tracks: Sequence[Track], scheme: LandmarkScheme, fps: Fraction
) -> list[tuple[Track, Frames]]:
    """Choose tracks of a shot to dub, each with the frames in which it is; no frame has two.

    The largest of several people in the picture together is dubbed. The others are left alone in
    all of their frames, so that no face changes between dubbed and not dubbed within a shot.
    """
    chosen: list[tuple[Track, Frames]] = []
    for track in sorted(tracks, key=lambda each: (-_presence(each, scheme), each.number)):
        frames: Frames | None = (track.first, track.end)
        for other, _ in chosen:
            frames = frames and _beside(frames, track, other, fps)
        if frames is not None:
            chosen.append((track, frames))
    return sorted(chosen, key=lambda each: each[1])


def _beside(frames: Frames, track: Track, larger: Track, fps: Fraction) -> Frames | None:
    """The frames of a track without those of a larger one; None where both are seen together."""
    shared = min(track.end, larger.end) - max(track.first, larger.first)
    if shared <= 0:
        return frames
    shorter = min(track.end - track.first, larger.end - larger.first)
    if shared > _TOGETHER_SECONDS * fps or 2 * shared > shorter:
        return None
    first, end = frames
    first, end = (
        (first, min(end, larger.first))
        if track.first < larger.first
        else (max(first, larger.end), end)
    )
    return (first, end) if first < end else None


def _presence(track: Track, scheme: LandmarkScheme) -> float:
    """The median height of a face times the root of the number of its frames.

    A person who passes close to the camera does not displace the speaker behind them. A face whose
    track is interrupted once or twice, as a head turns, still counts more than a smaller face.
    """
    count = min(len(track.frames), _MEASURED_FRAMES)
    some = track.frames[np.linspace(0, len(track.frames) - 1, count).astype(int)]
    height = float(np.median(face_height(track.at(some), scheme)))
    return float(height * len(track.frames) ** 0.5)


def seen_span(track: Track, within: Frames) -> Frames | None:
    """The frames of a track in a span of the film, from the first to the last that show its face.

    Returns:
        None where no frame of the span shows it.
    """
    frames = track.frames[(track.frames >= within[0]) & (track.frames < within[1])]
    return (int(frames[0]), int(frames[-1]) + 1) if len(frames) else None
