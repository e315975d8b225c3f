"""The methods of stage 1 that are measured: the model in its variants, and the baselines."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mytalk_core.evaluation.baselines import (
    RidgeConfig,
    fit_loudness_opening,
    fit_speech_ridge,
    source_untouched,
    still_mouth,
    true_motion,
    truth,
)
from mytalk_core.evaluation.cases import DubCase, MotionClip
from mytalk_core.faces.alignment import Points
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.motion.sampling import generate_motion
from mytalk_core.motion.style import StyleClip, with_style
from mytalk_core.speech.per_frame import speech_per_frame

Method = Callable[[DubCase], Points]
"""Maps a case to aligned shapes (frames, M, 3), inter-ocular units."""

OURS = "ours"
STYLED = "ours, own style"
RIDGE = "ridge"
LOUDNESS = "loudness"
STILL = "still mouth"
SOURCE = "source untouched"
TRUTH = "truth"
TRUE_MOTION = "true motion, source's face"
GATED = "ours + voice gate"

# Other clips of a person used as style references at most: half a minute of GRID.
STYLE_CLIPS = 10


@dataclass(frozen=True)
class ModelMotion:
    """The lips that the trained model predicts."""

    model: SpeechToMotion
    seed: int = 0
    guidance: float = 1.0

    def __call__(self, case: DubCase) -> Points:
        blocks = generate_motion(
            self.model,
            speech_per_frame(case.target.speech, case.frames),
            case.source.upper_face[: case.frames],
            case.source.known,
            self.seed,
            self.guidance,
        )
        shape: Points = case.rest + np.concatenate(list(blocks))
        return shape

    def seeded(self, seed: int) -> "ModelMotion":
        """Return the same method with another noise seed."""
        return replace(self, seed=seed)


class StyledMotion:
    """The trained model with style references from other clips of the person."""

    def __init__(self, model: SpeechToMotion, clips: Sequence[MotionClip]) -> None:
        self._model = model
        self._clips: dict[str, list[MotionClip]] = defaultdict(list)
        for clip in sorted(clips, key=lambda clip: clip.key):
            self._clips[clip.speaker].append(clip)

    def __call__(self, case: DubCase) -> Points:
        own = self._clips[case.source.speaker]
        # The clips that follow the case's, so that a person's cases use different references.
        after = [clip.key for clip in own].index(case.source.key) + 1
        hidden = (case.source.key, case.target.key)
        others = [clip for clip in own[after:] + own[:after] if clip.key not in hidden]
        style = [style_clip(clip) for clip in others[:STYLE_CLIPS]]
        return ModelMotion(with_style(self._model, style))(case)


def style_clip(clip: MotionClip) -> StyleClip:
    """Return a clip as footage to learn a style from."""
    frames = len(clip.shape)
    return StyleClip(
        speech=speech_per_frame(clip.speech, frames),
        displacement=(clip.shape - clip.rest).reshape(frames, -1),
        closed=clip.closed_displacement,
    )


def gated_silence(case: DubCase) -> Points:
    """Return the closed mouth, which a dub shows where voice activity detection finds no voice."""
    return np.repeat(case.source.closed[None], case.frames, axis=0)


def speaking_methods(
    model: SpeechToMotion,
    clips: Sequence[MotionClip],
    train: Sequence[MotionClip],
    ridge: RidgeConfig | None = None,
) -> dict[str, Method]:
    """Return the model and the baselines; ridge and loudness are fitted on `train`.

    Where a speaker has three clips or more, the model is also measured with style references. Ridge
    needs two training speakers to choose its penalty and is left out otherwise.
    """
    methods: dict[str, Method] = {OURS: ModelMotion(model)}
    if max(Counter(clip.speaker for clip in clips).values()) > 2:
        methods[STYLED] = StyledMotion(model, clips)
    if len({clip.speaker for clip in train}) > 1:
        methods[RIDGE] = fit_speech_ridge(train, ridge)
    return methods | {
        LOUDNESS: fit_loudness_opening(train),
        STILL: still_mouth,
        SOURCE: source_untouched,
        TRUTH: truth,
    }


def cross_methods(speaking: Mapping[str, Method]) -> dict[str, Method]:
    """Add the true motion on the source's face to the methods."""
    return {**speaking, TRUE_MOTION: true_motion}


def silence_methods(speaking: Mapping[str, Method]) -> dict[str, Method]:
    """Return the methods that apply to silence.

    Loudness is left out: it is relative to a clip's loudest frame, which silence does not have.
    """
    applicable = (OURS, STYLED, RIDGE, STILL)
    own = {name: method for name, method in speaking.items() if name in applicable}
    return {OURS: own[OURS], GATED: gated_silence, **own, SOURCE: source_untouched}
