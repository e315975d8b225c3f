"""Points, pictures and masks agree at any size, and masked pixels do not leak."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from mytalk_core.appearance.clip import AppearanceClip
from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.appearance.face_crops import (
    WINDOW_CORNER,
    CropTensors,
    FaceCrops,
    context_size,
    crop_regions,
    crop_tensors,
    face_crops,
    neighbours,
    resized_crops,
    to_window,
    window_slices,
)
from mytalk_core.faces.crop import CropConfig, apply_box, crop_boxes
from mytalk_core.faces.face_motion import face_motion
from mytalk_core.faces.landmark_scheme import MESH478

Array = NDArray[np.float32]
OPENINGS = np.array([0.0, 0.25, 0.1])
# Sides of crops in pixels: windows smaller than, equal to and larger than either renderer's, and
# one that is no multiple of it.
CROPS = [96, 192, 240, 384]
SIZES = [64, 128]

crop_sizes = st.integers(16, 200).map(lambda sixth: 6 * sixth)
sizes = st.integers(1, 16).map(lambda part: 32 * part)


@given(crop_sizes)
def test_the_window_is_whole_pixels_of_the_lower_face(crop_size: int) -> None:
    rows, columns = window_slices(crop_size)
    side = rows.stop - rows.start
    assert columns.stop - columns.start == side
    assert 3 * side == 2 * crop_size
    assert rows.stop == crop_size
    assert columns.start == crop_size - columns.stop
    assert (columns.start / crop_size, rows.start / crop_size) == pytest.approx(WINDOW_CORNER)


@given(crop_sizes, sizes, st.floats(-0.5, 1.5), st.floats(-0.5, 1.5))
def test_resampling_preserves_pixel_edges(
    crop_size: int, size: int, across: float, down: float
) -> None:
    """The window's edges are half a pixel outside its first and last pixel at any size."""
    rows, columns = window_slices(crop_size)
    side = rows.stop - rows.start
    point = np.array([across, down], np.float32) * crop_size
    edges = np.array([columns.start, rows.start], np.float32) - 0.5
    wanted = (point - edges) * (size / side) - 0.5
    found = to_window(point, crop_size, size) * size
    np.testing.assert_allclose(found, wanted, atol=1e-3 + 1e-5 * size)
    if size == side:
        np.testing.assert_allclose(found, point - [columns.start, rows.start], atol=1e-3)


def dot(size: int, x: int, y: int) -> Array:
    """A picture (size, size, 3) of one soft dot."""
    at = np.arange(size)
    width = max(size / 40, 2)
    columns, rows = (np.exp(-((at - middle) ** 2) / (2 * width**2)) for middle in (x, y))
    return np.repeat(255 * np.outer(rows, columns)[..., None], 3, axis=2).astype(np.float32)


def middle(picture: Tensor) -> Array:
    """The centroid of a picture (3, S, S), (x, y) in pixels."""
    light = picture[0].double()
    place = torch.arange(len(light), dtype=torch.float64)
    x, y = ((light.sum(dim=axis) * place).sum() / light.sum() for axis in (0, 1))
    return np.array([x, y], np.float32)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("crop_size", CROPS)
def test_a_dot_is_found_at_its_point(
    drawn_clip: Callable[..., AppearanceClip], crop_size: int, size: int
) -> None:
    crops = drawn_clip(OPENINGS[:1], crop_size).crops
    for place in ((crop_size // 2, crop_size * 5 // 8), (crop_size // 3 + 1, crop_size // 2)):
        point = np.broadcast_to(np.float32(place), crops.points.shape)
        shown = crop_tensors(
            replace(crops, pictures=dot(crop_size, *place)[None], points=point), MESH478, size
        )
        found = shown.points[0, 0].numpy() * size
        np.testing.assert_allclose(middle(shown.pictures[0]), found, atol=0.05)
        inner = (np.float32(place) + 0.5) * context_size(size) / crop_size - 0.5
        np.testing.assert_allclose(middle(shown.contexts[0]), inner, atol=0.05)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("crop_size", [96, 384])
def test_the_mouth_is_under_its_drawing(
    drawn_clip: Callable[..., AppearanceClip], crop_size: int, size: int
) -> None:
    """The dark of an open mouth is at the drawn inner lips of all three frames."""
    shown = crop_tensors(drawn_clip(np.array([0.3, 0.3, 0.3]), crop_size).crops, MESH478, size)
    dark = (shown.pictures[1, 2] < 0.2).float()  # painted 0.06; lips 0.27, skin 0.51
    for frame in range(3):
        inner = shown.drawings[1, 3 * frame + 1]
        assert np.abs(middle(dark[None]) - middle(inner[None])).max() < 0.02 * size
        assert np.corrcoef(inner.flatten(), dark.flatten())[0, 1] > 0.1


def test_tensors_have_their_shapes_and_ranges(
    drawn_clip: Callable[..., AppearanceClip],
) -> None:
    crops = drawn_clip(OPENINGS).crops
    shown = crop_tensors(crops, MESH478, 64)
    assert shown.pictures.shape == (3, 3, 64, 64)
    assert shown.drawings.shape == (3, 9, 64, 64)
    assert shown.masks.shape == (3, 1, 64, 64)
    assert shown.contexts.shape == (3, 3, 48, 48)
    assert shown.context_masks.shape == shown.skins.shape == (3, 1, 48, 48)
    assert shown.points.shape == (3, len(MESH478.moving), 2)
    assert shown.anchors.shape == (3, crops.face_points.shape[1], 2)
    assert 0 <= shown.pictures.min() < shown.pictures.max() <= 1
    assert 0 <= shown.drawings.min() < shown.drawings.max() <= 1
    for region in (shown.masks, shown.context_masks, shown.skins):
        assert set(region.unique().tolist()) == {0.0, 1.0}
    assert (shown.context_masks * shown.skins).max() == 0
    assert all(part.dtype == torch.float32 for part in shown.parts())
    batch = shown.as_batch()
    assert all(
        torch.equal(one[0], part) for one, part in zip(batch.parts(), shown.parts(), strict=True)
    )


def test_pictures_of_more_than_eight_bits_keep_their_fractions(
    drawn_clip: Callable[..., AppearanceClip],
) -> None:
    crops = drawn_clip(OPENINGS).crops
    fine = replace(crops, pictures=crops.pictures + np.float32(0.25))
    usual, finer = (crop_tensors(each, MESH478, 64) for each in (crops, fine))
    torch.testing.assert_close(
        finer.pictures - usual.pictures, torch.full((3, 3, 64, 64), 1 / 1020)
    )


def hidden(crops: FaceCrops) -> FaceCrops:
    """Fill the masks with noise."""
    random = np.random.default_rng(0)
    pictures = crops.pictures.copy()
    covered = crop_regions(crops)[0] > 0
    pictures[covered] = random.integers(0, 256, (int(covered.sum()), 3))
    return replace(crops, pictures=pictures)


def seen(shown: CropTensors) -> list[Tensor]:
    """The visible parts of a frame's pictures."""
    return [
        shown.pictures * (1 - shown.masks),
        shown.contexts * (1 - shown.context_masks),
        shown.contexts * shown.skins,
    ]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("crop_size", CROPS)
def test_no_unmasked_pixel_depends_on_masked_ones(
    drawn_clip: Callable[..., AppearanceClip], crop_size: int, size: int
) -> None:
    """Resampling mixes pixels: a pixel with a masked contribution is masked itself."""
    crops = drawn_clip(OPENINGS, crop_size).crops
    noisy = hidden(crops)
    assert (noisy.pictures != crops.pictures).any()
    one, other = (crop_tensors(each, MESH478, size) for each in (crops, noisy))
    assert not torch.equal(one.pictures, other.pictures)
    for before, after in zip(seen(one), seen(other), strict=True):
        assert torch.equal(before, after)
    # The excess is small: a rim of one pixel, or of three enlarged ones.
    rows, columns = window_slices(crop_size)
    side = rows.stop - rows.start
    own = crop_regions(crops)[0][:, rows, columns].mean()
    rim = 4 * (1 / size if side >= size else 3 / side)
    assert own - 1e-6 < float(one.masks.mean()) < own + rim


def test_a_reduced_pixel_is_masked_if_it_contains_a_masked_one(
    drawn_clip: Callable[..., AppearanceClip],
) -> None:
    crops = drawn_clip(OPENINGS, 192).crops
    mask, skin = crop_regions(crops)
    shown = crop_tensors(crops, MESH478, 64)

    def groups(region: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
        step = 192 // side
        return region.reshape(3, side, step, side, step)

    rows, columns = window_slices(192)
    window = mask[:, rows, columns].reshape(3, 64, 2, 64, 2)
    np.testing.assert_array_equal(shown.masks[:, 0], window.max(axis=(2, 4)))
    np.testing.assert_array_equal(shown.context_masks[:, 0], groups(mask, 48).max(axis=(2, 4)))
    np.testing.assert_array_equal(shown.skins[:, 0], groups(skin, 48).min(axis=(2, 4)))


def film(talking_face: Callable[..., Array], openings: NDArray[np.floating]) -> Array:
    return talking_face(openings, unit=40.0, centre=(80, 52))


def made(landmarks: Array, mouths: Array) -> FaceCrops:
    """Crops of a film with other moving points, but the same pose and resting shape."""
    motion = face_motion(landmarks, MESH478)
    boxes = crop_boxes(motion.pose, CropConfig(size=96), 25.0)
    pictures = np.zeros((len(landmarks), 96, 96, 3), np.uint8)
    return face_crops(pictures, mouths, boxes, motion, MESH478, MaskConfig())


def test_the_mask_depends_only_on_pose_and_resting_shape(
    talking_face: Callable[..., Array],
) -> None:
    landmarks = film(talking_face, OPENINGS)
    spoken = landmarks.copy()
    spoken[:, list(MESH478.moving)] += np.random.default_rng(0).normal(0, 4, (3, 57, 3))
    one, other = made(landmarks, landmarks), made(landmarks, spoken.astype(np.float32))
    np.testing.assert_array_equal(one.mask_outlines, other.mask_outlines)
    np.testing.assert_array_equal(one.face_points, other.face_points)
    shown, target = (crop_tensors(each, MESH478, 64) for each in (one, other))
    for name in ("masks", "context_masks", "skins", "anchors"):
        assert torch.equal(getattr(shown, name), getattr(target, name))
    assert not torch.equal(shown.drawings, target.drawings)
    assert not torch.equal(shown.points, target.points)


def test_the_mask_does_not_depend_on_the_order_of_mouths(
    talking_face: Callable[..., Array],
) -> None:
    """Two films of one head and the same mouths in another order have the same masks."""
    openings = np.linspace(0, 0.4, 12)
    one = film(talking_face, openings)
    other = film(talking_face, openings[::-1])
    masks = [crop_regions(made(landmarks, landmarks)) for landmarks in (one, other)]
    assert np.abs(one - other).max() > 5
    for first, second in zip(*masks, strict=True):
        assert (first != second).mean() < 1e-4  # a rounding of the mean


boxes_seeds = st.integers(0, 2**32 - 1)


@given(boxes_seeds, st.integers(1, 6))
def test_neighbours_are_mapped_into_each_frames_crop(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    points = random.uniform(0, 100, (count, 4, 3)).astype(np.float32)
    boxes = random.normal(0, 1, (count, 3, 2)).astype(np.float32)
    before, after = neighbours(points, boxes)
    assert before.shape == after.shape == (count, 4, 2)
    own = apply_box(points, boxes)
    np.testing.assert_array_equal(before[0], own[0])
    np.testing.assert_array_equal(after[-1], own[-1])
    for frame in range(count):
        box = boxes[frame]
        if frame:
            wanted = points[frame - 1, :, :2] @ box[:2] + box[2]
            np.testing.assert_allclose(before[frame], wanted, rtol=1e-4, atol=1e-3)
        if frame + 1 < count:
            wanted = points[frame + 1, :, :2] @ box[:2] + box[2]
            np.testing.assert_allclose(after[frame], wanted, rtol=1e-4, atol=1e-3)


def test_a_still_face_in_a_moving_box_does_not_move() -> None:
    """The motion of the box is no motion of the face."""
    points = np.repeat(np.random.default_rng(0).uniform(0, 100, (1, 5, 2)), 3, axis=0)
    boxes = np.repeat(np.array([[[1, 0], [0, 1], [0, 0]]]), 3, axis=0).astype(np.float32)
    boxes[:, 2, 0] = [0, 3, 9]
    points = points.astype(np.float32)
    before, after = neighbours(points, boxes)
    own = apply_box(points, boxes)
    np.testing.assert_array_equal(before, own)
    np.testing.assert_array_equal(after, own)
    moving = points + np.arange(3, dtype=np.float32)[:, None, None]
    before, after = neighbours(moving, boxes)
    own = apply_box(moving, boxes)
    np.testing.assert_allclose(own[1:] - before[1:], 1, atol=1e-4)
    np.testing.assert_allclose(after[:-1] - own[:-1], 1, atol=1e-4)


def test_chosen_crops_keep_all_their_fields(
    drawn_clip: Callable[..., AppearanceClip],
) -> None:
    crops = drawn_clip(OPENINGS).crops
    some = crops.choose(np.array([2, 0]))
    for name in vars(crops):
        np.testing.assert_array_equal(getattr(some, name), getattr(crops, name)[[2, 0]])


def test_resized_crops_keep_a_dot_on_its_point() -> None:
    x, y = np.meshgrid(np.arange(96), np.arange(96))
    dot = 255 * np.exp(-((x - 40) ** 2 + (y - 61) ** 2) / 18)
    at = np.array([[[40, 61]]], np.float32)
    crops = FaceCrops(np.repeat(dot[None, :, :, None], 3, axis=3).astype(np.float32), *([at] * 5))
    for size in (72, 144):
        other = resized_crops(crops, size)
        picture = other.pictures[0, ..., 0]
        columns, rows = np.meshgrid(np.arange(size), np.arange(size))
        found = [(picture * axis).sum() / picture.sum() for axis in (columns, rows)]
        for name in ("points", "before", "after", "mask_outlines", "face_points"):
            np.testing.assert_allclose(getattr(other, name)[0, 0], found, atol=0.05)
