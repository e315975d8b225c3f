"""Texture metrics of a drawn mouth: sharpness, flicker and seam.

They need no true picture; the clip's own frames are the standard. Pictures are (N, C, C, 3) RGB,
0..255; only their luma (BT.601) is used.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.float32]

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# Detail is finer than this many inter-ocular units: about a pixel of a face in 360x288 film.
DETAIL = 0.015
# Width of the strips on either side of the rim, as a share of the crop's.
_BESIDE = 0.05


def luma(pictures: NDArray[Any]) -> Luma:
    """Return the luma, (N, C, C), 0..255."""
    brightness: Luma = pictures.astype(np.float32) @ _LUMA
    return brightness


def detail_energy(brightness: Luma, region: NDArray[np.bool_], unit: float) -> float:
    """Return the mean square of a picture (C, C) minus its Gaussian blur, within `region` (C, C).

    Args:
        unit: the inter-ocular distance in pixels; the blur's standard deviation is `DETAIL` of it,
            so that the same face has the same energy at any resolution.
    """
    fine = brightness - cv2.GaussianBlur(brightness, (0, 0), DETAIL * unit)
    return float(np.square(fine[region]).mean())


def unsteadiness(brightness: Luma, masks: NDArray[np.bool_], runs: Sequence[slice]) -> float:
    """Return the mean absolute second difference over time within the masks.

    |x[t-1] - 2 x[t] + x[t+1]| is small for even motion and fading, large for flicker and jitter.
    NaN where no run has three frames.

    Args:
        brightness, masks: (N, C, C), run after run.
        runs: positions of consecutive frames among the N.
    """
    found = []
    for run in runs:
        if run.stop - run.start > 2:
            second = np.abs(np.diff(brightness[run], n=2, axis=0))
            found.append(second[masks[run][1:-1]])
    return float(np.concatenate(found).mean()) if found else float("nan")


def rim_contrast(
    brightness: Luma,
    masks: NDArray[np.bool_],
    shares: NDArray[np.float32],
    units: NDArray[np.float32],
) -> float:
    """Return the gradient at the drawing's rim over that beside it, mean over N pictures.

    The rim extends from the mask's edge and the adjacent pixels to where only the drawing is
    visible. Compare with the value of the clip's own frames, since a contour of the face in the rim
    is no seam. `DETAIL` is blurred away first, because otherwise a drawing without grain would
    score well for an edge as faint as grain. NaN for pictures without any gradient.

    Args:
        masks: (N, C, C) the drawn region.
        shares: (N, C, C) 0..1 the drawing's share.
        units: (N,) inter-ocular distances, pixels.
    """
    at_rim, beside_rim = [], []
    for picture, mask, share, unit in zip(brightness, masks, shares, units, strict=True):
        smooth = cv2.GaussianBlur(picture, (0, 0), DETAIL * float(unit))
        across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=0.125)
        down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=0.125)
        steep = np.hypot(across, down)
        rim = cv2.dilate((mask & (share < 1)).astype(np.uint8), np.ones((3, 3), np.uint8))
        away = cv2.distanceTransform(1 - rim, cv2.DIST_L2, 5)
        beside = (away > 1) & (away <= _BESIDE * len(share))
        at_rim.append(steep[rim > 0].mean())
        beside_rim.append(steep[beside].mean())
    whole = float(np.mean(beside_rim))
    return float(np.mean(at_rim)) / whole if whole > 0 else float("nan")
