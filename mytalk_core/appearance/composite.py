"""Mapping of redrawn crops back into the film's frame."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.crop import put_back, region_around


@dataclass(frozen=True)
class Patch:
    """A redrawn part of a film's frame: the result is frame * (1 - share) + rgb * share."""

    left: int  # pixel of the frame
    top: int
    rgb: NDArray[np.float32]  # (h, w, 3) 0..255
    share: NDArray[np.float32]  # (h, w) 0..1; the frame is unchanged where it is 0


def composite(
    picture: NDArray[np.float32],
    share: NDArray[np.float32],
    box: NDArray[np.float32],
    width: int,
    height: int,
    strength: float = 1.0,
) -> Patch | None:
    """Map a blended crop into the film's frame, without reading the frame.

    Args:
        picture: (C, C, 3) RGB 0..255; share: (C, C) 0..1; both from `blend`.
        box: (3, 2) the crop's transform.
        width, height: of the film, pixels.
        strength: 0..1, factor on the share, below 1 where drawing fades in or out.

    Returns:
        The patch, or None where nothing changes.
    """
    rows, columns = np.flatnonzero(share.any(axis=1)), np.flatnonzero(share.any(axis=0))
    if strength <= 0 or len(rows) == 0:
        return None
    # Interpolation extends the share by one pixel beyond its last positive one.
    corners = np.array([[columns[0] - 1, rows[0] - 1], [columns[-1] + 1, rows[-1] + 1]], np.float32)
    region = region_around(corners, box, width, height)
    if region is None:
        return None
    shown = put_back(share, box, region) * np.float32(strength)
    return Patch(region.left, region.top, put_back(picture, box, region), shown)
