import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.evaluation.texture_metrics import (
    detail_energy,
    luma,
    rim_contrast,
    unsteadiness,
)

EVERYWHERE = np.ones((96, 96), bool)


def noise(side: int = 96, sigma: float = 10.0, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (128 + random.normal(0, sigma, (side, side))).astype(np.float32)


def test_luma_of_grey_is_that_grey_and_green_counts_most():
    grey = np.full((1, 2, 2, 3), 90, np.uint8)
    assert luma(grey) == pytest.approx(90)
    primaries = 255 * np.eye(3, dtype=np.uint8)[None, None]
    assert luma(primaries)[0, 0].argsort().tolist() == [2, 0, 1]


@given(st.floats(0.2, 3), st.floats(-40, 40))
def test_detail_grows_with_the_square_of_contrast_and_ignores_brightness(contrast, brightness):
    picture = noise()
    changed = (picture - 128) * np.float32(contrast) + np.float32(128 + brightness)
    ratio = detail_energy(changed, EVERYWHERE, 80) / detail_energy(picture, EVERYWHERE, 80)
    assert ratio == pytest.approx(contrast**2, rel=1e-3)


def test_blur_removes_detail_and_shading_has_none():
    picture = noise()
    before = detail_energy(picture, EVERYWHERE, 80)
    assert detail_energy(cv2.GaussianBlur(picture, (0, 0), 1.5), EVERYWHERE, 80) < 0.2 * before
    shading = np.tile(np.linspace(0, 255, 96, dtype=np.float32), (96, 1))
    inner = np.zeros((96, 96), bool)
    inner[10:-10, 10:-10] = True
    assert detail_energy(shading, inner, 80) < 1e-3


def test_the_same_picture_has_the_same_detail_at_twice_the_size():
    # Structure much coarser than a pixel at both sizes.
    small = cv2.GaussianBlur(noise(sigma=200), (0, 0), 3)
    large = cv2.resize(small, (192, 192), interpolation=cv2.INTER_CUBIC)
    region = np.zeros((96, 96), bool)
    region[20:-20, 20:-20] = True
    twice = np.repeat(np.repeat(region, 2, 0), 2, 1)
    assert detail_energy(large, twice, 320) == pytest.approx(
        detail_energy(small, region, 160), rel=0.05
    )


def test_even_motion_has_no_unsteadiness_and_flicker_has():
    time = np.arange(5, dtype=np.float32)[:, None, None]
    still = np.broadcast_to(noise(), (5, 96, 96)) * np.ones_like(time)
    fading = still + 3 * time
    flicker = still + 3 * (time % 2)
    masks, runs = np.ones((5, 96, 96), bool), [slice(0, 5)]
    assert unsteadiness(fading, masks, runs) == pytest.approx(0, abs=1e-4)
    assert unsteadiness(flicker, masks, runs) == pytest.approx(6, rel=1e-4)


def test_unsteadiness_counts_within_masks_and_runs():
    pictures = np.zeros((6, 4, 4), np.float32)
    pictures[3:] = 50  # another run
    pictures[:, 0] = np.arange(6)[:, None] % 2 * 9
    masks = np.ones((6, 4, 4), bool)
    masks[:, 0] = False
    runs = [slice(0, 3), slice(3, 6)]
    assert unsteadiness(pictures, masks, runs) == 0
    assert unsteadiness(pictures, masks, [slice(0, 6)]) > 0
    assert np.isnan(unsteadiness(pictures, masks, [slice(0, 2)]))


def test_rim_contrast_detects_a_seam_at_the_rim_only():
    # A disc that fades in over some pixels, just inside its edge.
    y, x = np.mgrid[:96, :96] - 47.5
    radius = np.hypot(x, y)
    masks, picture = (radius < 32)[None], noise(sigma=4)[None]
    shares = np.clip((30 - radius) / 5, 0, 1).astype(np.float32)[None]
    unit = np.array([60], np.float32)
    before = rim_contrast(picture, masks, shares, unit)
    for place in (masks, shares > 0, shares > 0.5):
        assert rim_contrast(picture + np.float32(15) * place, masks, shares, unit) > 1.1 * before
    mouth = picture + np.float32(60) * (radius < 12)  # far from the rim
    assert rim_contrast(mouth, masks, shares, unit) == pytest.approx(before, rel=1e-3)
    assert np.isnan(rim_contrast(np.zeros_like(picture), masks, shares, unit))


def test_rim_contrast_does_not_reward_missing_grain():
    # Shading with grain, and a drawing of the shading alone.
    y, x = np.mgrid[:96, :96] - 47.5
    shading = (128 + 40 * np.sin(x / 9) * np.cos(y / 7)).astype(np.float32)
    radius = np.hypot(x, y)
    masks = (radius < 32)[None]
    shares = np.clip((30 - radius) / 5, 0, 1).astype(np.float32)[None]
    unit = np.array([80], np.float32)
    film = shading[None] + noise(sigma=2)[None] - 128
    drawn = np.where(masks, shading, film)
    smoothed = rim_contrast(drawn, masks, shares, unit) / rim_contrast(film, masks, shares, unit)
    assert smoothed == pytest.approx(1, abs=0.05)
