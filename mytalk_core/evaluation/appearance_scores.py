"""Scores of one clip's drawn frames, by metric name."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mytalk_core.appearance.face_crops import window_slices
from mytalk_core.appearance.perceptual import Lpips
from mytalk_core.evaluation.independent_judge import IndependentJudge
from mytalk_core.evaluation.lip_fidelity import LipReader
from mytalk_core.evaluation.picture_metrics import mouth_region, outside_change, psnr, ssim
from mytalk_core.evaluation.redrawing import Pictures, RedrawCase
from mytalk_core.evaluation.texture_metrics import (
    detail_energy,
    luma,
    rim_contrast,
    unsteadiness,
)
from mytalk_core.faces.embedding import FaceEmbedder

# SSIM and LPIPS use every other frame: neighbours have nearly the same values.
_SAMPLED = slice(None, None, 2)


@dataclass(frozen=True)
class Judges:
    """Networks that measure drawn pictures; metrics of an absent judge are left out."""

    lpips: Lpips | None = None
    lips: LipReader | None = None
    embedder: FaceEmbedder | None = None
    independent: IndependentJudge | None = None


@dataclass(frozen=True)
class Truth:
    """Values of a reconstruction's true frames, shared by all methods."""

    mouths: NDArray[np.bool_]  # (N, C, C) the region of mouth metrics
    features: list[torch.Tensor] | None  # LPIPS features of every other frame


def truth_of(case: RedrawCase, lpips: Lpips | None) -> Truth:
    """Compute mouth regions and LPIPS features of the clip's own frames."""
    lips = case.landmarks[case.frames][:, list(case.scheme.lips)]
    features = _features(case.pictures, lpips) if lpips else None
    return Truth(_mouths(case, lips), features)


def picture_scores(
    case: RedrawCase, drawn: Pictures, lpips: Lpips | None, truth: Truth | None = None
) -> dict[str, float]:
    """Compare the frames of a reconstruction (N, C, C, 3) with the true frames.

    Args:
        truth: `truth_of` the case, where several methods share it.

    Returns:
        Means over frames: psnr_mouth and psnr_mouth_pooled (of the mean squared error), dB, NaN for
        equal pictures; ssim_mouth; lpips_mouth, and lpips_face of the lower face.
    """
    truth = truth or truth_of(case, lpips)
    pairs = list(zip(drawn, case.pictures, truth.mouths, strict=True))
    psnrs = np.array([psnr(*pair) for pair in pairs])
    errors = 10 ** (-psnrs / 10)  # relative to the largest possible error
    with np.errstate(divide="ignore"):  # infinite for equal pictures, as for each frame
        pooled = -10 * np.log10(errors.mean())
    scores = {
        "psnr_mouth": float(psnrs.mean()),
        "psnr_mouth_pooled": float(pooled),
        "ssim_mouth": float(np.mean([ssim(*pair) for pair in pairs[_SAMPLED]])),
    }
    if lpips and truth.features:
        scores |= _lpips_scores(drawn, truth.mouths, truth.features, lpips)
    return {name: value if np.isfinite(value) else float("nan") for name, value in scores.items()}


def _lpips_scores(
    drawn: Pictures, mouths: NDArray[np.bool_], true: list[torch.Tensor], lpips: Lpips
) -> dict[str, float]:
    window = window_slices(drawn.shape[1])
    with torch.inference_mode():
        regions = mouths[_SAMPLED][(slice(None), *window)]
        maps = lpips.compare(_features(drawn, lpips), true, regions.shape[1:])[:, 0].numpy()
    each = zip(maps, regions, strict=True)
    return {
        "lpips_mouth": float(np.mean([distance[mouth].mean() for distance, mouth in each])),
        "lpips_face": float(maps.mean()),
    }


def _features(pictures: Pictures, lpips: Lpips) -> list[torch.Tensor]:
    """Compute LPIPS features of the lower face, the only part that is drawn."""
    rows, columns = window_slices(pictures.shape[1])
    windows = np.ascontiguousarray(pictures[_SAMPLED, rows, columns])
    with torch.inference_mode():
        return lpips.features(torch.from_numpy(windows).permute(0, 3, 1, 2).float() / 255)


@dataclass(frozen=True)
class Texture:
    """The texture of N frames, see `texture_metrics`."""

    detail: float  # of the mouth region, around each frame's own lips
    unsteadiness: float  # within the masks
    rim: float  # contrast at the rim of the masks


def texture(case: RedrawCase, pictures: Pictures, lips: NDArray[np.float32]) -> Texture:
    """Measure the texture of a case's frames, drawn or original.

    Args:
        lips: (N, L, 2) lip points in the pictures, crop pixels.
    """
    brightness = luma(pictures)
    each = zip(brightness, _mouths(case, lips), case.unit, strict=True)
    return Texture(
        detail=float(np.mean([detail_energy(*one) for one in each])),
        unsteadiness=unsteadiness(brightness, case.masks > 0, _run_slices(case)),
        rim=rim_contrast(brightness, case.masks > 0, case.shares, case.unit),
    )


def source_texture(case: RedrawCase) -> Texture:
    """Measure the texture of the clip's own frames."""
    lips = list(case.scheme.lips)
    return texture(case, case.pictures, case.landmarks[case.frames][:, lips])


def texture_scores(case: RedrawCase, drawn: Pictures, source: Texture) -> dict[str, float]:
    """Return sharpness, flicker and seam of drawn frames divided by the source's, and `outside`.

    outside: the largest change of a pixel outside the masks, 0..255; it must be 0.
    """
    target_lips = case.crops.points[case.frames][:, : len(case.scheme.lips)]
    found = texture(case, drawn, target_lips)
    changes = zip(drawn, case.pictures, case.masks > 0, strict=True)
    return {
        "sharpness": _ratio(found.detail, source.detail),
        "flicker": _ratio(found.unsteadiness, source.unsteadiness),
        "seam": _ratio(found.rim, source.rim),
        "outside": float(max(outside_change(*one) for one in changes)),
    }


def _ratio(value: float, source: float) -> float:
    return value / source if source > 0 else float("nan")


def middle_face(case: RedrawCase, drawn: Pictures, embedder: FaceEmbedder) -> NDArray[np.float64]:
    """Return the embedding (128,) of the middle frame; one a clip, since each takes 0.1 s."""
    middle = len(drawn) // 2
    return embedder.embed(drawn[middle], case.landmarks[case.frames[middle]])


def _mouths(case: RedrawCase, points: NDArray[np.float32]) -> NDArray[np.bool_]:
    size = case.pictures.shape[1:3]
    return np.stack([mouth_region(lips, (size[0], size[1])) for lips in points])


def _run_slices(case: RedrawCase) -> list[slice]:
    """Return the position of each run among the frames drawn."""
    lengths = [run.stop - run.start for run in case.runs]
    ends = np.cumsum(lengths).tolist()
    return [slice(end - length, end) for end, length in zip(ends, lengths, strict=True)]
