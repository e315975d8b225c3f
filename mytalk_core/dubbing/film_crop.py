"""Crops of a face in a film's own picture."""

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.crop import Region, cut_crop, place
from mytalk_core.media.plane_regions import reduced_rgb, region_rgb
from mytalk_core.media.planes import Planes

Floats = NDArray[np.float32]


def film_crop(planes: Planes, box: Floats, size: int) -> Floats:
    """The crop (size, size, 3) of a film's own picture, RGB 0..255, not rounded.

    Its transform is from stored pixels. Grey where the crop lies wholly outside the picture.
    """
    region = place(box, size, planes.width, planes.height)
    if region is None:
        return _grey(size)
    pixels = region_rgb(planes, region.left, region.top, region.right, region.bottom)
    return cut_crop(pixels, box, size, (region.left, region.top)).astype(np.float32, copy=False)


def reduced_crop(planes: Planes, box: Floats, crop_size: int, size: int) -> Floats:
    """A crop reduced to (size, size, 3), as the renderer sees it; otherwise as `film_crop`.

    Args:
        box: (3, 2) from stored pixels to those of a crop of `crop_size` pixels.
        crop_size: the same for all frames of a face, so that all are reduced in one way.
        size: at most `crop_size`.
    """
    small = resized_box(box, crop_size, size)
    factor = -(-crop_size // size)
    region = place(small, size, planes.width, planes.height)
    if region is None:
        return _grey(size)
    columns, rows = region.width // factor, region.height // factor
    if factor == 1 or not columns or not rows:
        return film_crop(planes, small, size)
    pixels = reduced_rgb(planes, region.left, region.top, columns, rows, factor)
    return cut_crop(pixels, _of_reduced(small, region, factor), size)


def resized_box(box: Floats, crop_size: int, size: int) -> Floats:
    """The transform (3, 2) of the same crop with another size."""
    gain = np.float32(size / crop_size)
    resized = box * gain
    resized[2] += (gain - 1) / 2  # whole numbers are the centres of pixels
    return resized


def _of_reduced(box: Floats, region: Region, factor: int) -> Floats:
    """A transform from the pixels of a region that was reduced."""
    first = np.array([region.left, region.top], np.float32) + np.float32((factor - 1) / 2)
    return np.vstack([box[:2] * factor, box[2] + first @ box[:2]]).astype(np.float32)


def _grey(size: int) -> Floats:
    return np.full((size, size, 3), 128, np.float32)
