"""Pictures of faces, aligned by eyes and nose: the input of `embedding`, and for people to see."""

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.alignment import fit_similarity
from mytalk_core.faces.crop import cut_crop
from mytalk_core.faces.landmark_scheme import LandmarkScheme

PICTURE_SIZE = 150
"""Width and height of an aligned picture, the input of the network, pixels."""

_PADDING = 0.25  # of the face's box on every side, as in its training
# Left and right outer eye corner and nose base in the box of dlib's mean face.
_MEAN_FACE = np.array([[0.1206, 0.2137], [0.8596, 0.2135], [0.4901, 0.6278]], np.float32)


def aligned_picture(
    image: NDArray[np.uint8], landmarks: NDArray[np.float32], scheme: LandmarkScheme
) -> NDArray[np.uint8]:
    """Cut the picture of a face, (150, 150, 3) RGB, that `FaceEmbedder` embeds.

    Args:
        landmarks: (P, 2 or 3) pixels of `image`.
    """
    anchors = landmarks[[*scheme.eye_corners, scheme.nose_base], :2]
    target = (_MEAN_FACE + _PADDING) / (1 + 2 * _PADDING) * PICTURE_SIZE
    rotation, scale, translation = fit_similarity(anchors, target[None])
    box = np.concatenate([scale[0] * rotation[0].T, translation])
    return cut_crop(image, box, PICTURE_SIZE)
