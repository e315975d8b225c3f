"""Removal of the pose from landmarks, and its inverse."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.faces.alignment import (
    Pose,
    canonical_rigid,
    fit_pose,
    fit_similarity,
    head_turn,
    inter_ocular,
    to_pixels,
    to_shape,
)
from mytalk_core.faces.landmark_scheme import MESH478

Array = NDArray[np.float32]
Shape = Callable[[float], Array]
Turn = Callable[[float, float], Array]
seeds = st.integers(0, 2**32 - 1)
RIGID = list(MESH478.rigid)


def random_rotations(random: np.random.Generator, count: int, size: int) -> NDArray[np.float64]:
    """Return proper rotations (count, size, size)."""
    rotation = np.linalg.qr(random.normal(size=(count, size, size)))[0]
    rotation[:, :, 0] *= np.linalg.det(rotation)[:, None]
    return rotation


@given(seeds, st.sampled_from([2, 3]), st.floats(0.1, 500))
def test_a_similarity_is_recovered(seed: int, size: int, zoom: float) -> None:
    random = np.random.default_rng(seed)
    source = random.normal(size=(12, size)).astype(np.float32)
    rotation = random_rotations(random, 4, size)
    scale = zoom * random.uniform(0.5, 2, 4)
    shift = zoom * random.normal(size=(4, size))
    target = scale[:, None, None] * np.einsum("nd,ted->tne", source, rotation) + shift[:, None]
    found = fit_similarity(source, target.astype(np.float32))
    np.testing.assert_allclose(found[0], rotation, atol=1e-4)
    np.testing.assert_allclose(found[1], scale, rtol=1e-4)
    np.testing.assert_allclose(found[2], shift, atol=1e-4 * zoom)


def test_a_mirror_image_is_fitted_by_a_rotation_not_a_reflection() -> None:
    """Umeyama 1991, equation 43: mirrored along its shortest axis, the best rotation is none."""
    source = np.diag([3.0, 2.0, 1.0])
    source = np.concatenate([source, -source]).astype(np.float32)
    rotation, scale, shift = fit_similarity(source, (source * [1, 1, -1])[None])
    np.testing.assert_allclose(rotation[0], np.eye(3), atol=1e-5)
    assert scale[0] == pytest.approx((9 + 4 - 1) / (9 + 4 + 1), abs=1e-5)
    np.testing.assert_allclose(shift[0], 0, atol=1e-5)


@given(seeds)
def test_noise_is_fitted_with_the_least_error(seed: int) -> None:
    """No similarity nearby has a smaller error on noisy points."""
    random = np.random.default_rng(seed)
    source = random.normal(size=(12, 3)).astype(np.float32)
    target = (source + 0.1 * random.normal(size=(12, 3))).astype(np.float32)

    def error(rotation: NDArray[Any], scale: float, shift: NDArray[Any]) -> float:
        return float(np.square(scale * source @ rotation.T + shift - target).sum())

    rotation, scale, shift = (part[0] for part in fit_similarity(source, target[None]))
    best = error(rotation, scale, shift)
    assert error(rotation, scale * 1.01, shift) > best
    assert error(rotation, scale, shift + 0.01) > best
    angle = 0.01
    tilt = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0]])
    assert error(np.vstack([tilt, [0, 0, 1]]) @ rotation, scale, shift) > best * (1 - 1e-6)


@given(seeds)
def test_pixels_are_the_inverse_of_shape(seed: int) -> None:
    random = np.random.default_rng(seed)
    pose = Pose(
        random_rotations(random, 5, 3).astype(np.float32),
        random.uniform(20, 300, 5).astype(np.float32),
        random.uniform(-500, 2000, (5, 3)).astype(np.float32),
    )
    shape = random.normal(size=(5, 9, 3)).astype(np.float32)
    np.testing.assert_allclose(to_shape(to_pixels(shape, pose), pose), shape, atol=1e-3)
    first = Pose(pose.rotation[:2], pose.scale[:2], pose.translation[:2])
    np.testing.assert_array_equal(to_pixels(shape[:2], pose[:2]), to_pixels(shape[:2], first))


def test_the_aligned_face_has_level_eyes_one_unit_apart(talking_face: Callable[..., Array]) -> None:
    rigid = canonical_rigid(talking_face(np.full(30, 0.1)), MESH478)
    left, right = (rigid[MESH478.rigid.index(corner)] for corner in MESH478.eye_corners)
    np.testing.assert_allclose(left, [-0.5, 0, 0], atol=1e-4)
    np.testing.assert_allclose(right, [0.5, 0, 0], atol=1e-4)
    upper, lower = (rigid[MESH478.rigid.index(point)] for point in MESH478.vertical)
    assert lower[1] > upper[1]
    assert lower[2] == pytest.approx(upper[2], abs=1e-4)


@settings(max_examples=20)
@given(seeds, st.floats(10, 400))
def test_the_aligned_face_does_not_depend_on_poses(
    face_shape: Shape, seed: int, unit: float
) -> None:
    random = np.random.default_rng(seed)
    shape = face_shape(0.1)
    still = np.broadcast_to(shape, (6, *shape.shape)).copy()
    rotation = random_rotations(random, 6, 3)
    moved = unit * np.einsum("tnd,ted->tne", still, rotation) + random.normal(0, 99, (6, 1, 3))
    np.testing.assert_allclose(
        canonical_rigid(moved.astype(np.float32), MESH478),
        canonical_rigid(still, MESH478),
        atol=1e-3,
    )


def test_the_aligned_face_is_robust_to_landmark_noise(
    talking_face: Callable[..., Array], face_shape: Shape
) -> None:
    clean = talking_face(np.full(100, 0.1))
    noise = np.random.default_rng(0).normal(0, 0.6, clean.shape).astype(np.float32)  # 1 % of a unit
    difference = canonical_rigid(clean + noise, MESH478) - canonical_rigid(clean, MESH478)
    assert np.abs(difference).max() < 0.005


def test_speech_does_not_move_the_aligned_face(talking_face: Callable[..., Array]) -> None:
    """Upper-face points are constant in aligned coordinates while mouth and head move."""
    openings = 0.1 + 0.1 * np.sin(np.arange(60) / 3)
    landmarks = talking_face(openings)
    pose = fit_pose(landmarks, canonical_rigid(landmarks, MESH478), MESH478)
    shape = to_shape(landmarks, pose)
    assert shape[:, RIGID].std(axis=0).max() < 1e-4
    middle = shape[:, MESH478.inner_lips[5]]
    assert middle[:, 1].std() > 0.01


def test_inter_ocular_is_the_distance_of_the_eyes(talking_face: Callable[..., Array]) -> None:
    landmarks = talking_face(np.full(4, 0.1), unit=80)
    np.testing.assert_allclose(inter_ocular(landmarks, MESH478), 80, rtol=1e-4)


@pytest.mark.parametrize("degrees", [-60, -15, 0, 5, 40])
def test_head_turn_has_the_size_and_sign_of_the_turn(
    face_shape: Shape, turn: Turn, degrees: float
) -> None:
    """The nose of a face turned to image right is to the right of its frontal position."""
    shape = face_shape(0.1)
    turned = 70 * shape @ turn(np.radians(degrees), 0.0).T + 200
    pose = fit_pose(turned[None], canonical_rigid(shape[None], MESH478), MESH478)
    straight = fit_pose(70 * shape[None] + 200, canonical_rigid(shape[None], MESH478), MESH478)
    assert (head_turn(pose) - head_turn(straight))[0] == pytest.approx(degrees, abs=0.01)
    if degrees:
        nose = turned[MESH478.nose_base, 0] - turned[list(MESH478.eye_corners), 0].mean()
        assert np.sign(nose) == np.sign(degrees)
