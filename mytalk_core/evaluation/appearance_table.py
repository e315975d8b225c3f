"""Stage 2 against copying: how near redrawn frames of held-out people are to the true ones."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.conditioning import MaskConfig
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import iter_clips
from mytalk_core.data.schema import ClipSample
from mytalk_core.data.shards import decode_sample
from mytalk_core.data.splits import Split
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.evaluation.identity import csim
from mytalk_core.evaluation.picture_metrics import mouth_region, outside_change, psnr, ssim
from mytalk_core.evaluation.redrawing import (
    ALIGNED,
    OURS,
    PASTED,
    RAW,
    RedrawCase,
    Redrawing,
    redraw,
    redraw_case,
)
from mytalk_core.evaluation.sections import Section, footage_note
from mytalk_core.evaluation.tables import Measurement, Metric, MetricTable, measurements
from mytalk_core.faces.embedding import EMBEDDING_NAME, FaceEmbedder, identity_distance
from mytalk_core.faces.landmark_scheme import MESH478

Advance = Callable[[int, int], None]
"""Is told how many clips were measured since the last call, and how many there are in all."""

OTHER_FRAME = "another true frame"

_EVERY = 5  # one frame in so many is measured
_IDENTITY_FRAMES = 2  # frames of a clip whose identity is compared: an embedding takes 0.2 s

_PICTURE_METRICS = (
    Metric("psnr_mouth", "PSNR mouth (dB)", "higher", 2),
    Metric("psnr_mouth_pooled", "the same, pooled (dB)", "higher", 2),
    Metric("ssim_mouth", "SSIM mouth", "higher"),
    Metric("psnr", "PSNR crop (dB)", "higher", 2),
    Metric("ssim", "SSIM crop", "higher"),
    Metric("outside", "outside change", "lower", 2),
)
_IDENTITY_METRICS = (
    Metric("csim", "CSIM", "higher", 4),
    Metric("identity_l2", "identity L2", "lower"),
)


def appearance_table(
    samples: Iterable[ClipSample],
    renderer: Renderer,
    embedder: FaceEmbedder | None,
    step: Callable[[], None],
) -> MetricTable:
    """Redraw and measure clip after clip; `step` is called after each.

    Args:
        embedder: for identity; without one the table has no such columns.

    Raises:
        BadInputError: where the crops have not the size that the renderer draws.
    """
    rows: list[Measurement] = []
    mask = MaskConfig()
    for sample in samples:
        _require_size(sample, renderer)
        case = redraw_case(sample, _EVERY, mask)
        redrawing = redraw(case, renderer)
        for method in redrawing.by_method:
            scores = picture_scores(case, redrawing, method)
            rows += measurements(method, case.speaker, scores.items())
        if embedder:
            rows += identity_measurements(case, redrawing, embedder)
        step()
    metrics = _PICTURE_METRICS + (_IDENTITY_METRICS if embedder else ())
    return MetricTable(metrics, rows, frozenset({OTHER_FRAME}))


def picture_scores(case: RedrawCase, redrawing: Redrawing, method: str) -> dict[str, float]:
    """Means over the clip's frames; pooled: of the mean error; outside: the largest change."""
    lips = list(case.scheme.lips)
    scores = defaultdict(list)
    for at, frame in enumerate(case.frames):
        drawn, true = redrawing.by_method[method][at], redrawing.true[at]
        mouth = mouth_region(case.landmarks[frame, lips], true.shape[:2])
        scores["psnr_mouth"].append(psnr(drawn, true, mouth))
        scores["ssim_mouth"].append(ssim(drawn, true, mouth))
        scores["psnr"].append(psnr(drawn, true))
        scores["ssim"].append(ssim(drawn, true))
        scores["outside"].append(outside_change(drawn, true, redrawing.masks[at] > 0))
    errors = 10 ** (-np.array(scores["psnr_mouth"]) / 10)  # relative to the largest possible one
    with np.errstate(divide="ignore"):  # infinite for equal pictures, as each frame's is
        pooled = float(-10 * np.log10(errors.mean()))
    return {
        **{name: float(np.mean(values)) for name, values in scores.items()},
        "psnr_mouth_pooled": pooled,
        "outside": float(max(scores["outside"])),
    }


def identity_measurements(
    case: RedrawCase, redrawing: Redrawing, embedder: FaceEmbedder
) -> list[Measurement]:
    """Drawn against true faces of a few frames, and those true faces against each other."""
    places = np.linspace(0, len(case.frames) - 1, _IDENTITY_FRAMES).round().astype(int)
    landmarks = case.landmarks[case.frames]

    def embedded(pictures: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
        return [embedder.embed(pictures[at], landmarks[at]) for at in places]

    def compared(
        method: str, some: Sequence[NDArray[np.float64]], other: Sequence[NDArray[np.float64]]
    ) -> list[Measurement]:
        pairs = list(zip(some, other, strict=True))
        scores = {
            "csim": float(np.mean([csim(a, b) for a, b in pairs])),
            "identity_l2": float(np.mean([identity_distance(a, b) for a, b in pairs])),
        }
        return measurements(method, case.speaker, scores.items())

    true = embedded(redrawing.true)
    rows = []
    for method in (OURS, ALIGNED, PASTED):
        rows += compared(method, embedded(redrawing.by_method[method]), true)
    return rows + compared(OTHER_FRAME, true[:-1], true[1:])


def _require_size(sample: ClipSample, renderer: Renderer) -> None:
    size = renderer.config.size
    if sample.meta.crop_size != size:
        raise BadInputError(
            f"its crops are {sample.meta.crop_size} pixels wide, this renderer draws {size}.",
            reason=Reason.BAD_CONFIGURATION,
            where=sample.meta.key,
            remedy="Evaluate a renderer on data preprocessed for its size.",
        )


def evaluate_appearance(
    data: str | Path, split: Split, renderer: Renderer, embedding: Path | None, advance: Advance
) -> Section:
    """Measure `renderer` on a split.

    Args:
        data: folder (path or URL) that `mytalk curate` or `mytalk preprocess` wrote.
        embedding: the model store's `face-embedding`; None leaves identity out.

    Raises:
        BadInputError: where the split holds no clips, or crops of another size.
    """
    keys: dict[str, list[str]] = defaultdict(list)
    index = clip_index(data, split)

    def samples() -> Iterable[ClipSample]:
        for members in iter_clips(index):
            sample = decode_sample(members)
            key = sample.meta.key
            keys[sample.meta.speaker or key.partition("-")[0]].append(key)
            yield sample

    embedder = FaceEmbedder(embedding, MESH478) if embedding else None
    table = appearance_table(samples(), renderer, embedder, lambda: advance(1, len(index)))
    return Section(
        "appearance",
        "Motion to appearance",
        _notes(keys, split, embedder is not None, renderer.config.size),
        {"true landmarks": table},
    )


def _notes(
    keys: dict[str, list[str]], split: str, with_identity: bool, size: int
) -> tuple[str, ...]:
    identity = (
        f"CSIM and identity L2: embedding {EMBEDDING_NAME}, drawn against true face,"
        f" {_IDENTITY_FRAMES} frames of each clip; {OTHER_FRAME} shows how far one person's frames"
        " are apart anyhow."
        if with_identity
        else "CSIM and identity L2 were not measured here."
    )
    return (
        footage_note(keys, split) + " Means are over the frames of a clip, its speaker's clips,"
        " then over speakers.",
        f"Crops of {size} x {size} pixels are drawn again with their true landmarks, given four"
        f" reference frames of the clip, spread evenly over the opening of its mouth. One frame in"
        f" {_EVERY} is measured, none of them a reference. Truth: the crop before.",
        f"{OURS}: blended into the frame through the feathered mask as a dub does; {RAW}: the"
        f" network's picture up to the mask's edge. {PASTED}: of the same four references the one"
        f" with the nearest lip shape, under the same feathered mask, nothing warped; {ALIGNED}:"
        " the same, carried by the similarity that fits its upper face.",
        "Mouth: the bounding box of the lips, a quarter larger on each side. PSNR is the mean over"
        " frames, which frames that are nearly a reference rule; pooled, it is that of the clip's"
        " mean squared error, which the frames that are worst rule. Outside change: the largest"
        " change of a pixel outside the mask before encoding, of 255; 0 means none. LPIPS is not"
        " available: it needs a backbone that cannot be had offline.",
        identity,
    )
