"""Colour correction from the rim removes offsets and gradients of light and nothing else."""

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.appearance.rim_match import RimConfig, rim_correction

Floats = NDArray[np.float32]

SIZE, CELL = 192, 8
EVERYWHERE = RimConfig(at_the_middle=1.0)


def depth_of_ellipse() -> Floats:
    mask = np.zeros((128, 144), np.uint8)
    cv2.ellipse(mask, (72, 64), (60, 50), 0, 0, 360, (1,), -1)
    return cv2.distanceTransform(mask, cv2.DIST_L2, 3).astype(np.float32)


DEPTH = depth_of_ellipse()
Y, X = (axis.astype(np.float32) for axis in np.mgrid[0:128, 0:144])


def coloured(red: Floats, green: Floats, blue: Floats) -> Floats:
    """The excess of the drawing inside the ellipse."""
    return np.stack([red, green, blue], axis=-1) * (DEPTH > 0)[..., None]


@given(st.tuples(*[st.floats(-30, 30)] * 3))
def test_an_offset_is_removed_everywhere(offset: tuple[float, float, float]) -> None:
    difference = coloured(*(np.full_like(DEPTH, each) for each in offset))
    correction = rim_correction(difference, DEPTH, CELL, SIZE, EVERYWHERE)
    inside = correction[DEPTH > 0]
    np.testing.assert_allclose(inside, np.broadcast_to(-np.array(offset), inside.shape), atol=0.1)


@given(st.floats(-0.15, 0.15), st.floats(-0.15, 0.15))
def test_a_gradient_of_light_is_removed(across: float, down: float) -> None:
    """A harmonic function is recovered from its values at the edge."""
    light = across * (X - 72) + down * (Y - 64)
    difference = coloured(light, light, light)
    correction = rim_correction(difference, DEPTH, CELL, SIZE, EVERYWHERE)
    left_over = np.abs(difference + correction)[DEPTH > 0]
    assert left_over.max() <= 0.35 * np.abs(difference).max() + 0.1
    assert left_over.mean() <= 0.12 * np.abs(difference).max() + 0.1


def test_the_correction_is_smooth() -> None:
    difference = coloured(0.1 * (X - 72), 6 * np.sin(X / 20), np.full_like(X, 5))
    correction = rim_correction(difference, DEPTH, CELL, SIZE, RimConfig())
    assert np.abs(np.diff(correction, axis=0)).max() < 0.6
    assert np.abs(np.diff(correction, axis=1)).max() < 0.6


def test_the_inside_of_the_mask_has_no_effect() -> None:
    """Only the rim is compared; the mouth is arbitrary."""
    mouth = np.where(DEPTH > 20, 200, 0).astype(np.float32)
    correction = rim_correction(coloured(mouth, mouth, mouth), DEPTH, CELL, SIZE, RimConfig())
    np.testing.assert_array_equal(correction, 0)


def test_an_outlier_at_the_rim_has_little_effect() -> None:
    """A collar in place of neck is no error of light."""
    offset = np.full_like(DEPTH, 5)
    collar = offset.copy()
    collar[100:] = -120
    correction = rim_correction(coloured(collar, collar, collar), DEPTH, CELL, SIZE, EVERYWHERE)
    middle = correction[40:70, 50:90]
    np.testing.assert_allclose(middle, -5, atol=1.5)


def test_the_correction_is_weaker_in_the_middle() -> None:
    offset = np.full_like(DEPTH, 10)
    correction = rim_correction(
        coloured(offset, offset, offset), DEPTH, CELL, SIZE, RimConfig(at_the_middle=0.5)
    )
    np.testing.assert_allclose(correction[64, 72], -5, atol=0.3)
    np.testing.assert_allclose(correction[(DEPTH > 0) & (DEPTH < 3)], -10, atol=0.5)


def test_noise_hardly_changes_the_correction() -> None:
    """Film grain differs from frame to frame, but the correction must not flicker."""
    results = []
    for seed in range(6):
        noise = np.random.default_rng(seed).normal(6, 4, (*DEPTH.shape, 3)).astype(np.float32)
        difference = noise * (DEPTH > 0)[..., None]
        results.append(rim_correction(difference, DEPTH, CELL, SIZE, EVERYWHERE)[DEPTH > 10])
    assert np.std(results, axis=0).mean() < 0.3


def test_without_a_rim_there_is_no_correction() -> None:
    nothing = rim_correction(
        np.ones((32, 32, 3), np.float32), np.zeros((32, 32), np.float32), CELL, SIZE, RimConfig()
    )
    np.testing.assert_array_equal(nothing, 0)
