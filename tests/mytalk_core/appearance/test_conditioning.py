"""What the renderer is told is where it should be, and tells nothing of the original mouth."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.appearance.conditioning import (
    MaskConfig,
    draw_landmarks,
    drawing_channels,
    face_outlines,
    fill_regions,
    landmark_flow,
)
from mytalk_core.appearance.face_crops import crop_tensors, face_crops
from mytalk_core.faces.crop import CropConfig, crop_boxes
from mytalk_core.faces.face_motion import face_motion
from mytalk_core.faces.landmark_scheme import IBUG68, MESH478, LandmarkScheme

Array = NDArray[np.float32]


def moving_points(shape: Array, size: int) -> Array:
    """The moving points of a face that fills a crop."""
    centred = shape[list(MESH478.moving), :2] - np.array([0, 0.6], np.float32)
    return centred * (size / 2.1) + size / 2


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
        assert (drawing[channel, y, x] > 100).all()
        drawn = np.argwhere(drawing[channel] > 0)[:, ::-1]
        reach = points[list(members)]
        assert (drawn >= reach.min(axis=0) - 3).all()
        assert (drawn <= reach.max(axis=0) + 3).all()


def test_drawing_is_finer_than_a_pixel(face_shape: Callable[[float], Array]) -> None:
    points = moving_points(face_shape(0.2), 128)
    assert (
        draw_landmarks(points, 128, MESH478) != draw_landmarks(points + 0.3, 128, MESH478)
    ).any()


def test_points_outside_the_crop_are_no_error(face_shape: Callable[[float], Array]) -> None:
    points = moving_points(face_shape(0.2), 128)
    assert draw_landmarks(points + 5000, 128, MESH478).max() == 0


def test_the_mask_covers_mouth_and_jaw_at_their_widest_but_no_eyes(
    face_shape: Callable[[float], Array],
) -> None:
    outlines = face_outlines(face_shape(0.05), MaskConfig(), MESH478)

    def placed(shape: Array) -> Array:
        return (shape[:, :2] - np.array([0, 0.6], np.float32)) * (256 / 2.6) + 128

    mask, skin = fill_regions(placed(outlines.mask), placed(outlines.face), 256)
    wide_open = placed(face_shape(0.4))
    lips = wide_open[list(MESH478.lips)].round().astype(int)
    chin = wide_open[MESH478.jaw[len(MESH478.jaw) // 2]].round().astype(int)
    eyes = wide_open[list(MESH478.eye_corners)].round().astype(int)
    assert mask[lips[:, 1], lips[:, 0]].all()
    assert mask[chin[1], chin[0]]
    assert not mask[eyes[:, 1], eyes[:, 0]].any()
    assert not (mask & skin).any()
    assert skin.sum() > 1000


def test_the_mask_does_not_know_this_frames_mouth(talking_face: Callable[..., Array]) -> None:
    """Two frames of one pose, one mouth shut and one open, have the same mask and skin."""
    film = np.repeat(talking_face(np.array([0.0])), 2, axis=0)
    moving = list(MESH478.moving)
    film[1, moving] = talking_face(np.array([0.4]))[0, moving]
    motion = face_motion(film, MESH478)
    boxes = crop_boxes(motion.pose, CropConfig(), 25.0)
    pictures = np.zeros((2, 128, 128, 3), np.uint8)
    crops = face_crops(pictures, film, boxes, motion, MESH478, MaskConfig())
    assert np.abs(crops.points[0] - crops.points[1]).max() > 3
    tensors = crop_tensors(crops, MESH478)
    assert torch.equal(tensors.masks[0], tensors.masks[1])
    assert torch.equal(tensors.skins[0], tensors.skins[1])
    assert not torch.equal(tensors.drawings[0], tensors.drawings[1])


@settings(deadline=None)
@given(st.floats(-0.1, 0.1), st.floats(-0.1, 0.1))
def test_the_flow_moves_as_the_points_ask(x: float, y: float) -> None:
    """Where every point of the reference stands off by one offset, so does the flow near them."""
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


def test_the_same_points_ask_for_no_flow() -> None:
    points = torch.rand(2, 9, 2)
    assert landmark_flow(points, points, 8, reach=0.1).abs().max() == 0
