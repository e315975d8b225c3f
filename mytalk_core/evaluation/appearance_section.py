"""The part of an evaluation that is about stage 2: tables, how to read them, pictures."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from mytalk_core.appearance.perceptual import perceptual_lpips
from mytalk_core.appearance.reference_choice import SAME_MOMENT
from mytalk_core.appearance.renderer import Renderer, RendererConfig
from mytalk_core.data.splits import Split
from mytalk_core.evaluation.appearance_cases import AppearanceCases
from mytalk_core.evaluation.appearance_pictures import (
    EXAMPLES_NOTE,
    FAILURES_NOTE,
    AppearancePictures,
)
from mytalk_core.evaluation.appearance_scores import Judges
from mytalk_core.evaluation.appearance_table import (
    OTHER_CLIP,
    TRUTH,
    UNTOUCHED,
    AppearanceTables,
)
from mytalk_core.evaluation.lip_fidelity import LipReader
from mytalk_core.evaluation.pasting import CLIP_PASTED, MEAN_MOUTH, PASTED, PASTING
from mytalk_core.evaluation.redrawing import (
    APART,
    NEAR,
    OURS,
    RAW,
    REFERENCES,
    RUN,
    RUNS,
    Drawer,
    renderer_drawer,
)
from mytalk_core.evaluation.sections import Section, footage_note
from mytalk_core.evaluation.texture_metrics import DETAIL
from mytalk_core.faces.embedding import EMBEDDING_NAME, FaceEmbedder
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.media.prefetch import prefetched

Advance = Callable[[int, int], None]
"""Is told how many clips were measured since the last call, and how many there are in all."""


@contextmanager
def stored_judges(lpips: Path, landmarker: Path, embedding: Path) -> Iterator[Judges]:
    """All judges, from the model store's `perceptual-alexnet`, `face-landmarker`, `face-embedding`.

    They are of use until the context ends.
    """
    with MeshLandmarker(landmarker) as finder:
        yield Judges(
            lpips=perceptual_lpips(lpips),
            lips=LipReader(finder),
            embedder=FaceEmbedder(embedding, MESH478),
        )


def evaluate_appearance(
    data: Sequence[str | Path],
    split: Split,
    renderer: Renderer,
    judges: Judges,
    advance: Advance,
    others: Mapping[str, Drawer] | None = None,
) -> Section:
    """Measure `renderer` on a split of one or more data sets, beside copying.

    Args:
        data: folders (paths or URLs) that `mytalk curate` or `mytalk preprocess` wrote. Their crops
            may be of different sizes; each is drawn at its own.
        judges: what they cannot see is not in the tables.
        others: further methods by name.

    Raises:
        BadInputError: where a data set holds no clips of the split.
    """
    cases = AppearanceCases(data, split)
    drawers = {
        OURS: renderer_drawer(renderer),
        APART: renderer_drawer(renderer, apart=True),
        **(others or {}),
        **PASTING,
    }
    tables = AppearanceTables(drawers, judges)
    pictures = AppearancePictures()
    keys: dict[str, list[str]] = defaultdict(list)
    sizes = set()
    for clip in prefetched(cases, 1):
        for case in clip:
            drawn, scores = tables.add(case)
            pictures.add(case, drawn[OURS], scores)
        keys[clip[0].speaker].append(clip[0].source)
        sizes.add(clip[0].pictures.shape[1])
        advance(1, len(cases))
    return Section(
        "appearance",
        "Motion to appearance",
        _notes(keys, split, judges, renderer.config, sizes),
        tables.tables(),
        pictures.failures(),
        FAILURES_NOTE,
        pictures.examples(),
        EXAMPLES_NOTE,
    )


def _notes(
    keys: Mapping[str, Sequence[str]],
    split: str,
    judges: Judges,
    renderer: RendererConfig,
    crops: set[int],
) -> tuple[str, ...]:
    wide = " and ".join(map(str, sorted(crops)))
    missing = [
        name
        for name, judge in (
            ("LPIPS", judges.lpips),
            ("where lips are found again", judges.lips),
            ("identity", judges.embedder),
        )
        if judge is None
    ]
    notes = [
        footage_note(keys, split) + " Means are over the frames of a clip, its speaker's clips,"
        " then over speakers. In brackets: where the mean would lie, 95 times of 100, were other"
        " clips of the same speakers measured; other speakers may differ by more.",
        f"Crops of {wide} pixels are drawn again by a renderer that looks at {renderer.size}, shown"
        f" up to {REFERENCES} reference frames of the clip, so chosen that every mouth asked for"
        f" has one like it; each frame is drawn from the {renderer.looked_at} of them whose"
        f" landmarks are most like those asked for. {RUNS} runs of {RUN} consecutive frames of each"
        f" clip are measured; no reference is one of them or within {NEAR} frames of one.",
        "Reconstruction: the clip's own lips are asked for, and its frames are the truth. Cross:"
        " the lips and the jaw move as in another clip of the speaker, put on the clip's own"
        " resting face and posed with its head, as in a dub; no true picture exists.",
        f"{OURS}: blended into the frame as a dub does; {RAW}: put there up to the mask's edge;"
        f" {APART}: of references within {SAME_MOMENT} s of the frame only those that are by far"
        " the most like, as in a dub and in cross."
        f" {PASTED}: of four of these the one with the nearest lip shape; {CLIP_PASTED}: the"
        f" same of all frames of the clip but itself and {NEAR} on either side; {MEAN_MOUTH}: their"
        " mean. All three are carried by the similarity that fits the upper face, and blended in"
        " the same way.",
        "Mouth: the bounding box of the lips, a quarter larger on each side. PSNR is the mean over"
        " frames; pooled, it is that of the clip's mean squared error, which the worst frames rule."
        " LPIPS: Zhang et al. 2018, version 0.1, AlexNet, of the lower face; of the mouth, the mean"
        " of its map over the mouth region. SSIM and LPIPS are of every other frame.",
        "Lips from asked: mean distance of the 40 lip points that the landmarker finds in the drawn"
        " crop from those asked for, faces aligned on the rigid upper face, outer eye corners 1"
        f" apart; {TRUTH} has what the landmarker itself is off by. Opening r: correlation of the"
        " opening found with that asked for, mean over clips; pooled, of all clips of a speaker"
        " together, each clip's mean taken off. R with own opening: what of the opening found"
        " follows the original frame after what opening and width of the lips asked for explain"
        f" (partial correlation, of all clips together); {UNTOUCHED} is a whole leak. Share of own"
        " opening: the slope that belongs to it, how much of the original's opening, the same taken"
        " out of it, is seen in the opening found. Beyond blind: the same, where the opening that"
        f" is found in a blind drawing explains, too. That is {OURS} of the same landmarks, but"
        " shown the face around the mouth as it is half a clip later, and no reference within"
        f" {SAME_MOMENT} s; it is blended into the same frame. It cannot know how the mouth stood:"
        " what it has in common with it comes of the landmarks, and of what the surroundings of a"
        " mouth do to the landmarker.",
        "Over source, 1 being as in the clip's own frames. Sharpness: mean square of what is finer"
        f" than a Gaussian of {DETAIL} inter-ocular units in the mouth region. Flicker: mean"
        " absolute second difference over time within the mask. Seam: gradient at the mask's rim"
        " over that beside it, such detail left out. Outside change: the largest change of a pixel"
        " outside the mask before encoding, of 255; 0 means none.",
        f"Identity: embedding {EMBEDDING_NAME}, the middle frame of each clip against the clip's"
        f" own. {OTHER_CLIP}: true frames of two clips.",
    ]
    if missing:
        notes.append(f"Not measured here: {', '.join(missing)}.")
    return tuple(notes)
