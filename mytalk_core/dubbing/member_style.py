"""How a member of the cast speaks, learned from all that they say in the film."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mytalk_core.dubbing.own_style import StyleSpan, StyleStretch, learn_own_style, style_stretches
from mytalk_core.dubbing.stage import Stage, StageContext
from mytalk_core.dubbing.stage_configs import OwnStyleConfig
from mytalk_core.films.stored_array import StoredArray, store_array
from mytalk_core.media.clock import MOTION_FPS, SPEECH_SAMPLE_RATE, frame_time, sample_at
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.motion.style import with_speech_map
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.speech.per_frame import speech_frames

CONTEXT = 25
"""Motion frames of sound on both sides that the encoder is given as context."""


@dataclass(frozen=True)
class MemberStyle:
    """How a person speaks."""

    summary: str  # for the report: what was learned, or why nothing was
    speech_map: StoredArray | None = None  # of `SpeechToMotion`; None: no style was learned
    # (N, 3 M) shapes of another clip, for the identity extractor
    shapes: NDArray[np.float32] | None = None

    def applied(self, model: SpeechToMotion) -> SpeechToMotion:
        """The model in this style; `model` is not changed."""
        if self.speech_map is None:
            return model
        return with_speech_map(model, np.array(self.speech_map.read()))


@dataclass(frozen=True)
class StyleRequest:
    """A person of a film, and where they speak in its own sound."""

    sound: StoredArray  # (N,) float32, 16 kHz mono, from the first frame on
    spans: tuple[StyleSpan, ...]
    config: OwnStyleConfig
    models: str  # digest of the weights


def learn_style(request: StyleRequest, context: StageContext) -> MemberStyle:
    """Learn the style of a person from the film's own sound."""
    return learned_style(request.sound.read(), request.spans, request.config, context)


def learned_style(
    samples: NDArray[np.float32],
    spans: Sequence[StyleSpan],
    config: OwnStyleConfig,
    context: StageContext,
) -> MemberStyle:
    """Learn the style of a person where they speak in a sound.

    Args:
        samples: (N,) 16 kHz mono; may be mapped from disk.
    """
    tools = context.tools
    chosen = style_stretches(spans, config)
    stretches = []
    for done, (span, first, end) in enumerate(chosen, 1):
        around = (first - config.largest_offset, end + config.largest_offset)
        speech = encoded_between(samples, *around, tools.speech_encoder)
        stretches.append(StyleStretch(span, first, speech))
        context.progress("learning how the actors speak", done, len(chosen))
    learned = learn_own_style(tools.motion, stretches, config)
    if learned.speech_map is None:
        return MemberStyle(learned.summary)
    stored = store_array(context.folder / "speech-map", [learned.speech_map])
    return MemberStyle(learned.summary, stored)


def encoded_between(
    samples: NDArray[np.float32], first: int, end: int, encoder: SpeechEncoder
) -> NDArray[np.float16]:
    """Speech features of motion frames [first, end), (T, C); silent beyond the sound.

    Args:
        samples: (N,) 16 kHz mono; may be mapped from disk.
    """
    low, high = first - CONTEXT, end + CONTEXT
    start, stop = (_sample(frame) for frame in (low, high))
    inside = np.asarray(samples[max(start, 0) : max(stop, 0)])
    before = max(-start, 0)
    padded = np.pad(inside, (before, stop - start - before - len(inside)))
    features = np.concatenate([*speech_frames(encoder.encode_blocks([padded]))])
    return features[CONTEXT : CONTEXT + end - first]


def _sample(frame: int) -> int:
    length = sample_at(frame_time(abs(frame), MOTION_FPS), SPEECH_SAMPLE_RATE)
    return length if frame >= 0 else -length


NO_SOUND = MemberStyle("the film has no sound to learn a style from")
STYLE = Stage("style", 2, StyleRequest, MemberStyle, learn_style)
