"""Positions of drawn landmarks, masks and flow, and the landmark distance."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.appearance.conditioning import (
    draw_landmarks,
    drawing_channels,
    face_outlines,
    fill_regions,
    landmark_distance,
    landmark_flow,
)
from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.faces.crop import CropConfig
from mytalk_core.faces.landmark_scheme import IBUG68, MESH478, LandmarkScheme

Array = NDArray[np.float32]
CROP = CropConfig()


def moving_points(shape: Array, size: int) -> Array:
    """Its moving points, (M, 2)."""
    return in_crop(shape, size)[list(MESH478.moving)]


def in_crop(shape: Array, size: int) -> Array:
    """A face in a crop, (478, 2) pixels."""
    centred = shape[:, :2] - np.array([0, CROP.below_eyes], np.float32)
    return centred * (size / CROP.extent) + size / 2


@pytest.mark.parametrize("scheme", [MESH478, IBUG68], ids=lambda scheme: scheme.name)
def test_lips_are_drawn_closed_and_the_jaw_open(scheme: LandmarkScheme) -> None:
    outer, inner, jaw = drawing_channels(scheme)
    assert [closed for _, closed in (outer, inner, jaw)] == [True, True, False]
    named = [tuple(scheme.moving[place] for place in members) for members, _ in (outer, inner, jaw)]
    assert named == [scheme.outer_lips, scheme.inner_lips, scheme.jaw]


@pytest.mark.parametrize("size", [128, 256])
def test_every_point_is_drawn_in_its_channel(
    face_shape: Callable[[float], Array], size: int
) -> None:
    points = moving_points(face_shape(0.2), size)
    drawing = draw_landmarks(points, size, MESH478)
    assert drawing.shape == (3, size, size)
    for channel, (members, _) in enumerate(drawing_channels(MESH478)):
        x, y = points[list(members)].round().astype(int).T
        assert (drawing[channel, y, x] > 40).all()  # anti-aliased at its open ends
        drawn = np.argwhere(drawing[channel] > 0)[:, ::-1]
        reach = points[list(members)]
        assert (drawn >= reach.min(axis=0) - 3).all()
        assert (drawn <= reach.max(axis=0) + 3).all()


def test_drawing_has_subpixel_precision(face_shape: Callable[[float], Array]) -> None:
    points = moving_points(face_shape(0.2), 128)
    assert (
        draw_landmarks(points, 128, MESH478) != draw_landmarks(points + 0.3, 128, MESH478)
    ).any()


def test_points_outside_the_crop_are_accepted(face_shape: Callable[[float], Array]) -> None:
    points = moving_points(face_shape(0.2), 128)
    assert draw_landmarks(points + 5000, 128, MESH478).max() == 0


def test_the_mask_covers_mouth_and_jaw_at_their_widest_but_no_eyes(
    face_shape: Callable[[float], Array],
) -> None:
    outlines = face_outlines(face_shape(0.05), MaskConfig(), MESH478)

    mask, skin = fill_regions(in_crop(outlines.mask, 256), in_crop(outlines.face, 256), 256)
    wide_open = in_crop(face_shape(0.4), 256)
    lips = wide_open[list(MESH478.lips)].round().astype(int)
    chin = wide_open[MESH478.jaw[len(MESH478.jaw) // 2]].round().astype(int)
    eyes = wide_open[list(MESH478.eye_corners)].round().astype(int)
    assert mask[lips[:, 1], lips[:, 0]].all()
    assert mask[chin[1], chin[0]]
    assert not mask[eyes[:, 1], eyes[:, 0]].any()
    assert not (mask & skin).any()
    assert skin.sum() > 1000


@given(st.floats(-0.1, 0.1), st.floats(-0.1, 0.1))
def test_the_flow_follows_the_offset_of_the_points(x: float, y: float) -> None:
    """If every point of the reference has one offset, so has the flow near the points."""
    axis = torch.linspace(0.3, 0.7, 6)
    target = torch.cartesian_prod(axis, axis)[None]
    flow = landmark_flow(target, target + torch.tensor([x, y]), 32, reach=0.05)
    assert flow.shape == (1, 2, 32, 32)
    inside = flow[0, :, 12:20, 12:20]
    torch.testing.assert_close(inside[0], torch.full_like(inside[0], x), atol=0.01, rtol=0.1)
    torch.testing.assert_close(inside[1], torch.full_like(inside[1], y), atol=0.01, rtol=0.1)
    assert flow[0, :, 0, 0].abs().max() < 1e-4


def test_the_flow_is_local_and_its_axes_are_x_and_y() -> None:
    target = torch.tensor([[[0.25, 0.75]]])
    flow = landmark_flow(target, target + torch.tensor([0.1, 0.0]), 16, reach=0.05)
    strength = flow[0, 0]
    row, column = divmod(int(strength.argmax()), 16)
    assert (column, row) in {(3, 11), (3, 12), (4, 11), (4, 12)}
    assert strength[row, column] > 0.05
    assert flow[0, 1].abs().max() == 0
    assert strength[4, 12].abs() < 1e-6


def test_equal_points_give_zero_flow() -> None:
    points = torch.rand(2, 9, 2)
    assert landmark_flow(points, points, 8, reach=0.1).abs().max() == 0


@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_the_flow_does_not_depend_on_the_order_of_points(seed: int, count: int) -> None:
    random = torch.Generator().manual_seed(seed)
    target, reference = (torch.rand(1, count, 2, generator=random) for _ in range(2))
    order = torch.randperm(count, generator=random)
    one = landmark_flow(target, reference, 8, reach=0.1)
    other = landmark_flow(target[:, order], reference[:, order], 8, reach=0.1)
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def faces(openings: Array, turns: Array) -> torch.Tensor:
    """Four points of a mouth that opens, then three of an upper face that turns with it."""
    mouth = np.array([[-1, 0], [1, 0], [0, -0.2], [0, 0.2]], np.float32)
    upper = np.array([[-2, -3], [2, -3], [0, -2]], np.float32)
    shapes = []
    for opening, turn in zip(openings, turns, strict=True):
        opened = mouth + np.array([[0, 0], [0, 0], [0, 0], [0, opening]], np.float32)
        turned = np.concatenate([opened, upper]) * np.array([np.cos(turn), 1], np.float32)
        shapes.append(turned)
    return torch.from_numpy(np.stack(shapes).astype(np.float32))


def apart(faces: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    return landmark_distance(faces[:, :4], faces[:, 4:], others[:, :4], others[:, 4:])


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_distance_ignores_translation(right: float, down: float) -> None:
    points = faces(np.array([0.0, 0.5]), np.array([0.0, 0.4]))
    away = points + torch.tensor([right, down])
    usual, moved = (apart(each, points) for each in (points, away))
    torch.testing.assert_close(usual, moved, atol=1e-4, rtol=0)
    assert usual.diagonal().abs().max() < 1e-6


def test_distance_counts_mouth_and_rotation() -> None:
    target = faces(np.array([0.4]), np.array([0.0]))
    known = faces(np.array([0.4, 0.45, 0.4, 2.0]), np.array([0.0, 0.0, 0.5, 0.0]))
    distance = apart(target, known)[0]
    assert distance.argsort().tolist() == [0, 1, 2, 3]
    # A quarter of the lower lip's offset: the mean over four points; the upper face is equal.
    lower_lip = (faces(np.array([2.0]), np.array([0.0])) - target)[0, 3, 1]
    assert distance[3] == pytest.approx(float(lower_lip) / 4, abs=1e-5)


@given(st.floats(-0.6, 0.6), st.floats(0, 1))
def test_a_rotation_of_the_head_changes_no_mouth_distance(turn: float, opening: float) -> None:
    """For a flat face that rotates, only a fifth of the upper face's motion counts."""
    target = faces(np.array([opening]), np.array([0.0]))
    known = faces(np.array([opening, opening + 0.1]), np.array([turn, turn]))
    upper = target[:, 4:] - known[:1, 4:]
    turned = torch.linalg.vector_norm(upper - upper.mean(dim=1, keepdim=True), dim=-1).mean()
    same, other = apart(target, known)[0].tolist()
    assert same == pytest.approx(float(turned) / 5, abs=1e-4)
    assert other == pytest.approx(same + 0.1 / 4, abs=1e-4)
