"""The shut mouth of a person, as far as footage shows it."""

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.shape import aperture

# Inter-ocular: landmarks of shut lips tremble by about as much.
_PARTED = 0.006


def closed_mouth(
    shape: NDArray[np.float32], scheme: LandmarkScheme, share: float = 0.1
) -> NDArray[np.float32]:
    """The shape (P, 3) of the shut mouth: mean of the `share` of frames that are least open."""
    opening = aperture(shape, scheme)
    count = max(int(len(shape) * share), 1)
    closed: NDArray[np.float32] = shape[np.argsort(opening, kind="stable")[:count]].mean(axis=0)
    return closed


def shut_frames(
    shape: NDArray[np.float32], scheme: LandmarkScheme, share: float = 0.15
) -> NDArray[np.bool_]:
    """The frames (T,) whose mouth is shut: open by less than `share` of what it usually opens.

    From the least open tenth to the most open one of this person; lips that hardly part all the
    time are shut all the time.

    Args:
        shape: (T, P, 3) aligned, inter-ocular units.
    """
    opening = aperture(shape, scheme)
    least, most = np.quantile(opening, [0.05, 0.9])
    shut: NDArray[np.bool_] = opening <= least + max(share * (most - least), _PARTED)
    return shut
