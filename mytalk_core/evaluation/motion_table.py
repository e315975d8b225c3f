"""Stage 1 against its baselines: reconstruction, other speech of the same person, silence."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import iter_clips
from mytalk_core.data.splits import Split
from mytalk_core.evaluation.baselines import (
    RidgeConfig,
    fit_loudness_opening,
    fit_speech_ridge,
    source_untouched,
    still_mouth,
    truth,
)
from mytalk_core.evaluation.cases import (
    DubCase,
    MotionClip,
    cross_cases,
    read_motion_clips,
    reconstruction_cases,
    silence_cases,
)
from mytalk_core.evaluation.lip_metrics import (
    OPEN_MOUTH_RATIO,
    lip_leak,
    lmd,
    motion_scores,
    mouth_aspect_ratio,
    velocity_error,
)
from mytalk_core.evaluation.sections import Section, footage_note
from mytalk_core.evaluation.tables import Measurement, Metric, MetricTable, counted, measurements
from mytalk_core.faces.alignment import Points
from mytalk_core.motion.context import speech_per_frame
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.motion.sampling import generate_motion, identity_shapes
from mytalk_core.motion.style import StyleClip, with_style
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.sync.clip import lip_motion
from mytalk_core.sync.expert import SyncExpert, load_expert
from mytalk_core.sync.score import lse_like

Method = Callable[[DubCase], Points]
"""A case to aligned shapes (frames, M, 3), inter-ocular units."""

Advance = Callable[[int, int], None]
"""Is told how many steps were taken since the last call, and how many there are in all."""

OURS = "ours"
STYLED = "ours, own style"
RIDGE = "ridge"
LOUDNESS = "loudness"
STILL = "still mouth"
SOURCE = "source untouched"
TRUTH = "truth"
GATED = "ours + voice gate"

# Training clips that the baselines are fitted on at most: a linear map needs no more.
_BASELINE_CLIPS = 2000
_SHORTEST_FOR_SYNC = 25  # frames
# Other clips of a person that their style is learnt from at most: half a minute of GRID.
_STYLE_CLIPS = 10

SPEAKING_METRICS = (
    Metric("lmd", "LMD", "lower", 4),
    Metric("aperture_r", "aperture r", "higher"),
    Metric("velocity_error", "velocity error", "lower", 4),
    Metric("lse_distance", "LSE-like distance", "lower"),
    Metric("lse_confidence", "LSE-like confidence", "higher"),
    Metric("lse_offset", "offset", "neither", 2),
    Metric("lse_abs_offset", "absolute offset", "lower", 2),
)
SILENCE_METRICS = (
    Metric("lip_leak", "LipLeak", "lower"),
    Metric("aspect_ratio", "mouth aspect ratio", "neither"),
    Metric("lmd", "distance from the shut mouth", "neither", 4),
    Metric("velocity_error", "motion per frame", "lower", 4),
)


@dataclass(frozen=True)
class ModelMotion:
    """The lips that the trained model asks for."""

    model: SpeechToMotion
    seed: int = 0

    def __call__(self, case: DubCase) -> Points:
        shapes = case.source.shape.reshape(len(case.source.shape), -1)
        blocks = generate_motion(
            self.model,
            speech_per_frame(case.target.speech, case.frames),
            case.source.upper_face[: case.frames],
            identity_shapes(shapes),
            self.seed,
        )
        shape: Points = case.rest + np.concatenate(list(blocks))
        return shape


class StyledMotion:
    """The trained model once it has seen the person speak in other clips than the case's."""

    def __init__(self, model: SpeechToMotion, clips: Sequence[MotionClip]) -> None:
        self._model = model
        self._clips: dict[str, list[MotionClip]] = defaultdict(list)
        for clip in sorted(clips, key=lambda clip: clip.key):
            self._clips[clip.speaker].append(clip)

    def __call__(self, case: DubCase) -> Points:
        own = self._clips[case.source.speaker]
        # Those that follow the case's: not the same few for all of a person's cases.
        after = [clip.key for clip in own].index(case.source.key) + 1
        hidden = (case.source.key, case.target.key)
        others = [clip for clip in own[after:] + own[:after] if clip.key not in hidden]
        style = [_style_clip(clip) for clip in others[:_STYLE_CLIPS]]
        return ModelMotion(with_style(self._model, style))(case)


def _style_clip(clip: MotionClip) -> StyleClip:
    frames = len(clip.shape)
    return StyleClip(
        speech=speech_per_frame(clip.speech, frames),
        displacement=(clip.shape - clip.rest).reshape(frames, -1),
    )


def gated_silence(case: DubCase) -> Points:
    """What a dub shows where voice activity hears nobody: the gate is shut, and so the mouth."""
    return np.repeat(case.source.closed[None], case.frames, axis=0)


def speaking_methods(
    model: SpeechToMotion,
    clips: Sequence[MotionClip],
    train: Sequence[MotionClip],
    ridge: RidgeConfig | None = None,
) -> dict[str, Method]:
    """Ours and what it must beat on `clips`; ridge and loudness are fitted on `train`.

    Where a speaker has three clips or more, ours is also shown the others of the person. Without
    two speakers to choose its penalty with, there is no ridge.
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


def silence_methods(speaking: Mapping[str, Method]) -> dict[str, Method]:
    """The methods that know what to do with silence.

    Loudness is left out: it is measured against a clip's loudest frame, which silence has not.
    """
    heard = (OURS, STYLED, RIDGE, STILL)
    own = {name: method for name, method in speaking.items() if name in heard}
    return {OURS: own[OURS], GATED: gated_silence, **own, SOURCE: source_untouched}


def speaking_table(
    methods: Mapping[str, Method],
    cases: Sequence[DubCase],
    expert: SyncExpert,
    step: Callable[[], None],
) -> MetricTable:
    """Every method on cases with speech; `step` is called after each case."""
    rows: list[Measurement] = []
    for case in cases:
        for name, method in methods.items():
            scores = _speaking_scores(case, method(case), expert)
            rows += measurements(name, case.source.speaker, scores.items())
        step()
    # In reconstruction the untouched source is the truth.
    reconstruction = all(case.source is case.target for case in cases)
    references = {TRUTH, SOURCE} if reconstruction else {TRUTH}
    return MetricTable(SPEAKING_METRICS, rows, frozenset(references))


def silence_table(
    methods: Mapping[str, Method], cases: Sequence[DubCase], step: Callable[[], None]
) -> MetricTable:
    """Every method on cases with silence; `step` is called after each case."""
    rows: list[Measurement] = []
    for case in cases:
        for name, method in methods.items():
            scores = _silence_scores(case, method(case))
            rows += measurements(name, case.source.speaker, scores.items())
        step()
    return MetricTable(SILENCE_METRICS, rows, frozenset({SOURCE}))


def _speaking_scores(case: DubCase, shape: Points, expert: SyncExpert) -> dict[str, float]:
    predicted, true = _flat_lips(case, shape), _flat_lips(case, case.truth)
    scores = motion_scores(predicted, true, case.source.scheme)
    if case.frames >= _SHORTEST_FOR_SYNC:
        sync = lse_like(lip_motion(predicted), case.target.audio, expert)
        scores |= {
            "lse_distance": sync.distance,
            "lse_confidence": sync.confidence,
        }
        if np.ptp(predicted, axis=0).any():  # lips that never move are late for nothing
            scores |= {"lse_offset": sync.offset, "lse_abs_offset": abs(sync.offset)}
    return scores


def _silence_scores(case: DubCase, shape: Points) -> dict[str, float]:
    lips, shut = _flat_lips(case, shape), _flat_lips(case, case.truth)
    return {
        "lip_leak": lip_leak(lips, case.source.scheme),
        "aspect_ratio": float(mouth_aspect_ratio(lips, case.source.scheme).mean()),
        "lmd": lmd(lips, shut),
        "velocity_error": velocity_error(lips, shut),
    }


def _flat_lips(case: DubCase, shape: Points) -> Points:
    """The lips (T, L, 2) of moving points (T, M, 3)."""
    return shape[:, : len(case.source.scheme.lips), :2]


def evaluate_motion(
    data: str | Path,
    split: Split,
    model: SpeechToMotion,
    encoder: SpeechEncoder,
    advance: Advance,
    ridge: RidgeConfig | None = None,
) -> Section:
    """Measure `model` on a split, with baselines fitted on the training split of the same data.

    Args:
        data: folder (path or URL) that `mytalk curate` or `mytalk preprocess` wrote.

    Raises:
        BadInputError: where one of the two splits holds no clips.
    """
    train_clips = islice(iter_clips(clip_index(data, "train")), _BASELINE_CLIPS)
    train = list(read_motion_clips(train_clips))
    clips = list(read_motion_clips(iter_clips(clip_index(data, split))))
    expert = load_expert()
    cases = {
        "reconstruction (own speech)": reconstruction_cases(clips),
        "cross (speech of another clip of the same speaker)": cross_cases(clips),
    }
    silent = silence_cases(clips, encoder.encode)
    total = sum(len(some) for some in cases.values()) + len(silent)

    def step() -> None:
        advance(1, total)

    methods = speaking_methods(model, clips, train, ridge)
    tables = {
        title: speaking_table(methods, some, expert, step) for title, some in cases.items() if some
    }
    tables["silence"] = silence_table(silence_methods(methods), silent, step)
    return Section(
        "motion", "Speech to motion", _notes(clips, train, split, methods, tables), tables
    )


def _notes(
    clips: Sequence[MotionClip],
    train: Sequence[MotionClip],
    split: str,
    methods: Mapping[str, Method],
    tables: Mapping[str, MetricTable],
) -> tuple[str, ...]:
    keys: dict[str, list[str]] = defaultdict(list)
    for clip in clips:
        keys[clip.speaker].append(clip.key)
    speakers = counted(len({clip.speaker for clip in train}), "speaker")
    intervals = (
        " In brackets: where the mean would lie, 95 times of 100, were other clips of the same"
        " speakers measured; other speakers may differ by more."
    )
    notes = [
        footage_note(keys, split)
        + " Means are over the clips of a speaker, then over speakers."
        + intervals,
        "Unit: the distance of the outer eye corners is 1. Every frame is aligned by the similarity"
        " that fits its rigid upper face; distances are then 2-D, depth is left out. Points: the 40"
        " lip points of the mesh. Zero of every method's motion: the mean shape of the source clip,"
        " so in cross nobody sees the target's face.",
        "Ridge, regression from speech features, and loudness, an opening driven by how loud each"
        " frame is, are fitted on the training split of the same data"
        f" ({counted(len(train), 'clip')} of {speakers}), on the same shapes and the same speech"
        " features as ours.",
        "LMD in the table of cross is cross-LMD. LSE-like numbers come from this project's own sync"
        " expert, which trains nothing: compare them with each other only, and read them beside"
        " LMD, for smooth motion pleases it more than true lips do. Offset: in frames, positive"
        " where the sound is late.",
        f"LipLeak: share of frames whose mouth aspect ratio is above {OPEN_MOUTH_RATIO} when the"
        " clip is dubbed with digital silence. Source untouched: the same share while the person"
        " speaks. The voice gate of a dub shuts the mouth where nobody is heard to speak, and"
        " silence is such a place. Loudness is left out there: it is relative to a loudest frame.",
    ]
    if STYLED in methods:
        notes.append(
            f"Own style: the model was shown up to {_STYLE_CLIPS} other clips of the person, with"
            " their sound; neither the clip whose lips are moved nor the one whose speech is heard"
            " is among them."
        )
    if RIDGE not in methods:
        notes.append("There is no ridge: the training split has a single speaker.")
    if len(tables) < 3:
        notes.append("There is no cross table: no speaker has two clips.")
    return tuple(notes)
