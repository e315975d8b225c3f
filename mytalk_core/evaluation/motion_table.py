"""Stage 1 against its baselines: reconstruction, other speech of the same person, silence."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import iter_clips
from mytalk_core.data.splits import Split
from mytalk_core.evaluation.baselines import RidgeConfig
from mytalk_core.evaluation.cases import (
    DubCase,
    MotionClip,
    cross_cases,
    read_motion_clips,
    reconstruction_cases,
    silence_cases,
)
from mytalk_core.evaluation.closure import (
    CLOSED_SHARE,
    closures,
    lip_range,
    shut_vowels,
    signed_opening,
)
from mytalk_core.evaluation.lip_metrics import (
    OPEN_MOUTH_RATIO,
    lip_leak,
    lmd,
    motion_scores,
    mouth_aspect_ratio,
    velocity_error,
)
from mytalk_core.evaluation.motion_methods import (
    RIDGE,
    SOURCE,
    STYLE_CLIPS,
    STYLED,
    TRUTH,
    Method,
    silence_methods,
    speaking_methods,
)
from mytalk_core.evaluation.sections import Section, footage_note
from mytalk_core.evaluation.spoken import Speak
from mytalk_core.evaluation.tables import Measurement, Metric, MetricTable, counted, measurements
from mytalk_core.faces.alignment import Points
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.sync.clip import lip_motion
from mytalk_core.sync.expert import SyncExpert, load_expert
from mytalk_core.sync.score import lse_like

_CLOSURE_NOTE = (
    " M, B, P closed: share of these phones in which the opening comes down to the shut mouth and"
    f" {CLOSED_SHARE:.0%} of the way from there to the wide open one (90th percentile), within the"
    " phone or one frame beside it; shut and open as the clip whose face moves shows them, the"
    " threshold chosen on training speakers. Open vowels shut: share of AA, AE, AH, AW, AY, EH,"
    " EY, IH, IY throughout which the mouth is as shut as that. Counted phone by phone."
)

Advance = Callable[[int, int], None]
"""Is told how many steps were taken since the last call, and how many there are in all."""

# Training clips that the baselines are fitted on at most: a linear map needs no more.
_BASELINE_CLIPS = 2000
_SHORTEST_FOR_SYNC = 25  # frames

SPEAKING_METRICS = (
    Metric("lmd", "LMD", "lower", 4),
    Metric("aperture_r", "aperture r", "higher"),
    Metric("velocity_error", "velocity error", "lower", 4),
    Metric("lse_distance", "LSE-like distance", "lower"),
    Metric("lse_confidence", "LSE-like confidence", "higher"),
    Metric("lse_offset", "offset", "neither", 2),
    Metric("lse_abs_offset", "absolute offset", "lower", 2),
)
CLOSURE_METRICS = (
    Metric("closure", "M B P closed", "higher"),
    Metric("shut_vowels", "open vowels shut", "lower"),
)
SILENCE_METRICS = (
    Metric("lip_leak", "LipLeak", "lower"),
    Metric("aspect_ratio", "mouth aspect ratio", "neither"),
    Metric("lmd", "distance from the shut mouth", "neither", 4),
    Metric("velocity_error", "motion per frame", "lower", 4),
)


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
            shape = method(case)
            scores = _speaking_scores(case, shape, expert)
            rows += measurements(name, case.source.speaker, scores.items())
            rows += _closure(name, case, shape)
        step()
    # In reconstruction the untouched source is the truth.
    reconstruction = all(case.source is case.target for case in cases)
    references = {TRUTH, SOURCE} if reconstruction else {TRUTH}
    known = any(case.target.phones for case in cases)
    metrics = SPEAKING_METRICS + (CLOSURE_METRICS if known else ())
    return MetricTable(metrics, rows, frozenset(references))


def closure_table(methods: Mapping[str, Method], cases: Sequence[DubCase]) -> MetricTable:
    """Of M, B and P and of open vowels alone: quick, for models that are being built."""
    rows = [
        row
        for case in cases
        for name, method in methods.items()
        for row in _closure(name, case, method(case))
    ]
    return MetricTable(CLOSURE_METRICS, rows, frozenset({TRUTH}))


def _closure(method: str, case: DubCase, shape: Points) -> list[Measurement]:
    """One measurement for each phone that is judged, 1 where the lips are shut."""
    # The truth is another clip's face in another posture; all other methods move the source's.
    face = case.target if method == TRUTH else case.source
    opening = signed_opening(_flat_lips(case, shape), face.scheme)
    most = lip_range(face.shape, face.closed, face.scheme).closed_below
    found = {
        "closure": closures(opening, case.target.phones, most),
        "shut_vowels": shut_vowels(opening, case.target.phones, most),
    }
    return [
        Measurement(method, case.source.speaker, metric, float(shut))
        for metric, each in found.items()
        for shut in each
    ]


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
    speak: Speak | None = None,
) -> Section:
    """Measure `model` on a split, with baselines fitted on the training split of the same data.

    Args:
        data: folder (path or URL) that `mytalk curate` or `mytalk preprocess` wrote.
        speak: knows the phones of clips; without it closure is not measured.

    Raises:
        BadInputError: where one of the two splits holds no clips.
    """
    train_clips = islice(iter_clips(clip_index(data, "train")), _BASELINE_CLIPS)
    train = list(read_motion_clips(train_clips))
    clips = list(read_motion_clips(iter_clips(clip_index(data, split))))
    spoken = speak(clips) if speak else None
    if spoken:
        clips = list(spoken.clips)
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
    notes = _notes(clips, train, split, methods, tables)
    if spoken:
        notes += (spoken.account + _CLOSURE_NOTE,)
    return Section("motion", "Speech to motion", notes, tables)


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
            f"Own style: the model was shown up to {STYLE_CLIPS} other clips of the person, with"
            " their sound; neither the clip whose lips are moved nor the one whose speech is heard"
            " is among them."
        )
    if RIDGE not in methods:
        notes.append("There is no ridge: the training split has a single speaker.")
    if len(tables) < 3:
        notes.append("There is no cross table: no speaker has two clips.")
    return tuple(notes)
