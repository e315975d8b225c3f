"""Change a region of a film's picture in RGB without changing any other sample.

A region is read as real-valued RGB. The *difference* to what was read is converted to luma and
chroma and added to the stored samples, so an unchanged region changes no sample at any bit depth,
and rounding happens once.

Chroma is read by linear interpolation. A change is decimated with the filter that this
interpolation inverts exactly: for chroma sited on pixels the low-pass of the 5/3 wavelet (Le Gall
and Tabatabai 1988), between pixels that of the biorthogonal 3.1 wavelet (Cohen, Daubechies and
Feauveau 1992). A picture that replaces another therefore leaves no trace of it; averaging the
pixels would leave an eighth of the old lips' edges in the chroma.
"""

from functools import cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mytalk_core.media.colour import FULL_RANGE, luma_weights
from mytalk_core.media.planes import PlaneLayout, Planes, Samples
from mytalk_core.media.tone import Tone

# By the chroma position within two pixels: the filter, the offset of its first pixel, and the
# border extension with which it inverts the interpolation at the edges too.
_FILTERS: Final = {
    0.0: ((-1 / 8, 2 / 8, 6 / 8, 2 / 8, -1 / 8), -2, cv2.BORDER_REFLECT_101),
    0.5: ((-1 / 4, 3 / 4, 3 / 4, -1 / 4), -1, cv2.BORDER_REFLECT),
    1.0: ((-1 / 8, 2 / 8, 6 / 8, 2 / 8, -1 / 8), -1, cv2.BORDER_REFLECT_101),
}
# Pixels that the filters reach beyond a region; the margin keeps its mirrored edge out of them.
_MARGIN: Final = 4


def region_rgb(planes: Planes, left: int, top: int, right: int, bottom: int) -> NDArray[np.float32]:
    """Return the pixels left <= x < right, top <= y < bottom of the picture as RGB.

    The region is not empty and within the picture. A part of a region has the same values.

    Returns:
        (bottom - top, right - left, 3), not rounded; 0 is black and 255 white of the film's range.
        Samples outside the range, and colours outside RGB, have values outside 0..255.
    """
    luma = planes.y[top:bottom, left:right].astype(np.float32)
    u, v = (
        _interpolated(plane, planes.layout, left, top, right, bottom)
        for plane in (planes.u, planes.v)
    )
    return _as_rgb(planes, luma, u, v)


def reduced_rgb(
    planes: Planes, left: int, top: int, columns: int, rows: int, factor: int
) -> NDArray[np.float32]:
    """Return a region of the picture reduced by a whole factor, as RGB.

    Samples are averaged in the film's bit depth before they are converted, which takes a fraction
    of the time of `region_rgb`. Chroma is displaced by a part of a pixel of the result.

    Args:
        left, top: first pixel of the region, multiples of the chroma steps.
        columns, rows: size of the result; the region is `factor` times as large and within the
            picture.
        factor: above 1.

    Returns:
        (rows, columns, 3) in the scale of `region_rgb`.
    """
    layout = planes.layout

    def averaged(plane: Samples, step_x: int, step_y: int) -> NDArray[np.float32]:
        part = plane[
            top // step_y : -(-(top + rows * factor) // step_y),
            left // step_x : -(-(left + columns * factor) // step_x),
        ]
        small = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)
        return small.astype(np.float32)

    return _as_rgb(
        planes,
        averaged(planes.y, 1, 1),
        averaged(planes.u, layout.step_x, layout.step_y),
        averaged(planes.v, layout.step_x, layout.step_y),
    )


def _as_rgb(
    planes: Planes, luma: NDArray[np.float32], u: NDArray[np.float32], v: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Convert pixels with the colours of the picture they are of, (H, W) each, to (H, W, 3)."""
    matrix = _rgb_matrix(planes.layout.bits, planes.tags.range == FULL_RANGE, _weights(planes))
    return cv2.transform(cv2.merge([luma, u, v]), matrix).astype(np.float32, copy=False)


def as_rgb(planes: Planes) -> NDArray[np.uint8]:
    """Return the whole picture as uint8 (H, W, 3) RGB, for previews.

    It differs from that of `iter_frames` by rounding and chroma interpolation.
    """
    rgb = region_rgb(planes, 0, 0, planes.width, planes.height)
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def with_change(
    planes: Planes,
    change: NDArray[np.float32],
    where: NDArray[np.bool_],
    left: int,
    top: int,
    tone: Tone | None = None,
) -> Planes:
    """Return the picture with a difference in RGB added to a region.

    Args:
        change: (h, w, 3) in the scale of `region_rgb`; within the film's picture.
        where: (h, w) pixels that may change: a luma sample is unchanged elsewhere, a chroma sample
            where none of its pixels is set.
        left, top: position of the region in the film's picture, in pixels.
        tone: the film's tone there; chroma then follows luma, not `change`.

    Returns:
        New planes.
    """
    layout = planes.layout
    reading = _rgb_matrix(layout.bits, planes.tags.range == FULL_RANGE, _weights(planes))
    luma, *chroma = cv2.split(cv2.transform(change, np.linalg.inv(reading[:, :3])))
    height, width = where.shape
    if tone is not None:
        chroma = [tone.u * luma, tone.v * luma]
    y = planes.y.copy()
    _add(y[top : top + height, left : left + width], luma, where, layout.bits)
    # The window of whole chroma samples within reach of the filters.
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


def largest_outside_change(before: Planes, after: Planes, inside: NDArray[np.bool_]) -> int:
    """Return the largest change of a sample outside a mask, in steps of the film's bit depth.

    Args:
        inside: (H, W), the mask. A chroma sample is outside if all its pixels are.
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


def _window(first: int, end: int, step: int, size: int) -> tuple[int, int]:
    """Return the pixel range first..end widened by the margin to whole chroma samples."""
    if step == 1:
        return first, end
    low, high = max(first - _MARGIN, 0), min(end + _MARGIN, size)
    return low // 2 * 2, (high + 1) // 2 * 2


def _add(samples: Samples, change: NDArray[Any], where: NDArray[np.bool_], bits: int) -> None:
    """Add in place where the mask is set, rounded and clipped to the bit depth."""
    depth = cv2.CV_8U if bits == 8 else cv2.CV_16U
    added = np.minimum(cv2.add(samples, change, dtype=depth), (1 << bits) - 1)
    cv2.copyTo(added, where.view(np.uint8), samples)


def _interpolated(
    plane: Samples, layout: PlaneLayout, left: int, top: int, right: int, bottom: int
) -> NDArray[np.float32]:
    """Return chroma (bottom - top, right - left) at those pixels, linearly interpolated."""
    if layout.step_x == layout.step_y == 1:
        return plane[top:bottom, left:right].astype(np.float32)
    scale_x, from_x, columns = _source(left, right, layout.step_x, layout.chroma_x)
    scale_y, from_y, rows = _source(top, bottom, layout.step_y, layout.chroma_y)
    # All weights are multiples of 1/4, which the warp's fixed point represents exactly.
    pixels = cv2.warpAffine(
        plane[rows, columns].astype(np.float32),
        np.array([[scale_x, 0, from_x], [0, scale_y, from_y]]),
        (right - left, bottom - top),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return pixels.astype(np.float32, copy=False)


def _source(first: int, end: int, step: int, place: float) -> tuple[float, float, slice]:
    """Locate pixels first..end along one side of a plane.

    Returns:
        Scale, position of the first pixel (in samples from the first one needed), samples needed.
    """
    low = max(int(np.floor((first - place) / step)), 0)
    high = int(np.floor((end - 1 - place) / step)) + 2
    return 1 / step, (first - place) / step - low, slice(low, high)


def _decimated(pixels: NDArray[Any], layout: PlaneLayout) -> NDArray[np.float32]:
    """Decimate a chroma change at pixels (h, w) to chroma samples (h / step_y, w / step_x)."""
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
    """Return for each chroma sample whether any of its pixels is in the mask (H, W)."""
    if layout.step_x == 2:
        mask = mask[:, ::2] | mask[:, 1::2]
    if layout.step_y == 2:
        mask = mask[::2] | mask[1::2]
    return mask


def _weights(planes: Planes) -> tuple[float, float]:
    return luma_weights(planes.tags, planes.width, planes.height)


@cache
def _rgb_matrix(bits: int, full: bool, weights: tuple[float, float]) -> NDArray[np.float64]:
    """Return (3, 4) from samples (y, u, v, 1) to RGB in 0..255 (ITU-T H.273, 8.3)."""
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
