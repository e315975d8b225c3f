"""The notes of the motion section: units, methods and definitions."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from mytalk_core.evaluation.cases import MotionClip
from mytalk_core.evaluation.closure import CLOSED_SHARE
from mytalk_core.evaluation.lip_metrics import LARGEST_LAG, OPEN_MOUTH_RATIO
from mytalk_core.evaluation.motion_methods import RIDGE, STYLE_CLIPS, STYLED
from mytalk_core.evaluation.motion_table import SEEDS
from mytalk_core.evaluation.sections import INTERVAL_NOTE, footage_note
from mytalk_core.evaluation.tables import counted
from mytalk_core.evaluation.taught import LEAST_TAUGHT, TAUGHT_SHARE

OWN = "reconstruction (own speech)"
CROSS = "cross (speech of another clip of the same speaker)"
TAUGHT = "own style (the first part of a recording teaches, the rest is measured)"
OTHER_SOUND = "sound that is no speech"
RETRIEVED = "who it is, by the identity vector"

CLOSURE_NOTE = (
    " M, B, P closed: share of these phones in which the opening comes down to the closed mouth"
    f" plus {CLOSED_SHARE:.0%} of the range to the wide open one (90th percentile), within the"
    " phone or one frame beside it. The range is that of the clip whose face moves; the threshold"
    " was chosen on training speakers. Open vowels shut: share of AA, AE, AH, AW, AY, EH, EY, IH,"
    " IY throughout which the mouth is as closed as that. Counted phone by phone."
)


def motion_notes(
    clips: Sequence[MotionClip],
    train: Sequence[MotionClip],
    split: str,
    methods: Collection[str],
    tables: Collection[str],
) -> tuple[str, ...]:
    """Return the notes, one paragraph each.

    Args:
        clips: measured; `train`: that the baselines are fitted on.
        methods: names of the methods measured; `tables`: titles of the tables.
    """
    keys: dict[str, list[str]] = defaultdict(list)
    for clip in clips:
        keys[clip.speaker].append(clip.key)
    footage = (
        footage_note(keys, split)
        + " Means are over the clips of a speaker, then over speakers."
        + INTERVAL_NOTE
    )
    return (
        footage,
        *_definitions(train),
        *_method_notes(methods),
        *_table_notes(tables),
    )


def _definitions(train: Sequence[MotionClip]) -> tuple[str, ...]:
    speakers = counted(len({clip.speaker for clip in train}), "speaker")
    return (
        "Unit: the distance of the outer eye corners is 1. Every frame is aligned by the similarity"
        " that fits its rigid upper face; distances are 2-D, without depth. Points: the 40 lip"
        " points of the mesh. Every method's motion starts from the mean shape of the source clip,"
        " so in cross no method knows the target's face.",
        "Ridge (regression from speech features) and loudness (an opening driven by the loudness of"
        " each frame) are fitted on the training split of the same data"
        f" ({counted(len(train), 'clip')} of {speakers}), on the same shapes and the same speech"
        " features as ours.",
        "LMD in the table of cross is cross-LMD. LSE-like numbers come from this project's own sync"
        " expert, which is not used in training: compare them with each other only, and together"
        " with LMD, since smooth motion scores better than true lips. Absolute offset: frames by"
        " which it finds the lips early or late; within 1 frame: share of clips.",
        "In step: aperture r at the one lag of the clip that fits best, in halves of a frame, at"
        f" most {LARGEST_LAG} frames. Far above aperture r, it shows footage whose sound is not in"
        " step. Opening / true: standard deviation of the opening over that of the true one.",
        f"LipLeak: share of frames whose mouth aspect ratio is above {OPEN_MOUTH_RATIO} when the"
        " clip is dubbed with digital silence. Source untouched: the same share while the person"
        " speaks. The voice gate of a dub closes the mouth where no voice is detected, as in"
        " silence. Loudness is left out there: it is relative to the loudest frame.",
        "Sound that is no speech: synthesised sirens, birds, applause and drums at the level of"
        " speech; training uses other sounds of this sort, but none of these.",
    )


def _method_notes(methods: Collection[str]) -> tuple[str, ...]:
    notes = []
    if STYLED in methods:
        notes.append(
            f"Own style: the model was given up to {STYLE_CLIPS} other clips of the person, with"
            " their sound. Neither the clip whose lips are moved nor the one whose speech is used"
            " is among them."
        )
    if RIDGE not in methods:
        notes.append("There is no ridge: the training split has a single speaker.")
    return tuple(notes)


def _table_notes(tables: Collection[str]) -> tuple[str, ...]:
    notes = []
    if CROSS in tables:
        notes.append(
            "True motion, source's face: the true motion of the target's lips about their mean, put"
            " on the mean of the source. It misses the posture of the face in the other clip and"
            " the effect of another sentence on the mean, so it is a guide and not a strict limit."
            " What another clip's speech costs: mean distance in cross over that in reconstruction"
            " of the same clips."
        )
    if TAUGHT in tables:
        notes.append(
            f"Own style of a recording: its first {float(TAUGHT_SHARE):.0%} teach, the rest is"
            f" measured; recordings of which less than {LEAST_TAUGHT} s would teach are left out."
        )
    notes.append(
        f"Diversity: mean distance between the lips of {SEEDS} seeds, own speech. Beside it, the"
        " same as a share of the mean distance between two frames of the true lips."
    )
    if RETRIEVED in tables:
        notes.append(
            "Who it is: the first half of a clip, as encoded by the identity extractor, is searched"
            " for among the second halves of all other clips. Mean shape: the same by the mean of"
            " the points, without a network."
        )
    if CROSS not in tables:
        notes.append("There is no cross table: no speaker has two clips.")
    return tuple(notes)
