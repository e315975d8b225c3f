from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mytalk_core.appearance.crop_motion import CropMotionConfig, moved_crops
from mytalk_core.appearance.face_crops import FaceCrops

CONFIG = CropMotionConfig(landmark_jitter=0.0)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_points_follow_their_pictures(seed: int) -> None:
    """A dot in every crop is found at its moved points, neighbours and outlines."""
    random = np.random.default_rng(seed)
    size, count = 96, 4
    at = random.uniform(35, 60, (count, 1, 2)).astype(np.float32).round()
    x, y = np.meshgrid(np.arange(size), np.arange(size))
    dots = np.stack(
        [255 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / 18) for ((px, py),) in at]
    ).astype(np.float32)
    crops = FaceCrops(np.repeat(dots[..., None], 3, axis=3), at, at, at, at, at)
    moved = moved_crops(crops, 1, CONFIG, random)
    for index, dot in enumerate(moved.pictures[..., 0]):
        found = [(dot * axis).sum() / dot.sum() for axis in (x, y)]
        for path in (moved.points, moved.before, moved.after, moved.mask_outlines):
            np.testing.assert_allclose(path[index, 0], found, atol=0.1)
        np.testing.assert_array_equal(moved.face_points[index], moved.points[index])


def test_random_maps_stay_within_their_limits() -> None:
    """Rotation, stretch, zoom and shift, measured on three corners."""
    size = 120
    corners = np.float32([[60, 60], [100, 60], [60, 100]])
    paths = np.repeat(corners[None], 60, axis=0)
    crops = FaceCrops(np.zeros((60, size, size, 3), np.uint8), *([paths] * 5))
    moved = moved_crops(crops, 2, CONFIG, np.random.default_rng(0)).points
    linear = np.stack([moved[:, 1] - moved[:, 0], moved[:, 2] - moved[:, 0]], axis=-1) / 40
    left, lengths, right = np.linalg.svd(linear)
    turned = left @ right  # the nearest rotation
    turn = np.degrees(np.arctan2(turned[:, 1, 0], turned[:, 0, 0]))
    stretch = lengths[:, 0] / lengths[:, 1] - 1
    # One of the two directions has zoom only.
    zoom = np.take_along_axis(lengths - 1, np.abs(lengths - 1).argmin(axis=1)[:, None], axis=1)
    shift = (moved[:, 0] - corners[0]) / size
    assert np.abs(stretch).max() <= 1 / (1 - CONFIG.stretch) - 1 + 1e-4
    assert stretch.max() > 0.8 * CONFIG.stretch
    for found, most in ((turn, CONFIG.turn), (zoom, CONFIG.zoom), (shift, CONFIG.shift)):
        assert np.abs(found).max() <= most + 1e-4
        assert np.abs(found).max() > 0.7 * most
    np.testing.assert_array_equal(moved[0], moved[1])  # of one run
    assert len(np.unique(turn)) == 59

    whole = moved_crops(crops, 2, replace(CONFIG, stretch=0.0), np.random.default_rng(0)).points
    across, down = whole[:, 1] - whole[:, 0], whole[:, 2] - whole[:, 0]
    np.testing.assert_allclose((across * down).sum(axis=1), 0, atol=1e-3)  # nothing is skewed


def test_only_the_landmarks_of_frames_to_draw_jitter() -> None:
    points = np.full((40, 50, 2), 60, np.float32)
    crops = FaceCrops(np.zeros((40, 120, 120, 3), np.uint8), *([points] * 5))
    jittery = replace(CONFIG, landmark_jitter=0.01)
    still, moved = (
        moved_crops(crops, 30, each, np.random.default_rng(0)) for each in (CONFIG, jittery)
    )
    for name in ("points", "before", "after"):
        off = getattr(moved, name) - getattr(still, name)
        assert off[:30].std() == pytest.approx(0.01 * 120, rel=0.1)
        assert not off[30:].any()
    for name in ("mask_outlines", "face_points"):
        np.testing.assert_array_equal(getattr(moved, name), getattr(still, name))
