"""Recordings whose first part teaches how the person speaks, and whose rest is measured."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from mytalk_core.evaluation.cases import DubCase, MotionClip
from mytalk_core.evaluation.motion_methods import ModelMotion, style_clip
from mytalk_core.faces.alignment import Points
from mytalk_core.media.clock import MOTION_FPS, SPEECH_FEATURE_FPS, SPEECH_SAMPLE_RATE
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.motion.style import with_style

TAUGHT_SHARE = Fraction(64, 100)
"""Share of a recording that teaches."""

LEAST_TAUGHT = 6
"""Seconds of the first part; shorter recordings are left out."""

_LEAST_REST = 25  # frames of a clip that is measured


@dataclass(frozen=True)
class TaughtCase:
    """A clip of the rest of a recording, and what the first part of it teaches."""

    case: DubCase
    seen: tuple[MotionClip, ...]


def taught_cases(clips: Sequence[MotionClip]) -> list[TaughtCase]:
    """Split each recording, a speaker's clips of one source, at `TAUGHT_SHARE` of its frames."""
    recordings: dict[tuple[str, str], list[MotionClip]] = defaultdict(list)
    for clip in sorted(clips, key=lambda clip: (clip.start, clip.key)):
        recordings[clip.speaker, clip.source].append(clip)
    return [case for own in recordings.values() for case in _of_recording(own)]


def _of_recording(own: Sequence[MotionClip]) -> Iterator[TaughtCase]:
    first = int(TAUGHT_SHARE * sum(len(clip.shape) for clip in own))
    if first < LEAST_TAUGHT * MOTION_FPS:
        return
    seen: list[MotionClip] = []
    rest: list[MotionClip] = []
    at = 0
    for clip in own:
        cut = min(max(first - at, 0), len(clip.shape))
        seen += [part_of(clip, 0, cut)] if cut else []
        rest += (
            [part_of(clip, cut, len(clip.shape))] if len(clip.shape) - cut >= _LEAST_REST else []
        )
        at += len(clip.shape)
    for clip in rest:
        yield TaughtCase(DubCase(clip, clip), tuple(seen))


def part_of(clip: MotionClip, first: int, end: int) -> MotionClip:
    """Return the frames [first, end) of a clip."""
    rows = int(SPEECH_FEATURE_FPS / MOTION_FPS)
    samples = int(SPEECH_SAMPLE_RATE / MOTION_FPS)
    low, high = first / MOTION_FPS, end / MOTION_FPS
    return replace(
        clip,
        shape=clip.shape[first:end],
        upper_face=clip.upper_face[first:end],
        speech=clip.speech[first * rows : end * rows],
        audio=clip.audio[first * samples : end * samples],
        start=clip.start + low,
        phones=tuple(
            replace(phone, start=phone.start - low, end=phone.end - low)
            for phone in clip.phones
            if low <= phone.start and phone.end <= high
        ),
    )


class TaughtMotion:
    """The model with the style that the first part of a case's recording teaches."""

    def __init__(self, model: SpeechToMotion, cases: Sequence[TaughtCase]) -> None:
        self._model = model
        self._seen = {_place(each.case): each.seen for each in cases}

    def __call__(self, case: DubCase) -> Points:
        style = [style_clip(clip) for clip in self._seen[_place(case)]]
        return ModelMotion(with_style(self._model, style))(case)


def _place(case: DubCase) -> tuple[str, str, Fraction]:
    return case.source.speaker, case.source.source, case.source.start
