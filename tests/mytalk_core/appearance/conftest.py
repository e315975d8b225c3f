"""A drawn face that speaks: crops, points and outlines as training and dubbing have them."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.appearance.conditioning import MaskConfig
from mytalk_core.appearance.face_crops import face_crops
from mytalk_core.appearance.training import AppearanceClip
from mytalk_core.faces.crop import CropConfig, crop_boxes, cut_crop
from mytalk_core.faces.face_motion import face_motion
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.shape import aperture

Array = NDArray[np.float32]


def _picture(landmarks: Array) -> NDArray[np.uint8]:
    """A frame (240, 320, 3) with a face painted where its landmarks are."""
    image = np.full((240, 320, 3), (40, 60, 90), np.uint8)
    points = landmarks[:, :2].round().astype(np.int32)
    cv2.fillConvexPoly(image, cv2.convexHull(points), (205, 160, 130))
    for corner in MESH478.eye_corners:
        cv2.circle(image, points[corner].tolist(), 6, (30, 30, 60), -1)
    cv2.fillPoly(image, [points[list(MESH478.outer_lips)]], (170, 60, 70))
    cv2.fillPoly(image, [points[list(MESH478.inner_lips)]], (60, 10, 15))
    return cv2.GaussianBlur(image, (3, 3), 0).astype(np.uint8)


@pytest.fixture(scope="session")
def drawn_clip(talking_face: Callable[..., Array]) -> Callable[..., AppearanceClip]:
    """Openings (T,) to a clip of a painted face; `size` is that of its crops in pixels."""

    def make(openings: NDArray[np.floating], size: int = 128) -> AppearanceClip:
        landmarks = talking_face(openings)
        motion = face_motion(landmarks, MESH478)
        boxes = crop_boxes(motion.pose, CropConfig(size=size), 25.0)
        pictures = np.stack(
            [
                cut_crop(_picture(face), box, size)
                for face, box in zip(landmarks, boxes, strict=True)
            ]
        )
        crops = face_crops(pictures, landmarks, boxes, motion, MESH478, MaskConfig())
        gain = np.linalg.norm(boxes[:, 0], axis=-1)
        return AppearanceClip(crops, aperture(landmarks, MESH478) * gain, MESH478)

    return make
