"""Pixels of a film, of a crop and of the renderer's window are the same places."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.appearance.face_crops import WINDOW_CORNER, WINDOW_SIDE, to_window
from mytalk_core.appearance.mask_patch import mask_patch
from mytalk_core.appearance.window_map import whole_window, window_of_crop
from mytalk_core.faces.crop import apply_box
from tests.drawn_faces import turned_box


@given(st.floats(0.3, 3), st.floats(-3, 3), st.sampled_from([96, 192, 480]))
def test_a_films_pixels_lie_where_landmarks_of_the_crop_do(
    gain: float, angle: float, size: int
) -> None:
    box = turned_box(size, gain, angle, (90.0, 60.0))
    points = np.array([[[10, 20], [90, 60], [110, 45]]], np.float32)
    # `to_window` leaves out half a pixel of its target size, so that products are pixels.
    expected = to_window(apply_box(points, box[None]), size, 128)[0] * 128
    across, down = window_of_crop(box, size).to_pixels(128)
    found = points[0] @ np.stack([across[:2], down[:2]]).T + [across[2], down[2]]
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_positions_are_those_of_every_pixel_and_of_parts() -> None:
    window = window_of_crop(turned_box(96, 1.2, 0.3, (50.0, 40.0)), 96)
    x, y = window.positions(64, (30, 20))
    part_x, part_y = window.moved(7, 5).positions(64, (10, 10))
    np.testing.assert_allclose(part_x, x[5:15, 7:17], atol=1e-3)
    np.testing.assert_allclose(part_y, y[5:15, 7:17], atol=1e-3)
    own_x, own_y = whole_window(64).positions(64, (64, 64))
    np.testing.assert_allclose(own_x[3], np.arange(64), atol=1e-4)
    np.testing.assert_allclose(own_y[:, 3], np.arange(64), atol=1e-4)


@pytest.mark.parametrize("cell", [1, 8])
def test_a_mask_is_drawn_in_whole_cells_and_ends_with_the_window(cell: int) -> None:
    size = 96
    window = window_of_crop(turned_box(size, 1.0, 0.0, (47.5, 47.5)), size)
    left, top = (corner * size for corner in WINDOW_CORNER)
    bottom = top + WINDOW_SIDE * size
    outline = np.array([[30, 50], [70, 50], [70, 130], [30, 130]], np.float32)
    patch = mask_patch(outline, window, cell)
    assert patch is not None
    assert patch.left % cell == patch.top % cell == 0
    assert patch.mask.shape[0] % cell == patch.mask.shape[1] % cell == 0
    rows = np.flatnonzero(patch.mask.any(axis=1)) + patch.top
    columns = np.flatnonzero(patch.mask.any(axis=0)) + patch.left
    assert (columns[0], columns[-1], rows[0]) == (30, 70, 50)
    assert abs(rows[-1] - bottom) <= 1
    assert mask_patch(outline + np.float32(200), window, cell) is None
    assert left > 0
