"""Mask shapes: the shipped one (the lower face with its cheeks) and alternatives."""

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.conditioning import face_outlines
from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.faces.landmark_scheme import LandmarkScheme

# Inter-ocular units. Extent of a mask of the mouth: half width, distance below the nose, and
# distance below the resting lips. It covers lips at their widest and leaves the chin.
_MOUTH_HALF, _BELOW_NOSE, _BELOW_LIPS = 0.45, 0.03, 0.28
# Distance below the eye corners of the upper edge of a mask up to the eyes.
_BELOW_EYES = 0.2


def lower_face(resting_shape: NDArray[np.float32], scheme: LandmarkScheme) -> NDArray[np.float32]:
    """Return the shipped mask, (O, 3) aligned inter-ocular units as in `Outlines`."""
    return face_outlines(resting_shape, MaskConfig(), scheme).mask


def mouth_only(resting_shape: NDArray[np.float32], scheme: LandmarkScheme) -> NDArray[np.float32]:
    """Return a box around the lips, (4, 3), that leaves jaw, chin and cheeks visible."""
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
    """Return the lower face with the whole cheeks and nose, (O, 3)."""
    outline = lower_face(resting_shape, scheme)[: len(scheme.jaw)].copy()
    upper = outline[[-1, 0]].copy()
    upper[:, 1] = _BELOW_EYES
    # At the depth of the eyes: points as deep as the ears would sink when the head nods.
    upper[:, 2] = resting_shape[list(scheme.eye_corners), 2].mean()
    return np.concatenate([outline, upper])
