"""The crop transform: stability, geometry, resampling and inverse."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.faces.alignment import Pose, canonical_rigid, fit_pose
from mytalk_core.faces.crop import (
    CropConfig,
    apply_box,
    crop_boxes,
    crop_size_for,
    cut_crop,
    invert_box,
    place,
)
from mytalk_core.faces.landmark_scheme import MESH478

Array = NDArray[np.float32]
Film = Callable[..., Array]
CONFIG = CropConfig()


def pose_of(landmarks: Array) -> Pose:
    return fit_pose(landmarks, canonical_rigid(landmarks, MESH478), MESH478)


@st.composite
def boxes(draw: st.DrawFn) -> Array:
    """Similarities from frames to crops."""
    gain, angle = draw(st.floats(0.05, 4)), draw(st.floats(-3, 3))
    cos, sin = gain * np.cos(angle), gain * np.sin(angle)
    shift = draw(st.tuples(st.floats(-900, 900), st.floats(-900, 900)))
    return np.array([[cos, -sin], [sin, cos], shift], np.float32)


@given(boxes(), st.integers(0, 2**32 - 1))
def test_the_inverse_box_restores_points(box: Array, seed: int) -> None:
    points = np.random.default_rng(seed).uniform(-100, 2000, (1, 8, 2)).astype(np.float32)
    there = apply_box(points, box[None])
    np.testing.assert_allclose(apply_box(there, invert_box(box)[None]), points, atol=0.1)


def test_depth_has_no_effect(talking_face: Film) -> None:
    landmarks = talking_face(np.full(3, 0.1))
    moved = crop_boxes(pose_of(landmarks), CONFIG, 25.0)
    np.testing.assert_array_equal(apply_box(landmarks, moved), apply_box(landmarks[..., :2], moved))


def test_the_face_is_upright_and_complete_in_the_crop(talking_face: Film) -> None:
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


def motion(moved: Array, points: Array) -> float:
    """Return the RMS motion in pixels of points (T, N, 2 or more) around their mean in the crop."""
    spots = apply_box(points, moved)
    return float(np.sqrt(np.square(spots - spots.mean(axis=0)).sum(axis=-1).mean()))


@pytest.mark.parametrize("size", [192, 768])
def test_landmark_noise_hardly_moves_the_crop_of_a_still_face(
    talking_face: Film, size: int
) -> None:
    """The noise is the largest of the GRID corpus, 0.0013 inter-ocular units."""
    config = CropConfig(size=size)
    still = np.repeat(talking_face(np.full(1, 0.1)), 200, axis=0)
    noise = np.random.default_rng(0).normal(0, 0.0013 * 60, still.shape).astype(np.float32)
    smooth = crop_boxes(pose_of(still + noise), config, 25.0)
    raw = crop_boxes(pose_of(still + noise), replace(config, smoothing_seconds=1e-3), 25.0)
    assert motion(smooth, still) < 0.04 * size / 192
    assert motion(raw, still) > 1.5 * motion(smooth, still)


def test_smoothing_reduces_the_jitter_of_the_crop(talking_face: Film) -> None:
    still = np.repeat(talking_face(np.full(1, 0.1)), 120, axis=0)
    noise = np.random.default_rng(0).normal(0, 1.0, still.shape).astype(np.float32)
    shaken = crop_boxes(pose_of(still + noise), CONFIG, 25.0)
    raw = crop_boxes(pose_of(still + noise), CropConfig(smoothing_seconds=1e-3), 25.0)

    def jitter(moved: Array) -> float:
        """Return the mean motion in pixels between frames of a still point in the crop."""
        spots = apply_box(still, moved)
        return float(np.linalg.norm(np.diff(spots, axis=0), axis=-1).mean())

    assert jitter(shaken) < 0.2
    assert jitter(shaken) < jitter(raw) / 4


@pytest.mark.parametrize("fps", [24.0, 60.0])
def test_a_moving_head_is_followed_without_lag(talking_face: Film, fps: float) -> None:
    """A head that sways twice in three seconds by half its inter-ocular distance."""
    times = np.arange(round(4 * fps)) / fps
    still = np.repeat(talking_face(np.full(1, 0.1)), len(times), axis=0)
    sway = 30 * np.sin(2 * np.pi * times / 1.5)
    head = still.copy()
    head[..., 0] += sway[:, None]
    eyes = list(MESH478.eye_corners)
    seen = apply_box(head[:, eyes], crop_boxes(pose_of(head), CONFIG, fps)).mean(axis=1)[:, 0]
    inside = slice(round(0.5 * fps), -round(0.5 * fps))
    left_over = (seen - seen[inside].mean())[inside]
    gain = CONFIG.size / CONFIG.extent / 60
    swing = gain * sway[inside]
    assert np.abs(left_over).max() < 0.07 * np.abs(swing).max()
    # Lag correlates the remainder with the speed of the head.
    speed = np.gradient(swing, 1 / fps)
    lag = float(left_over @ speed / (speed @ speed))
    assert abs(lag) < 0.002


def test_a_roll_across_180_degrees_does_not_make_the_crop_spin(
    face_shape: Callable[[float], Array], turn: Callable[[float, float], Array]
) -> None:
    """The sign of the angle changes there."""
    rolls = np.linspace(2.5, 3.8, 40)
    shape = face_shape(0.1)
    film = np.stack([60 * shape @ turn(0, roll).T + 200 for roll in rolls]).astype(np.float32)
    eyes = apply_box(film, crop_boxes(pose_of(film), CONFIG, 25.0))[:, list(MESH478.eye_corners)]
    level = eyes[:, 1] - eyes[:, 0]
    assert np.degrees(np.abs(np.arctan2(level[:, 1], level[:, 0]))).max() < 10


@pytest.mark.parametrize("gain", [2.0, 1.0, 0.7, 0.45, 0.2, 0.09])
@pytest.mark.parametrize("angle", [0.0, 0.3])
def test_a_dot_is_cut_at_its_transformed_position(gain: float, angle: float) -> None:
    """Area averages of large faces must not shift them."""
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


def test_edges_are_repeated_outside_the_frame() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[:, 0] = [200, 100, 50]
    box = np.array([[1, 0], [0, 1], [32, 0]], np.float32)
    crop = cut_crop(image, box, 64)
    assert (crop[:40, :32] == [200, 100, 50]).all()


def test_the_crop_has_at_least_the_resolution_of_the_film() -> None:
    assert crop_size_for(60.0, CONFIG) == 192  # the lower bound; 144 is enough
    assert crop_size_for(120.0, CONFIG) == 288
    assert crop_size_for(120.1, CONFIG) == 336
    assert crop_size_for(900.0, CONFIG) == 960
    assert crop_size_for(900.0, CONFIG, largest=384) == 384


@given(st.floats(1, 2000))
def test_crop_sizes_are_multiples_of_48_within_bounds(inter_ocular: float) -> None:
    size = crop_size_for(inter_ocular, CONFIG)
    assert size % 48 == 0
    assert 192 <= size <= 960
    if size < 960:
        assert size >= inter_ocular * CONFIG.extent


FRAME = np.random.default_rng(3).integers(0, 256, (151, 203, 3), np.uint8)


@given(boxes())
def test_a_crop_of_the_region_equals_that_of_the_whole_frame(box: Array) -> None:
    region = place(box, 48, 203, 151)
    whole = cut_crop(FRAME.astype(np.float32), box, 48)
    if region is None:
        return
    part = FRAME[region.top : region.bottom, region.left : region.right].astype(np.float32)
    np.testing.assert_allclose(cut_crop(part, box, 48, (region.left, region.top)), whole, atol=0.2)


@given(boxes(), st.integers(20, 400), st.integers(20, 400))
def test_regions_are_inside_the_frame_with_even_edges(box: Array, width: int, height: int) -> None:
    region = place(box, 48, width, height)
    if region is None:
        return
    assert 0 <= region.left < region.right <= width
    assert 0 <= region.top < region.bottom <= height
    assert region.left % 2 == region.top % 2 == 0
    assert region.right % 2 == 0 or region.right == width
    assert region.bottom % 2 == 0 or region.bottom == height


def test_a_crop_outside_the_frame_has_no_region() -> None:
    box = np.array([[1, 0], [0, 1], [300, 0]], np.float32)
    assert place(box, 48, 100, 100) is None


def test_enlargement_is_sharper_than_linear_and_stays_in_range() -> None:
    step = np.zeros((20, 40, 3), np.float32)
    step[:, 20:] = 255
    crop = cut_crop(step, np.array([[4, 0], [0, 4], [0, 0]], np.float32), 160)
    assert crop.min() == 0
    assert crop.max() == 255
    assert np.diff(crop[40, :, 0]).max() > 255 / 4
