"""A drawn speaking face, a tiny renderer with random weights, and small perceptual networks."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from mytalk_core.appearance.actor_frames import Take
from mytalk_core.appearance.clip import AppearanceClip
from mytalk_core.appearance.drawing_config import MaskConfig
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
    """Paint a face at its landmarks into a frame (height, width, 3)."""
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
    """Makes a clip of a painted face with openings (T,) and crops of `size` pixels.

    The face has the same size in the film and in the crops.
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
    """Makes tiny renderers; in a lively one every weight has an effect, as after training."""

    def make(lively: bool = True) -> Renderer:
        torch.manual_seed(0)
        renderer = Renderer(SIZES["tiny"])
        if lively:
            enliven(renderer)
        return renderer.eval()

    return make


def enliven(renderer: Renderer) -> None:
    """Initialise the zero last layers, without which earlier layers have no effect or gradient."""
    with torch.no_grad():
        for layer in (renderer.head, renderer.match.coarse[-1], renderer.match.fine):
            nn.init.normal_(layer.get_parameter("weight"), std=0.05)


@pytest.fixture(scope="session")
def small_judges(tmp_path_factory: pytest.TempPathFactory) -> JudgingModels:
    """Files of small perceptual networks."""
    return write_small_judges(tmp_path_factory.mktemp("judges"))


@pytest.fixture(scope="session")
def take(drawn_clip: Callable[..., AppearanceClip]) -> Take:
    """Five seconds of a painted face."""
    clip = drawn_clip(0.2 + 0.2 * np.sin(np.arange(125) / 2.5))
    return Take(clip, np.arange(125), 25.0)


@pytest.fixture(scope="session")
def lpips(small_judges: JudgingModels) -> Lpips:
    """LPIPS of the small networks."""
    return perceptual_lpips(small_judges.alexnet)
