"""Detect regions with a single tone: black and white, tinted, sepia."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mytalk_core.media.planes import Planes, Samples

# The region is averaged over this many cells along each side, which cancels grain and coding noise.
_CELLS: Final = 16
# Largest RMS deviation of chroma from a single tone, in 8-bit steps. For twenty speakers in colour
# at least one chroma plane deviates by 3.9 or more; in sepia at crf 28 by 0.9 at most.
_STRAYS: Final = 1.5


@dataclass(frozen=True)
class Tone:
    """Linear dependence of chroma on luma; 0 for black and white and for a flat tint."""

    u: float  # change of Cb per step of luma
    v: float  # change of Cr per step of luma


def tone_of(planes: Planes, left: int, top: int, right: int, bottom: int) -> Tone | None:
    """Return the tone of the pixels left <= x < right, top <= y < bottom; None for colour.

    The region is enlarged by half its size on each side within the picture, since a mouth alone may
    have hardly any colour.
    """
    layout = planes.layout
    rows = _enlarged(top, bottom, layout.step_y, planes.u.shape[0])
    columns = _enlarged(left, right, layout.step_x, planes.u.shape[1])
    strays = _STRAYS * (1 << (layout.bits - 8))
    cells = (min(columns.stop - columns.start, _CELLS), min(rows.stop - rows.start, _CELLS))
    chroma = [_means(plane[rows, columns], cells) for plane in (planes.u, planes.v)]
    if all(plane.std() <= strays / 2 for plane in chroma):
        return Tone(0.0, 0.0)
    luma = _means(
        planes.y[
            rows.start * layout.step_y : rows.stop * layout.step_y,
            columns.start * layout.step_x : columns.stop * layout.step_x,
        ],
        cells,
    )
    power = float((luma * luma).sum())
    if power == 0:
        return None
    slopes = [float((luma * plane).sum()) / power for plane in chroma]
    rests = [plane - slope * luma for plane, slope in zip(chroma, slopes, strict=True)]
    return Tone(*slopes) if all(rest.std() <= strays for rest in rests) else None


def _enlarged(first: int, end: int, step: int, size: int) -> slice:
    """Return the chroma samples of pixels first..end, extended by half their number each way."""
    around = (end - first) // 2
    return slice(max((first - around) // step, 0), min(-(-(end + around) // step), size))


def _means(samples: Samples, cells: tuple[int, int]) -> NDArray[np.float32]:
    """Return the cell means (rows, columns) of a plane, less their mean."""
    means = cv2.resize(samples, cells, interpolation=cv2.INTER_AREA).astype(np.float32)
    centred: NDArray[np.float32] = means - means.mean()
    return centred
