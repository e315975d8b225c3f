"""A drawn face that speaks, a renderer whose every weight matters, and judges of few channels."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from mytalk_core.appearance.actor_frames import Take
from mytalk_core.appearance.clip import AppearanceClip
from mytalk_core.appearance.conditioning import MaskConfig
from mytalk_core.appearance.face_crops import face_crops
from mytalk_core.appearance.perceptual import Lpips, perceptual_lpips
from mytalk_core.appearance.renderer import SIZES, Renderer
from mytalk_core.appearance.training import JudgingModels
from mytalk_core.faces.crop import CropConfig, crop_boxes, cut_crop
from mytalk_core.faces.face_motion import face_motion
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.shape import aperture
from tests.small_judges import write_small_judges

Array = NDArray[np.float32]
CROP = CropConfig()


def _picture(landmarks: Array, unit: float, width: int, height: int) -> NDArray[np.uint8]:
    """A frame (height, width, 3) with a face painted where its landmarks are."""
    image = np.full((height, width, 3), (40, 60, 90), np.uint8)
    points = landmarks[:, :2].round().astype(np.int32)
    cv2.fillConvexPoly(image, cv2.convexHull(points), (205, 160, 130))
    for corner in MESH478.eye_corners:
        cv2.circle(image, points[corner].tolist(), round(unit / 10), (30, 30, 60), -1)
    cv2.fillPoly(image, [points[list(MESH478.outer_lips)]], (170, 60, 70))
    cv2.fillPoly(image, [points[list(MESH478.inner_lips)]], (60, 10, 15))
    return cv2.GaussianBlur(image, (3, 3), 0).astype(np.uint8)


@pytest.fixture(scope="session")
def drawn_clip(talking_face: Callable[..., Array]) -> Callable[..., AppearanceClip]:
    """Openings (T,) to a clip of a painted face; `size` is that of its crops in pixels.

    The film shows the face as large as the crops do.
    """

    def make(openings: NDArray[np.floating], size: int = 96) -> AppearanceClip:
        unit = size / CROP.extent
        width, height = round(4 * unit), round(3.2 * unit)
        landmarks = talking_face(openings, unit=unit, centre=(2 * unit, 1.3 * unit))
        motion = face_motion(landmarks, MESH478)
        boxes = crop_boxes(motion.pose, CropConfig(size=size), 25.0)
        pictures = np.stack(
            [
                cut_crop(_picture(face, unit, width, height), box, size)
                for face, box in zip(landmarks, boxes, strict=True)
            ]
        )
        crops = face_crops(pictures, landmarks, boxes, motion, MESH478, MaskConfig())
        opening = aperture(landmarks, MESH478) * np.linalg.norm(boxes[:, 0], axis=-1)
        return AppearanceClip(crops, opening, motion.pose.rotation.reshape(-1, 9), MESH478)

    return make


@pytest.fixture(scope="session")
def tiny_renderer() -> Callable[..., Renderer]:
    """Makes tiny renderers; a lively one's every weight matters, as after training."""

    def make(lively: bool = True) -> Renderer:
        torch.manual_seed(0)
        renderer = Renderer(SIZES["tiny"])
        if lively:
            enliven(renderer)
        return renderer.eval()

    return make


def enliven(renderer: Renderer) -> None:
    """Below last layers that still say nothing, nothing matters and nothing learns."""
    with torch.no_grad():
        for layer in (renderer.head, renderer.match.coarse[-1], renderer.match.fine):
            nn.init.normal_(layer.get_parameter("weight"), std=0.05)


@pytest.fixture(scope="session")
def small_judges(tmp_path_factory: pytest.TempPathFactory) -> JudgingModels:
    """Files of networks as deep as the real judges, with few channels and any weights."""
    return write_small_judges(tmp_path_factory.mktemp("judges"))


@pytest.fixture(scope="session")
def take(drawn_clip: Callable[..., AppearanceClip]) -> Take:
    """Five seconds of a painted face."""
    clip = drawn_clip(0.2 + 0.2 * np.sin(np.arange(125) / 2.5))
    return Take(clip, np.arange(125), 25.0)


@pytest.fixture(scope="session")
def lpips(small_judges: JudgingModels) -> Lpips:
    """Of the judges of few channels."""
    return perceptual_lpips(small_judges.alexnet)
