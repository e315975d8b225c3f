import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from mytalk_core.evaluation.picture_metrics import mouth_region, outside_change, psnr, ssim


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(20, 230, (32, 40, 3)).astype(np.uint8)


@pytest.mark.parametrize("step", [1, 4, 16])
def test_psnr_of_a_constant_error_is_its_closed_form(picture, step):
    assert psnr(picture + np.uint8(step), picture) == pytest.approx(20 * np.log10(255 / step))


def test_psnr_of_noise_follows_from_its_variance():
    grey = np.full((200, 200, 3), 128, np.uint8)
    noisy = np.rint(128 + np.random.default_rng(1).normal(0, 10, grey.shape)).astype(np.uint8)
    assert psnr(noisy, grey) == pytest.approx(10 * np.log10(255**2 / 100), abs=0.1)


def test_psnr_of_a_region_ignores_errors_outside(picture):
    region = np.zeros(picture.shape[:2], bool)
    region[5:15, 10:20] = True
    dubbed = picture.copy()
    dubbed[20:] = 0
    assert psnr(dubbed, picture, region) == float("inf")
    assert psnr(dubbed, picture, ~region) < psnr(dubbed, picture)


def test_ssim_is_one_for_equal_pictures_and_falls_where_they_differ(picture):
    assert ssim(picture, picture) == pytest.approx(1)
    dubbed = picture.copy()
    dubbed[:, 20:] = 128
    left = np.zeros(picture.shape[:2], bool)
    left[:, :10] = True
    assert ssim(dubbed, picture, left) == pytest.approx(1)
    assert ssim(dubbed, picture, ~left) < ssim(dubbed, picture) < 0.9


@given(
    top=st.integers(0, 30),
    left=st.integers(0, 40),
    height=st.integers(1, 20),
    width=st.integers(1, 20),
)
def test_ssim_of_a_region_is_that_part_of_the_whole_pictures(top, left, height, width):
    random = np.random.default_rng(3)
    dubbed, true = (random.integers(0, 256, (48, 56, 3)).astype(np.uint8) for _ in range(2))
    region = np.zeros((48, 56), bool)
    region[top : top + height, left : left + width] = True
    _, local = structural_similarity(
        dubbed,
        true,
        channel_axis=-1,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    assert ssim(dubbed, true, region) == pytest.approx(local[region].mean())


@pytest.mark.parametrize("channel", [0, 1, 2])
@pytest.mark.parametrize("change", [-1, 1])
def test_outside_change_catches_a_single_step_of_a_single_pixel(picture, channel, change):
    mask = np.zeros(picture.shape[:2], bool)
    mask[10:20, 10:20] = True
    dubbed = picture.copy()
    dubbed[mask] = 0
    assert outside_change(dubbed, picture, mask) == 0
    dubbed[9, 10, channel] = int(picture[9, 10, channel]) + change
    assert outside_change(dubbed, picture, mask) == 1


def test_the_largest_possible_change_does_not_wrap_around():
    black, white = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)
    assert outside_change(black, white, np.zeros((4, 4), bool)) == 255
    assert outside_change(black, white, np.ones((4, 4), bool)) == 0


def test_the_mouth_region_is_the_grown_box_of_the_lips():
    points = np.array([[10, 20], [30, 20], [20, 28]], np.float32)
    rows, columns = np.nonzero(mouth_region(points, (60, 50)))
    assert (columns.min(), columns.max()) == (5, 35)
    assert (rows.min(), rows.max()) == (18, 30)


def test_the_mouth_region_stays_inside_the_picture():
    points = np.array([[-4, -2], [6, 8]], np.float32)
    region = mouth_region(points, (5, 6))
    assert region.shape == (5, 6)
    assert region.all()
