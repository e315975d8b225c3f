"""The notes of the appearance section: what was measured, by which definitions and judges."""

from collections.abc import Mapping, Sequence

from mytalk_core.appearance.reference_choice import NEARBY_SECONDS
from mytalk_core.appearance.renderer import RendererConfig
from mytalk_core.evaluation.appearance_scores import Judges
from mytalk_core.evaluation.appearance_table import OTHER_CLIP, TRUTH, UNTOUCHED
from mytalk_core.evaluation.pasting import CLIP_PASTED, MEAN_MOUTH, PASTED
from mytalk_core.evaluation.redrawing import APART, NEAR, OURS, RAW, REFERENCES, RUN, RUNS
from mytalk_core.evaluation.sections import INTERVAL_NOTE, footage_note
from mytalk_core.evaluation.texture_metrics import DETAIL
from mytalk_core.faces.embedding import EMBEDDING_NAME


def appearance_notes(
    keys: Mapping[str, Sequence[str]],
    split: str,
    judges: Judges,
    renderer: RendererConfig,
    crop_sizes: set[int],
) -> tuple[str, ...]:
    """Return the notes, one paragraph each.

    Args:
        keys: of the clips measured, by speaker.
    """
    footage = (
        footage_note(keys, split) + " Means are over the frames of a clip, its speaker's clips,"
        " then over speakers." + INTERVAL_NOTE
    )
    judged = (judges.independent.statement,) if judges.independent else ()
    methods = _method_notes(renderer, crop_sizes)
    return footage, *methods, *_metric_notes(), *judged, *_absence_notes(judges)


def _method_notes(renderer: RendererConfig, crop_sizes: set[int]) -> tuple[str, ...]:
    sizes = " and ".join(map(str, sorted(crop_sizes)))
    return (
        f"Crops of {sizes} pixels are redrawn by a renderer whose input is {renderer.size} pixels"
        f" wide. It is given up to {REFERENCES} reference frames of the clip, chosen so that every"
        " target mouth has a similar one; each frame is drawn from the"
        f" {renderer.looked_at} of them whose landmarks are nearest to the target. {RUNS} runs of"
        f" {RUN} consecutive frames of each clip are measured; no reference is one of them or"
        f" within {NEAR} frames of one.",
        "Reconstruction: the target is the clip's own lips, and its frames are the truth. Cross:"
        " the lips and the jaw move as in another clip of the speaker, put on the clip's own"
        " resting face and posed with its head, as in a dub; no true picture exists.",
        f"{OURS}: blended into the frame as a dub does; {RAW}: drawn up to the mask's edge without"
        f" blending; {APART}: among references within {NEARBY_SECONDS} s of the frame only those"
        " that are by far the nearest, as in a dub and in cross."
        f" {PASTED}: of four references the one with the nearest lip shape; {CLIP_PASTED}: the"
        f" nearest of all frames of the clip except itself and {NEAR} on either side; {MEAN_MOUTH}:"
        " their mean. All three are mapped by the similarity that fits the upper face, and blended"
        " in the same way.",
    )


def _metric_notes() -> tuple[str, ...]:
    return (
        "Mouth: the bounding box of the lips, a quarter larger on each side. PSNR is the mean over"
        " frames; pooled, it is computed from the clip's mean squared error, which the worst frames"
        " dominate. LPIPS: Zhang et al. 2018, version 0.1, AlexNet, of the lower face; of the"
        " mouth, the mean of its map over the mouth region. SSIM and LPIPS use every other frame.",
        "Lips from target: mean distance of the 40 lip points that the landmarker finds in the"
        " drawn crop from the target points, faces aligned on the rigid upper face, outer eye"
        f" corners 1 apart; the value of {TRUTH} is the landmarker's own error. Opening r:"
        " correlation of the opening found with the target opening, mean over clips; pooled, over"
        " all clips of a speaker together, each clip's mean removed.",
        "R with own opening: partial correlation of the opening found with that of the original"
        " frame, given the opening and width of the target lips, over all clips together;"
        f" {UNTOUCHED} is a complete leak. Share of own opening: the slope of the same regression,"
        " how much of the original's opening is visible in the opening found. Beyond blind: both,"
        f" given also the opening found in a blind drawing. A blind drawing is {OURS} of the same"
        " landmarks, given the face around the mouth as it is half a clip later and no reference"
        f" within {NEARBY_SECONDS} s, blended into the same frame. It has no information on the"
        " original mouth except through the landmarks and the surroundings of the mouth.",
        "Over source: 1 means as in the clip's own frames. Sharpness: mean square of detail finer"
        f" than a Gaussian of {DETAIL} inter-ocular units in the mouth region. Flicker: mean"
        " absolute second difference over time within the mask. Seam: gradient at the mask's rim"
        " over that beside it, detail removed. Outside change: the largest change of a pixel"
        " outside the mask before encoding, of 255; 0 means none.",
        f"Identity: embedding {EMBEDDING_NAME}, the middle frame of each clip against the clip's"
        f" own. {OTHER_CLIP}: true frames of two clips.",
    )


def _absence_notes(judges: Judges) -> tuple[str, ...]:
    missing = [
        name
        for name, judge in (
            ("LPIPS", judges.lpips),
            ("lips found again", judges.lips),
            ("identity", judges.embedder),
        )
        if judge is None
    ]
    return (f"Not measured here: {', '.join(missing)}.",) if missing else ()
