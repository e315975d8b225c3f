"""What is dubbed with what: a case holds all that a method may see, and the answer."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.alignment import Points


@dataclass(frozen=True)
class MotionClip:
    """A clip without its pictures. M points are the scheme's `moving` ones."""

    key: str
    speaker: str
    shape: Points  # (T, M, 3) aligned, inter-ocular units, 25 fps
    speech: NDArray[np.float16]  # (2T', 512) speech features at 50 Hz
    audio: NDArray[np.float32]  # (N,) 16 kHz mono, -1..1

    @property
    def rest(self) -> Points:
        """The clip's mean shape, (M, 3)."""
        mean: Points = self.shape.mean(axis=0)
        return mean


@dataclass(frozen=True)
class DubCase:
    """The pictures of one clip, the speech of another or the same, and how the lips then move."""

    source: MotionClip  # whose pictures are dubbed
    target: MotionClip  # whose speech is heard, and whose lips are the answer
    rest: Points  # (M, 3) the speaker's mean shape, known beforehand

    @property
    def frames(self) -> int:
        """Frames that both clips have."""
        return min(len(self.source.shape), len(self.target.shape))

    @property
    def truth(self) -> Points:
        """(frames, M, 3)"""
        return self.target.shape[: self.frames]


def speaker_rest(clips: Iterable[MotionClip]) -> dict[str, Points]:
    """The mean shape (M, 3) of every speaker, each clip counting the same."""
    means: dict[str, list[Points]] = defaultdict(list)
    for clip in clips:
        means[clip.speaker].append(clip.rest)
    return {speaker: np.mean(rests, axis=0) for speaker, rests in means.items()}


def reconstruction_cases(clips: Iterable[MotionClip]) -> list[DubCase]:
    """Every clip with its own speech."""
    clips = list(clips)
    rest = speaker_rest(clips)
    return [DubCase(clip, clip, rest[clip.speaker]) for clip in clips]


def cross_cases(clips: Iterable[MotionClip]) -> list[DubCase]:
    """Every clip with the speech of the same speaker's next clip by key, the last with the first.

    Speakers with a single clip have no case.
    """
    ordered = sorted(clips, key=lambda clip: clip.key)
    rest = speaker_rest(ordered)
    by_speaker: dict[str, list[MotionClip]] = defaultdict(list)
    for clip in ordered:
        by_speaker[clip.speaker].append(clip)
    return [
        DubCase(source, target, rest[speaker])
        for speaker, own in sorted(by_speaker.items())
        if len(own) > 1
        for source, target in zip(own, own[1:] + own[:1], strict=True)
    ]
