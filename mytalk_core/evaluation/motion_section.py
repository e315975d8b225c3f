"""Stage 1 against its baselines: reconstruction, other speech of the same person, silence."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path

from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import iter_clips
from mytalk_core.data.splits import Split
from mytalk_core.evaluation.baselines import RidgeConfig
from mytalk_core.evaluation.cases import (
    MotionClip,
    cross_cases,
    other_sound_cases,
    read_motion_clips,
    reconstruction_cases,
    silence_cases,
)
from mytalk_core.evaluation.closure import CLOSED_SHARE
from mytalk_core.evaluation.failures import FAILURES_NOTE, worst_cases
from mytalk_core.evaluation.lip_metrics import OPEN_MOUTH_RATIO
from mytalk_core.evaluation.motion_methods import (
    GATED,
    OURS,
    RIDGE,
    STILL,
    STYLE_CLIPS,
    STYLED,
    Method,
    cross_methods,
    silence_methods,
    speaking_methods,
)
from mytalk_core.evaluation.motion_table import (
    SEEDS,
    cross_over_own,
    diversity_table,
    silence_table,
    speaking_table,
)
from mytalk_core.evaluation.sections import Section, footage_note
from mytalk_core.evaluation.speaker_retrieval import retrieval_table
from mytalk_core.evaluation.spoken import Speak
from mytalk_core.evaluation.tables import MetricTable, counted
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.sync.expert import load_expert
from mytalk_core.sync.expert_file import Purpose

Advance = Callable[[int, int], None]
"""Is told how many steps were taken since the last call, and how many there are in all."""

OWN = "reconstruction (own speech)"
OTHER_SOUND = "sound that is no speech"
RETRIEVED = "who it is, by the identity vector"
CROSS = "cross (speech of another clip of the same speaker)"

# Training clips that the baselines are fitted on at most: a linear map needs no more.
_BASELINE_CLIPS = 2000
_CLOSURE_NOTE = (
    " M, B, P closed: share of these phones in which the opening comes down to the shut mouth and"
    f" {CLOSED_SHARE:.0%} of the way from there to the wide open one (90th percentile), within the"
    " phone or one frame beside it; shut and open as the clip whose face moves shows them, the"
    " threshold chosen on training speakers. Open vowels shut: share of AA, AE, AH, AW, AY, EH,"
    " EY, IH, IY throughout which the mouth is as shut as that. Counted phone by phone."
)


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
    expert = load_expert(Purpose.EVALUATION)
    counts = Counter(clip.speaker for clip in clips)
    own, cross = reconstruction_cases(clips), cross_cases(clips)
    silent = silence_cases(clips, encoder.encode)
    other = other_sound_cases(clips, encoder.encode)
    total = len(own) + len(cross) + len(silent) + len(other)

    def step() -> None:
        advance(1, total)

    methods = speaking_methods(model, clips, train, ridge)
    tables = {OWN: speaking_table(methods, own, expert, step)}
    if cross:
        tables[CROSS] = speaking_table(cross_methods(methods), cross, expert, step)
        tables["what another clip's speech costs"] = cross_over_own(tables[CROSS], tables[OWN])
    tables[f"diversity over {SEEDS} seeds"] = diversity_table(
        {name: methods[name] for name in (OURS, RIDGE, STILL) if name in methods}, own
    )
    if max(counts.values()) > 1 and len(counts) > 1:
        tables[RETRIEVED] = retrieval_table(model, clips)
    quiet = silence_methods(methods)
    tables["silence"] = silence_table(quiet, silent, step)
    # Whether its voice activity takes such a sound for speech is not measured here.
    unguarded = {name: method for name, method in quiet.items() if name != GATED}
    tables[OTHER_SOUND] = silence_table(unguarded, other, step)
    notes = _notes(clips, train, split, methods, tables)
    if spoken:
        notes += (spoken.account + _CLOSURE_NOTE,)
    shown = CROSS if cross else OWN  # a dub is cross
    failures = worst_cases(tables[shown], cross or own, methods)
    return Section("motion", "Speech to motion", notes, tables, failures, FAILURES_NOTE)


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
        " LMD, for smooth motion pleases it more than true lips do. Absolute offset: frames by"
        " which it finds the lips early or late; within 1 frame: share of clips.",
        f"LipLeak: share of frames whose mouth aspect ratio is above {OPEN_MOUTH_RATIO} when the"
        " clip is dubbed with digital silence. Source untouched: the same share while the person"
        " speaks. The voice gate of a dub shuts the mouth where nobody is heard to speak, and"
        " silence is such a place. Loudness is left out there: it is relative to a loudest frame.",
        "Sound that is no speech: sirens, birds, applause and drums, synthesised, as loud as"
        " speech; training knows none of them, but others of the sort.",
    ]
    if STYLED in methods:
        notes.append(
            f"Own style: the model was shown up to {STYLE_CLIPS} other clips of the person, with"
            " their sound; neither the clip whose lips are moved nor the one whose speech is heard"
            " is among them."
        )
    if RIDGE not in methods:
        notes.append("There is no ridge: the training split has a single speaker.")
    if CROSS in tables:
        notes.append(
            "True motion, source's face: how the target's lips truly moved from their mean, put on"
            " the mean of the source. It misses how the person held the face in the other clip, and"
            " what another sentence makes of the mean: a mark to measure by, no strict limit. What"
            " another clip's speech costs: mean"
            " distance in cross over that in reconstruction of the same clips."
        )
    notes.append(
        f"Diversity: mean distance of the lips of {SEEDS} seeds from each other, own speech. Beside"
        " it, that as a share of the mean distance between two frames of the true lips."
    )
    if RETRIEVED in tables:
        notes.append(
            "Who it is: the first half of a clip, as the identity extractor sees it, is looked for"
            " among the second halves of all other clips. Mean shape: the same by the mean of the"
            " points, without any network."
        )
    if CROSS not in tables:
        notes.append("There is no cross table: no speaker has two clips.")
    return tuple(notes)
