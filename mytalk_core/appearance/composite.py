"""Rendered crops back into the film's frames; nothing outside the mask is touched."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.crop import invert_box

# Shares of the crop's width: how deep inside the mask the new picture begins, and over what depth
# it takes over. Beginning inside keeps resampling from reaching across the mask's edge.
_CLEARANCE = 0.025
_FEATHER = 0.05


def feathered(mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How much of the rendered crop shows, (S, S) 0..1: zero at the mask's edge and outside.

    Args:
        mask: (S, S), 0 or 1.
    """
    # A mask cut off by the crop's edge must fade out there too.
    framed = np.pad(mask, 1)
    depth = cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1]
    size = len(mask)
    ramp = np.clip((depth - _CLEARANCE * size) / (_FEATHER * size), 0, 1)
    smooth: NDArray[np.float32] = (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)
    return smooth


def composite(
    image: NDArray[np.uint8],
    crop: NDArray[np.float32],
    alpha: NDArray[np.float32],
    box: NDArray[np.float32],
) -> NDArray[np.uint8]:
    """A frame with a rendered crop in its place.

    Args:
        image: (H, W, 3) RGB.
        crop: (S, S, 3) RGB, 0..255.
        alpha: (S, S) from `feathered`.
        box: (3, 2) the crop's transform.

    Returns:
        (H, W, 3), a new array; equal to `image` wherever alpha is zero.
    """
    height, width = image.shape[:2]
    size = len(alpha)
    corners = np.array([[0, 0, 1], [size, 0, 1], [0, size, 1], [size, size, 1]], np.float32)
    placed = corners @ invert_box(box)
    left, top = np.maximum(np.floor(placed.min(axis=0)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(placed.max(axis=0)).astype(int) + 1, (width, height))
    result = image.copy()
    if right <= left or bottom <= top:
        return result
    # From a pixel of the region to its place in the crop.
    to_crop = np.concatenate([box[:2].T, (box[2] + np.array([left, top]) @ box[:2])[:, None]], 1)
    region = (int(right - left), int(bottom - top))
    inverse = cv2.WARP_INVERSE_MAP
    picture = cv2.warpAffine(
        crop,
        to_crop,
        region,
        flags=cv2.INTER_CUBIC | inverse,
        borderMode=cv2.BORDER_REPLICATE,
    )
    share = cv2.warpAffine(alpha, to_crop, region, flags=cv2.INTER_LINEAR | inverse)[..., None]
    under = image[top:bottom, left:right]
    mixed = np.clip(np.rint(under * (1 - share) + picture * share), 0, 255).astype(np.uint8)
    result[top:bottom, left:right] = np.where(share > 0, mixed, under)
    return result
