"""Baselines of stage 1 that need little or no training, and the truth.

A baseline maps a `DubCase` to aligned shapes (frames, M, 3) in inter-ocular units.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from mytalk_core.evaluation.cases import DubCase, MotionClip
from mytalk_core.evaluation.regression import (
    LinearMap,
    Moments,
    choose_penalty,
    moments,
    ridge,
)
from mytalk_core.faces.alignment import Points
from mytalk_core.media.clock import MOTION_FPS, SPEECH_FEATURE_FPS
from mytalk_core.speech.loudness import loudness_dbfs


def truth(case: DubCase) -> Points:
    """Return the lips of the clip that the speech belongs to: the upper bound."""
    return case.truth


def true_motion(case: DubCase) -> Points:
    """Return the true motion on the source's mean shape; its error is the difference of the means.

    The means differ by posture, which no method knows of the target, and by the words spoken.
    """
    moved: Points = case.rest + (case.truth - case.target.rest)
    return moved


def source_untouched(case: DubCase) -> Points:
    """Return the source's own lips; in reconstruction they are the truth."""
    return case.source.shape[: case.frames]


def still_mouth(case: DubCase) -> Points:
    """Return the source's mean shape in every frame."""
    return np.repeat(case.rest[None], case.frames, axis=0)


def relative_loudness(audio: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Return the sound level of each frame in dB relative to the loudest, (frames, 1), <= 0.

    Args:
        audio: (N,) 16 kHz; frames past its end are silent.
    """
    fps = float(MOTION_FPS)
    level = loudness_dbfs(audio, np.arange(frames) / fps, 1 / fps)
    relative: NDArray[np.float32] = (level - level.max())[:, None]
    return relative


def speech_windows(speech: NDArray[np.float16], frames: int, context: int) -> NDArray[np.float32]:
    """Return the speech features of each frame and of `context` frames on either side.

    The features of one frame (40 ms) are the mean of its two rows; the end frames are repeated
    beyond the ends.

    Args:
        speech: (M, F) at 50 Hz, F = 512.

    Returns:
        (frames, (2 context + 1) * F).
    """
    per_frame = int(SPEECH_FEATURE_FPS / MOTION_FPS)
    rows = np.arange(frames)[:, None] * per_frame + np.arange(per_frame)
    own = speech[np.minimum(rows, len(speech) - 1)].astype(np.float32).mean(axis=1)
    around = np.arange(frames)[:, None] + np.arange(-context, context + 1)
    windows: NDArray[np.float32] = own[np.clip(around, 0, frames - 1)].reshape(frames, -1)
    return windows


@dataclass(frozen=True)
class RidgeConfig:
    """Ridge regression from speech features to displacement from the clip's mean shape."""

    # Frames of speech on either side, at 25 fps.
    context: int = 3
    # Penalties tried, relative to the unit variance of the standardised inputs.
    penalties: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0)
    # Groups of speakers for cross-validation of the penalty.
    folds: int = 3


@dataclass(frozen=True)
class SpeechRidge:
    """Lips as a linear function of the speech features around each frame."""

    model: LinearMap
    penalty: float  # chosen by cross-validation
    context: int  # frames

    def __call__(self, case: DubCase) -> Points:
        inputs = speech_windows(case.target.speech, case.frames, self.context)
        return case.rest + self.model(inputs).reshape(case.frames, *case.rest.shape)


def fit_speech_ridge(clips: Sequence[MotionClip], config: RidgeConfig | None = None) -> SpeechRidge:
    """Fit on training clips of at least two speakers, with the penalty chosen across speakers.

    Memory: one (F, F) float64 matrix per fold, F = 512 (2 context + 1): 103 MB at the default.
    """
    config = config or RidgeConfig()
    folds = [
        moments(
            (
                speech_windows(clip.speech, len(clip.shape), config.context),
                (clip.shape - clip.rest).reshape(len(clip.shape), -1),
            )
            for clip in fold
        )
        for fold in _speaker_folds(clips, config.folds)
    ]
    penalty = choose_penalty(folds, config.penalties)
    return SpeechRidge(ridge(reduce(Moments.__add__, folds), penalty), penalty, config.context)


def _speaker_folds(clips: Sequence[MotionClip], count: int) -> list[list[MotionClip]]:
    """Split clips into up to `count` folds of whole speakers, the largest speakers first."""
    by_speaker: dict[str, list[MotionClip]] = defaultdict(list)
    for clip in clips:
        by_speaker[clip.speaker].append(clip)
    folds: list[list[MotionClip]] = [[] for _ in range(min(count, len(by_speaker)))]
    for _, own in sorted(by_speaker.items(), key=lambda item: (-len(item[1]), item[0])):
        min(folds, key=len).extend(own)
    return folds


@dataclass(frozen=True)
class LoudnessOpening:
    """Lips as a linear function of the loudness of each frame."""

    model: LinearMap

    def __call__(self, case: DubCase) -> Points:
        loudness = relative_loudness(case.target.audio, case.frames)
        return case.rest + self.model(loudness).reshape(case.frames, *case.rest.shape)


def fit_loudness_opening(clips: Sequence[MotionClip]) -> LoudnessOpening:
    """Fit by least squares on training clips."""
    sums = moments(
        (
            relative_loudness(clip.audio, len(clip.shape)),
            (clip.shape - clip.rest).reshape(len(clip.shape), -1),
        )
        for clip in clips
    )
    return LoudnessOpening(ridge(sums, penalty=0.0))
