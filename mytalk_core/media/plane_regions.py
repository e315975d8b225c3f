"""Changing a part of a film's picture in RGB, and nothing else of it.

A region is read as real-valued RGB. What is written is the *change* against what was read, brought
to luma and chroma, so a picture that comes back as it was read changes no sample, whatever the
depth, and the rounding happens once.

Chroma is read by linear interpolation between its samples, and a change reaches it through the
filter whose result that interpolation undoes exactly: of chroma on its pixels the low-pass of the
wavelet pair 5/3 (Le Gall and Tabatabai 1988), amid its pixels that of the pair 3.1 (Cohen,
Daubechies and Feauveau 1992). So a picture that takes another's place leaves nothing of it behind,
which a mean over the pixels would: an eighth of the old lips' edges in colour.
"""

from functools import cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mytalk_core.media.colour import FULL_RANGE, luma_weights
from mytalk_core.media.planes import PlaneLayout, Planes, Samples
from mytalk_core.media.tone import Tone

# By the place of chroma in its two pixels: the filter, its first pixel as counted from theirs, and
# how a picture goes on beyond its edge for the filter to undo the interpolation there too.
_FILTERS: Final = {
    0.0: ((-1 / 8, 2 / 8, 6 / 8, 2 / 8, -1 / 8), -2, cv2.BORDER_REFLECT_101),
    0.5: ((-1 / 4, 3 / 4, 3 / 4, -1 / 4), -1, cv2.BORDER_REFLECT),
    1.0: ((-1 / 8, 2 / 8, 6 / 8, 2 / 8, -1 / 8), -1, cv2.BORDER_REFLECT_101),
}
# Pixels that the filters reach beyond a region, and that keep them from seeing its edge mirrored.
_MARGIN: Final = 4


def region_rgb(planes: Planes, left: int, top: int, right: int, bottom: int) -> NDArray[np.float32]:
    """The pixels left <= x < right, top <= y < bottom of the picture as RGB.

    Not empty and within the picture. A part of a region has the values that the region has there.

    Returns:
        (bottom - top, right - left, 3), black at 0 and white at 255 of the film's range, not
        rounded. Samples beyond the range, or colours that RGB does not have, lie beyond.
    """
    luma = planes.y[top:bottom, left:right].astype(np.float32)
    u, v = (
        _interpolated(plane, planes.layout, left, top, right, bottom)
        for plane in (planes.u, planes.v)
    )
    matrix = _rgb_matrix(planes.layout.bits, planes.tags.range == FULL_RANGE, _weights(planes))
    return cv2.transform(cv2.merge([luma, u, v]), matrix).astype(np.float32, copy=False)


def as_rgb(planes: Planes) -> NDArray[np.uint8]:
    """The whole picture as uint8 (H, W, 3) RGB, for looking at it.

    As `iter_frames` gives it, but for rounding and the interpolation of chroma.
    """
    rgb = region_rgb(planes, 0, 0, planes.width, planes.height)
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def with_region(
    planes: Planes,
    rgb: NDArray[np.float32],
    share: NDArray[np.float32],
    left: int,
    top: int,
    tone: Tone | None = None,
) -> Planes:
    """The picture with an RGB picture mixed into it.

    Args:
        rgb: (h, w, 3), in the scale of `region_rgb`; within the film's picture.
        share: (h, w), 0..1, of `rgb` in the mixture.
        left, top: of `rgb` in the film's picture, any pixel.
        tone: of the film there; chroma then follows luma, whatever the colour of `rgb`.

    Returns:
        New planes. A luma sample is the film's where the share is 0, a chroma sample where it is
        for all pixels that the sample stands for.
    """
    where = share > 0
    if not where.any():
        return planes
    x, y, width, height = cv2.boundingRect(where.view(np.uint8))
    part = (slice(y, y + height), slice(x, x + width))
    left, top = left + x, top + y
    own = region_rgb(planes, left, top, left + width, top + height)
    change = (rgb[part] - own) * share[part][..., None]
    return _changed(planes, change, where[part], left, top, tone)


def largest_outside_change(before: Planes, after: Planes, inside: NDArray[np.bool_]) -> int:
    """The largest change of a sample outside a mask, in steps of the film's own depth.

    Args:
        inside: (H, W), the mask. A chroma sample is outside if all pixels are that it stands for.
    """
    luma_outside = ~inside
    chroma_outside = ~_of_blocks(inside, before.layout)
    return max(
        0 if old is new else int(cv2.norm(old, new, cv2.NORM_INF, outside.view(np.uint8)))
        for old, new, outside in (
            (before.y, after.y, luma_outside),
            (before.u, after.u, chroma_outside),
            (before.v, after.v, chroma_outside),
        )
    )


def _changed(
    planes: Planes,
    change: NDArray[np.float32],
    where: NDArray[np.bool_],
    left: int,
    top: int,
    tone: Tone | None,
) -> Planes:
    """`change` (h, w, 3) in RGB added; only samples of pixels of the mask `where` may change."""
    layout = planes.layout
    reading = _rgb_matrix(layout.bits, planes.tags.range == FULL_RANGE, _weights(planes))
    luma, *chroma = cv2.split(cv2.transform(change, np.linalg.inv(reading[:, :3])))
    height, width = where.shape
    if tone is not None:
        chroma = [tone.u * luma, tone.v * luma]
    y = planes.y.copy()
    _add(y[top : top + height, left : left + width], luma, where, layout.bits)
    # The window of whole chroma samples that the filters can reach.
    x0, x1 = _window(left, left + width, layout.step_x, planes.width)
    y0, y1 = _window(top, top + height, layout.step_y, planes.height)
    around = (top - y0, y1 - top - height, left - x0, x1 - left - width)
    framed = np.pad(where, (around[:2], around[2:]))
    mask = _of_blocks(framed, layout)
    rows = slice(y0 // layout.step_y, y1 // layout.step_y)
    columns = slice(x0 // layout.step_x, x1 // layout.step_x)
    u, v = planes.u.copy(), planes.v.copy()
    for plane, spread in zip((u, v), chroma, strict=True):
        window = cv2.copyMakeBorder(spread, *around, cv2.BORDER_CONSTANT, value=0)
        _add(plane[rows, columns], _decimated(window, layout), mask, layout.bits)
    return Planes(y, u, v, layout, planes.tags)


def _window(first: int, end: int, step: int, size: int) -> tuple[int, int]:
    """Pixels first..end along one side, widened by the margin to whole chroma samples."""
    if step == 1:
        return first, end
    low, high = max(first - _MARGIN, 0), min(end + _MARGIN, size)
    return low // 2 * 2, (high + 1) // 2 * 2


def _add(samples: Samples, change: NDArray[Any], where: NDArray[np.bool_], bits: int) -> None:
    """Adds in place where the mask allows it, rounded to the nearest and held in the depth."""
    depth = cv2.CV_8U if bits == 8 else cv2.CV_16U
    added = np.minimum(cv2.add(samples, change, dtype=depth), (1 << bits) - 1)
    cv2.copyTo(added, where.view(np.uint8), samples)


def _interpolated(
    plane: Samples, layout: PlaneLayout, left: int, top: int, right: int, bottom: int
) -> NDArray[np.float32]:
    """Chroma at those pixels, (bottom - top, right - left), linearly between its samples."""
    if layout.step_x == layout.step_y == 1:
        return plane[top:bottom, left:right].astype(np.float32)
    scale_x, from_x, columns = _source(left, right, layout.step_x, layout.chroma_x)
    scale_y, from_y, rows = _source(top, bottom, layout.step_y, layout.chroma_y)
    # All weights are multiples of a quarter, which the warp's fixed point holds exactly.
    pixels = cv2.warpAffine(
        plane[rows, columns].astype(np.float32),
        np.array([[scale_x, 0, from_x], [0, scale_y, from_y]]),
        (right - left, bottom - top),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return pixels.astype(np.float32, copy=False)


def _source(first: int, end: int, step: int, place: float) -> tuple[float, float, slice]:
    """Where pixels first..end lie along a side of a plane: scale, start, and samples needed.

    The start is in samples from the first of those needed.
    """
    low = max(int(np.floor((first - place) / step)), 0)
    high = int(np.floor((end - 1 - place) / step)) + 2
    return 1 / step, (first - place) / step - low, slice(low, high)


def _decimated(pixels: NDArray[Any], layout: PlaneLayout) -> NDArray[np.float32]:
    """A change of chroma at pixels (h, w) to one at chroma samples (h / step_y, w / step_x)."""
    one = np.ones(1, np.float32)
    if layout.step_y == 2:
        weights, first, border = _FILTERS[layout.chroma_y]
        column = np.array(weights, np.float32)
        pixels = cv2.sepFilter2D(pixels, -1, one, column, anchor=(0, -first), borderType=border)
        pixels = np.ascontiguousarray(pixels[::2])
    if layout.step_x == 2:
        weights, first, border = _FILTERS[layout.chroma_x]
        row = np.array(weights, np.float32)
        pixels = cv2.sepFilter2D(pixels, -1, row, one, anchor=(-first, 0), borderType=border)
        pixels = np.ascontiguousarray(pixels[:, ::2])
    return pixels


def _of_blocks(mask: NDArray[np.bool_], layout: PlaneLayout) -> NDArray[np.bool_]:
    """Of each chroma sample whether any pixel that it stands for is in the mask (H, W)."""
    if layout.step_x == 2:
        mask = mask[:, ::2] | mask[:, 1::2]
    if layout.step_y == 2:
        mask = mask[::2] | mask[1::2]
    return mask


def _weights(planes: Planes) -> tuple[float, float]:
    return luma_weights(planes.tags, planes.width, planes.height)


@cache
def _rgb_matrix(bits: int, full: bool, weights: tuple[float, float]) -> NDArray[np.float64]:
    """(3, 4) from samples (y, u, v, 1) to RGB in 0..255 (ITU-T H.273, 8.3)."""
    of_red, of_blue = weights
    of_green = 1 - of_red - of_blue
    scale = 1 << (bits - 8)
    if full:
        black, luma_span, chroma_span = 0, (1 << bits) - 1, (1 << bits) - 1
    else:
        black, luma_span, chroma_span = 16 * scale, 219 * scale, 224 * scale
    red, blue = 2 * (1 - of_red), 2 * (1 - of_blue)
    of_chroma = np.array(
        [
            [1, 0, red],
            [1, -blue * of_blue / of_green, -red * of_red / of_green],
            [1, blue, 0],
        ]
    )
    matrix = 255 * of_chroma / [luma_span, chroma_span, chroma_span]
    zero = np.array([black, 128 * scale, 128 * scale], float)
    result: NDArray[Any] = np.concatenate([matrix, -(matrix @ zero)[:, None]], axis=1)
    return result
