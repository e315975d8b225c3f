"""Masks of other shapes than the shipped one, which is the lower face with its cheeks."""

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.conditioning import MaskConfig, face_outlines
from mytalk_core.faces.landmark_scheme import LandmarkScheme

# All in inter-ocular units. How far a mask of the mouth reaches to either side of the middle, below
# the nose, and below the resting lips: lips at their widest, and the chin left as it is.
_MOUTH_HALF, _BELOW_NOSE, _BELOW_LIPS = 0.45, 0.03, 0.28
# How far below the eye corners a mask that goes up to the eyes begins.
_BELOW_EYES = 0.2


def lower_face(resting_shape: NDArray[np.float32], scheme: LandmarkScheme) -> NDArray[np.float32]:
    """What is shipped, (O, 3) aligned inter-ocular units as in `Outlines`."""
    return face_outlines(resting_shape, MaskConfig(), scheme).mask


def mouth_only(resting_shape: NDArray[np.float32], scheme: LandmarkScheme) -> NDArray[np.float32]:
    """A box about the lips, (4, 3): jaw, chin and cheeks are seen as they move."""
    lips = resting_shape[list(scheme.lips)]
    middle = lips.mean(axis=0)
    top = resting_shape[scheme.nose_base, 1] + _BELOW_NOSE
    bottom = lips[:, 1].max() + _BELOW_LIPS
    left, right = middle[0] - _MOUTH_HALF, middle[0] + _MOUTH_HALF
    corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
    return np.array([[x, y, middle[2]] for x, y in corners], np.float32)


def up_to_the_eyes(
    resting_shape: NDArray[np.float32], scheme: LandmarkScheme
) -> NDArray[np.float32]:
    """The lower face with the whole of cheeks and nose, (O, 3)."""
    outline = lower_face(resting_shape, scheme)[: len(scheme.jaw)].copy()
    upper = outline[[-1, 0]].copy()
    upper[:, 1] = _BELOW_EYES
    # As deep as the eyes: ears are behind them, and would sink where the head nods.
    upper[:, 2] = resting_shape[list(scheme.eye_corners), 2].mean()
    return np.concatenate([outline, upper])
