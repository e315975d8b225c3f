"""A region of a film's picture blended with another picture, for tests of changes."""

import numpy as np
from numpy.typing import NDArray

from mytalk_core.media.plane_regions import region_rgb, with_change
from mytalk_core.media.planes import Planes
from mytalk_core.media.tone import Tone


def with_region(
    planes: Planes,
    rgb: NDArray[np.float32],
    share: NDArray[np.float32],
    left: int,
    top: int,
    tone: Tone | None = None,
) -> Planes:
    """The picture with `rgb` (h, w, 3) blended into it by `share` (h, w), 0..1."""
    height, width = share.shape
    own = region_rgb(planes, left, top, left + width, top + height)
    return with_change(planes, (rgb - own) * share[..., None], share > 0, left, top, tone)
