"""The shut mouth of a person, as far as footage shows it."""

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.shape import aperture


def closed_mouth(
    shape: NDArray[np.float32], scheme: LandmarkScheme, share: float = 0.1
) -> NDArray[np.float32]:
    """The shape (P, 3) of the shut mouth: mean of the `share` of frames that are least open."""
    opening = aperture(shape, scheme)
    count = max(int(len(shape) * share), 1)
    closed: NDArray[np.float32] = shape[np.argsort(opening, kind="stable")[:count]].mean(axis=0)
    return closed
