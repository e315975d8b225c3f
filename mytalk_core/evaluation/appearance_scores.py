"""What one clip's drawn frames are judged by, under the names that tables carry."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mytalk_core.appearance.face_crops import window_slices
from mytalk_core.appearance.perceptual import Lpips
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

# SSIM and LPIPS are taken of every other frame: neighbours have nearly the same.
_SOME = slice(None, None, 2)


@dataclass(frozen=True)
class Judges:
    """Networks that look at what was drawn; a metric whose judge is missing is not there."""

    lpips: Lpips | None = None
    lips: LipReader | None = None
    embedder: FaceEmbedder | None = None


@dataclass(frozen=True)
class Truth:
    """What the frames of a reconstruction are compared with."""

    mouths: NDArray[np.bool_]  # (N, C, C) the region of mouth metrics
    looked_at: list[torch.Tensor] | None  # by LPIPS, some of them


def truth_of(case: RedrawCase, lpips: Lpips | None) -> Truth:
    """The clip's own frames, looked at once for all methods."""
    lips = case.landmarks[case.frames][:, list(case.scheme.lips)]
    looked_at = _looked_at(case.pictures, lpips) if lpips else None
    return Truth(_mouths(case, lips), looked_at)


def picture_scores(
    case: RedrawCase, drawn: Pictures, lpips: Lpips | None, truth: Truth | None = None
) -> dict[str, float]:
    """How near the frames of a reconstruction (N, C, C, 3) are to the true ones: means over them.

    psnr_mouth and psnr_mouth_pooled (of the mean error), dB, NaN for equal pictures; ssim_mouth;
    lpips_mouth, and lpips_face of the lower face.

    Args:
        truth: of the case, where several methods share it.
    """
    truth = truth or truth_of(case, lpips)
    pairs = list(zip(drawn, case.pictures, truth.mouths, strict=True))
    psnrs = np.array([psnr(*pair) for pair in pairs])
    errors = 10 ** (-psnrs / 10)  # relative to the largest possible one
    with np.errstate(divide="ignore"):  # infinite for equal pictures, as each frame's is
        pooled = -10 * np.log10(errors.mean())
    found = {
        "psnr_mouth": float(psnrs.mean()),
        "psnr_mouth_pooled": float(pooled),
        "ssim_mouth": float(np.mean([ssim(*pair) for pair in pairs[_SOME]])),
    }
    if lpips and truth.looked_at:
        found |= _lpips_scores(drawn, truth.mouths, truth.looked_at, lpips)
    return {name: value if np.isfinite(value) else float("nan") for name, value in found.items()}


def _lpips_scores(
    drawn: Pictures, mouths: NDArray[np.bool_], true: list[torch.Tensor], lpips: Lpips
) -> dict[str, float]:
    window = window_slices(drawn.shape[1])
    with torch.inference_mode():
        regions = mouths[_SOME][(slice(None), *window)]
        maps = lpips.compare(_looked_at(drawn, lpips), true, regions.shape[1:])[:, 0].numpy()
    each = zip(maps, regions, strict=True)
    return {
        "lpips_mouth": float(np.mean([distance[mouth].mean() for distance, mouth in each])),
        "lpips_face": float(maps.mean()),
    }


def _looked_at(pictures: Pictures, lpips: Lpips) -> list[torch.Tensor]:
    """The lower face of some pictures; outside of it nothing is drawn."""
    rows, columns = window_slices(pictures.shape[1])
    windows = np.ascontiguousarray(pictures[_SOME, rows, columns])
    with torch.inference_mode():
        return lpips.look(torch.from_numpy(windows).permute(0, 3, 1, 2).float() / 255)


@dataclass(frozen=True)
class Texture:
    """The texture of N frames, see `texture_metrics`."""

    detail: float  # of the mouth region, each frame's about its own lips
    unsteadiness: float  # within the masks
    rim: float  # contrast at the rim of the masks


def texture(case: RedrawCase, pictures: Pictures, lips: NDArray[np.float32]) -> Texture:
    """Of the frames of a case, drawn or its own.

    Args:
        lips: (N, L, 2) crop pixels, where they stand in the pictures.
    """
    brightness = luma(pictures)
    each = zip(brightness, _mouths(case, lips), case.unit, strict=True)
    return Texture(
        detail=float(np.mean([detail_energy(*one) for one in each])),
        unsteadiness=unsteadiness(brightness, case.masks > 0, _places(case)),
        rim=rim_contrast(brightness, case.masks > 0, case.shares, case.unit),
    )


def source_texture(case: RedrawCase) -> Texture:
    """That of the clip's own frames."""
    lips = list(case.scheme.lips)
    return texture(case, case.pictures, case.landmarks[case.frames][:, lips])


def texture_scores(case: RedrawCase, drawn: Pictures, source: Texture) -> dict[str, float]:
    """Sharpness, flicker and seam of drawn frames over those of the clip's own.

    outside: the largest change outside the masks, which must be 0.
    """
    asked = case.crops.points[case.frames][:, : len(case.scheme.lips)]
    found = texture(case, drawn, asked)
    changes = zip(drawn, case.pictures, case.masks > 0, strict=True)
    return {
        "sharpness": _over(found.detail, source.detail),
        "flicker": _over(found.unsteadiness, source.unsteadiness),
        "seam": _over(found.rim, source.rim),
        "outside": float(max(outside_change(*one) for one in changes)),
    }


def _over(value: float, source: float) -> float:
    return value / source if source > 0 else float("nan")


def middle_face(case: RedrawCase, drawn: Pictures, embedder: FaceEmbedder) -> NDArray[np.float64]:
    """The embedding (128,) of the frame in the middle: one of each clip, for they take long."""
    middle = len(drawn) // 2
    return embedder.embed(drawn[middle], case.landmarks[case.frames[middle]])


def _mouths(case: RedrawCase, points: NDArray[np.float32]) -> NDArray[np.bool_]:
    size = case.pictures.shape[1:3]
    return np.stack([mouth_region(lips, (size[0], size[1])) for lips in points])


def _places(case: RedrawCase) -> list[slice]:
    """Where the runs stand among the frames drawn."""
    lengths = [run.stop - run.start for run in case.runs]
    ends = np.cumsum(lengths).tolist()
    return [slice(end - length, end) for end, length in zip(ends, lengths, strict=True)]
