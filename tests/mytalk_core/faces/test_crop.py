"""The crop follows the head, steadily, and leads back to where it came from."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.faces.alignment import Pose, canonical_rigid, fit_pose
from mytalk_core.faces.crop import CropConfig, apply_box, crop_boxes, cut_crop, invert_box
from mytalk_core.faces.landmark_scheme import MESH478

Array = NDArray[np.float32]
Film = Callable[..., Array]
CONFIG = CropConfig()


def pose_of(landmarks: Array) -> Pose:
    return fit_pose(landmarks, canonical_rigid(landmarks, MESH478), MESH478)


@st.composite
def boxes(draw: st.DrawFn) -> Array:
    """Similarities from frames of films to crops."""
    gain, angle = draw(st.floats(0.05, 4)), draw(st.floats(-3, 3))
    cos, sin = gain * np.cos(angle), gain * np.sin(angle)
    shift = draw(st.tuples(st.floats(-900, 900), st.floats(-900, 900)))
    return np.array([[cos, -sin], [sin, cos], shift], np.float32)


@settings(deadline=None)
@given(boxes(), st.integers(0, 2**32 - 1))
def test_the_inverse_leads_back(box: Array, seed: int) -> None:
    points = np.random.default_rng(seed).uniform(-100, 2000, (1, 8, 2)).astype(np.float32)
    there = apply_box(points, box[None])
    np.testing.assert_allclose(apply_box(there, invert_box(box)[None]), points, atol=0.1)


def test_the_third_coordinate_does_not_matter(talking_face: Film) -> None:
    landmarks = talking_face(np.full(3, 0.1))
    moved = crop_boxes(pose_of(landmarks), CONFIG, 25.0)
    np.testing.assert_array_equal(apply_box(landmarks, moved), apply_box(landmarks[..., :2], moved))


def test_the_face_lies_upright_in_the_crop_from_brow_to_chin(talking_face: Film) -> None:
    landmarks = talking_face(np.full(30, 0.1))
    crop = apply_box(landmarks, crop_boxes(pose_of(landmarks), CONFIG, 25.0))
    left, right = (crop[:, corner] for corner in MESH478.eye_corners)
    unit = CONFIG.size / CONFIG.extent
    np.testing.assert_allclose(right[:, 0] - left[:, 0], unit, rtol=0.03)
    np.testing.assert_allclose(right[:, 1] - left[:, 1], 0, atol=2)
    np.testing.assert_allclose((left + right)[:, 0] / 2, CONFIG.size / 2, atol=3)
    moving = crop[:, list(MESH478.moving)]
    assert moving.min() > 0
    assert moving.max() < CONFIG.size


def test_landmark_noise_hardly_shakes_the_crop(talking_face: Film) -> None:
    one = talking_face(np.full(1, 0.1))
    still = np.repeat(one, 120, axis=0)
    noise = np.random.default_rng(0).normal(0, 1.0, still.shape).astype(np.float32)
    shaken = crop_boxes(pose_of(still + noise), CONFIG, 25.0)
    raw = crop_boxes(pose_of(still + noise), CropConfig(smoothing_seconds=1e-3), 25.0)

    def jitter(moved: Array) -> float:
        """Pixels by which a still point moves in the crop from frame to frame."""
        place = apply_box(still, moved)
        return float(np.linalg.norm(np.diff(place, axis=0), axis=-1).mean())

    assert jitter(shaken) < 0.2
    assert jitter(shaken) < jitter(raw) / 4


def test_a_head_that_turns_over_does_not_make_the_crop_spin(
    face_shape: Callable[[float], Array], turn: Callable[[float, float], Array]
) -> None:
    """Roll passes half a turn, where its angle jumps from plus to minus."""
    rolls = np.linspace(2.5, 3.8, 40)
    shape = face_shape(0.1)
    film = np.stack([60 * shape @ turn(0, roll).T + 200 for roll in rolls]).astype(np.float32)
    eyes = apply_box(film, crop_boxes(pose_of(film), CONFIG, 25.0))[:, list(MESH478.eye_corners)]
    level = eyes[:, 1] - eyes[:, 0]
    assert np.degrees(np.abs(np.arctan2(level[:, 1], level[:, 0]))).max() < 10


@pytest.mark.parametrize("gain", [2.0, 1.0, 0.7, 0.45, 0.2, 0.09])
@pytest.mark.parametrize("angle", [0.0, 0.3])
def test_a_dot_is_cut_where_the_transform_puts_it(gain: float, angle: float) -> None:
    """Large faces are averaged down before they are cut, which must not shift them."""
    y, x = np.mgrid[0:700, 0:901]
    dot = np.array([520.3, 310.8])
    width = 3 / gain if gain < 1 else 3
    brightness = 255 * np.exp(-((x - dot[0]) ** 2 + (y - dot[1]) ** 2) / (2 * width**2))
    image = np.repeat(brightness[..., None], 3, axis=2).astype(np.uint8)
    cos, sin = gain * np.cos(angle), gain * np.sin(angle)
    turned = np.array([[cos, -sin], [sin, cos]])
    box = np.vstack([turned, np.array([61.4, 70.2]) - dot @ turned]).astype(np.float32)
    expected = apply_box(dot[None, None].astype(np.float32), box[None])[0, 0]
    crop = cut_crop(image, box, 128)[..., 0].astype(float)
    assert crop.shape == (128, 128)
    rows, columns = np.mgrid[0:128, 0:128]
    found = [(crop * columns).sum() / crop.sum(), (crop * rows).sum() / crop.sum()]
    np.testing.assert_allclose(found, expected, atol=0.15)


def test_outside_the_frame_the_edge_is_repeated() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[:, 0] = [200, 100, 50]
    box = np.array([[1, 0], [0, 1], [32, 0]], np.float32)
    crop = cut_crop(image, box, 64)
    assert (crop[:40, :32] == [200, 100, 50]).all()
