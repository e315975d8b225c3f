"""The shape of a person's shut mouth, and the frames in which the mouth is shut."""

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.shape import aperture

# Noise of the opening of shut lips, inter-ocular units.
_PARTED = 0.006


def closed_mouth(
    shape: NDArray[np.float32], scheme: LandmarkScheme, share: float = 0.1
) -> NDArray[np.float32]:
    """Return the mean shape (P, 3) of the `share` of frames with the smallest mouth opening."""
    opening = aperture(shape, scheme)
    count = max(int(len(shape) * share), 1)
    closed: NDArray[np.float32] = shape[np.argsort(opening, kind="stable")[:count]].mean(axis=0)
    return closed


def shut_frames(
    shape: NDArray[np.float32], scheme: LandmarkScheme, share: float = 0.15
) -> NDArray[np.bool_]:
    """Return the frames (T,) whose mouth opening is within `share` of its usual range.

    The range is from the 5 % to the 90 % quantile. Lips that never part further than landmark
    noise are shut in all frames.

    Args:
        shape: (T, P, 3) aligned, inter-ocular units.
    """
    opening = aperture(shape, scheme)
    least, most = np.quantile(opening, [0.05, 0.9])
    shut: NDArray[np.bool_] = opening <= least + max(share * (most - least), _PARTED)
    return shut
