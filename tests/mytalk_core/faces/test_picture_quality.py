"""Sharpness and landmark jitter."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.data.samples import SampleClip
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.picture_quality import frame_sharpness, landmark_jitter, sharpness
from mytalk_core.media.decode import iter_frames

Crops = NDArray[np.uint8]


@pytest.fixture(scope="module")
def crops(sample_clips: dict[str, SampleClip]) -> Crops:
    """Pictures of a recorded face, 128 pixels wide."""
    images = [frame.image for frame in iter_frames(sample_clips["jwp_intro"].path)][:30]
    return np.stack(
        [
            cv2.resize(image[40:360, 160:480], (128, 128), interpolation=cv2.INTER_AREA)
            for image in images
        ]
    )


def blurred(crops: Crops, sigma: float) -> Crops:
    return np.stack([cv2.GaussianBlur(crop, (0, 0), sigma) for crop in crops])


def test_sharpness_decreases_with_blur(crops: Crops) -> None:
    values = [sharpness(blurred(crops, sigma)) for sigma in (0.01, 1, 1.5, 2.5, 4)]
    assert values == sorted(values, reverse=True)
    assert values[2] < 0.6 * values[0]


@pytest.mark.parametrize(("factor", "most"), [(2, 0.9), (4, 0.6)])
def test_sharpness_decreases_with_upscaling(crops: Crops, factor: int, most: float) -> None:
    side = 128 // factor
    small = [cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA) for crop in crops]
    back = np.stack([cv2.resize(crop, (128, 128), interpolation=cv2.INTER_CUBIC) for crop in small])
    assert sharpness(back) < most * sharpness(crops)


@pytest.mark.parametrize("gain", [0.4, 0.7])
def test_sharpness_does_not_depend_on_gain(crops: Crops, gain: float) -> None:
    darker = (crops * gain).round().astype(np.uint8)
    assert sharpness(darker) == pytest.approx(sharpness(crops), rel=0.05)


def test_the_sharpness_of_a_plain_picture_is_zero() -> None:
    assert sharpness(np.full((3, 64, 64, 3), 100, np.uint8)) == 0
    assert sharpness(np.zeros((1, 64, 64, 3), np.uint8)) == 0


def test_sharpness_is_robust_to_a_few_blurred_frames(crops: Crops) -> None:
    mixed = crops.copy()
    mixed[:3] = blurred(crops[:3], 6)
    assert sharpness(mixed) == pytest.approx(frame_sharpness(crops[15]), rel=0.1)


@settings(max_examples=15)
@given(st.floats(1e-4, 0.05), st.integers(0, 100))
def test_the_jitter_of_a_still_face_is_the_deviation_of_its_noise(sigma: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    face = random.uniform(0, 100, (478, 3))
    face[list(MESH478.eye_corners)] = [[20, 30, 0], [80, 30, 0]]
    noise = random.normal(0, sigma * 60, (200, 478, 3))
    found = landmark_jitter((face + noise).astype(np.float32), MESH478)
    assert found == pytest.approx(sigma, rel=0.1)


def test_smooth_head_motion_is_not_jitter(talking_face: Callable[..., NDArray[np.float32]]) -> None:
    nodding = talking_face(0.1 + 0.1 * np.sin(np.arange(100) / 4))
    assert landmark_jitter(nodding, MESH478) < 1e-4


def test_the_jitter_of_fewer_than_five_frames_is_nan(
    talking_face: Callable[..., NDArray[np.float32]],
) -> None:
    assert np.isnan(landmark_jitter(talking_face(np.zeros(4)), MESH478))
    assert np.isfinite(landmark_jitter(talking_face(np.zeros(5)), MESH478))
