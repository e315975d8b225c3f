"""The motion section of an evaluation (stage 1): reconstruction, cross and silence."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import iter_clips
from mytalk_core.data.splits import Split
from mytalk_core.evaluation.baselines import RidgeConfig
from mytalk_core.evaluation.cases import (
    cross_cases,
    other_sound_cases,
    read_motion_clips,
    reconstruction_cases,
    silence_cases,
)
from mytalk_core.evaluation.failures import FAILURES_NOTE, worst_cases
from mytalk_core.evaluation.motion_methods import (
    GATED,
    OURS,
    RIDGE,
    STILL,
    STYLED,
    TRUTH,
    Method,
    cross_methods,
    silence_methods,
    speaking_methods,
)
from mytalk_core.evaluation.motion_notes import (
    CLOSURE_NOTE,
    CROSS,
    OTHER_SOUND,
    OWN,
    RETRIEVED,
    TAUGHT,
    motion_notes,
)
from mytalk_core.evaluation.motion_table import (
    SEEDS,
    cross_over_own,
    diversity_table,
    silence_table,
    speaking_table,
)
from mytalk_core.evaluation.sections import Section
from mytalk_core.evaluation.speaker_retrieval import retrieval_table
from mytalk_core.evaluation.spoken import Speak
from mytalk_core.evaluation.taught import TaughtMotion, taught_cases
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.sync.expert import load_expert
from mytalk_core.sync.expert_file import Purpose

Advance = Callable[[int, int], None]
"""Called with the number of steps taken since the last call and the total number of steps."""

_BASELINE_CLIPS = 2000  # training clips that the baselines are fitted on at most


@dataclass(frozen=True)
class MotionEvaluation:
    """Options of `evaluate_motion`."""

    ridge: RidgeConfig | None = None
    speak: Speak | None = None  # finds the phones of clips; without it closure is not measured


def evaluate_motion(
    data: str | Path,
    split: Split,
    model: SpeechToMotion,
    encoder: SpeechEncoder,
    advance: Advance,
    options: MotionEvaluation | None = None,
) -> Section:
    """Measure `model` on a split, with baselines fitted on the training split of the same data.

    Args:
        data: folder (path or URL) that `mytalk curate` or `mytalk preprocess` wrote.

    Raises:
        BadInputError: where one of the two splits holds no clips.
    """
    options = options or MotionEvaluation()
    train_clips = islice(iter_clips(clip_index(data, "train")), _BASELINE_CLIPS)
    train = list(read_motion_clips(train_clips))
    clips = list(read_motion_clips(iter_clips(clip_index(data, split))))
    spoken = options.speak(clips) if options.speak else None
    if spoken:
        clips = list(spoken.clips)
    expert = load_expert(Purpose.EVALUATION)
    counts = Counter(clip.speaker for clip in clips)
    own, cross = reconstruction_cases(clips), cross_cases(clips)
    silent = silence_cases(clips, encoder.encode)
    other = other_sound_cases(clips, encoder.encode)
    taught = taught_cases(clips)
    total = len(own) + len(cross) + len(taught) + len(silent) + len(other)

    def step() -> None:
        advance(1, total)

    methods = speaking_methods(model, clips, train, options.ridge)
    tables = {OWN: speaking_table(methods, own, expert, step)}
    if cross:
        tables[CROSS] = speaking_table(cross_methods(methods), cross, expert, step)
        tables["what another clip's speech costs"] = cross_over_own(tables[CROSS], tables[OWN])
    if taught:
        own_speech = _named(methods, OURS, RIDGE, STILL, TRUTH)
        own_speech[STYLED] = TaughtMotion(model, taught)
        rest = [each.case for each in taught]
        tables[TAUGHT] = speaking_table(own_speech, rest, expert, step)
    some = _named(methods, OURS, RIDGE, STILL)
    tables[f"diversity over {SEEDS} seeds"] = diversity_table(some, own)
    if max(counts.values()) > 1 and len(counts) > 1:
        tables[RETRIEVED] = retrieval_table(model, clips)
    quiet = silence_methods(methods)
    tables["silence"] = silence_table(quiet, silent, step)
    # Whether voice activity detection takes such a sound for speech is not measured here.
    unguarded = {name: method for name, method in quiet.items() if name != GATED}
    tables[OTHER_SOUND] = silence_table(unguarded, other, step)
    notes = motion_notes(clips, train, split, methods, tables)
    if spoken:
        notes += (spoken.account + CLOSURE_NOTE,)
    shown = CROSS if cross else OWN  # a dub is cross
    failures = worst_cases(tables[shown], cross or own, methods)
    return Section("motion", "Speech to motion", notes, tables, failures, FAILURES_NOTE)


def _named(methods: Mapping[str, Method], *names: str) -> dict[str, Method]:
    """Those of the named methods that there are, in this order."""
    return {name: methods[name] for name in names if name in methods}
