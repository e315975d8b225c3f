import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from mytalk_core.media.colour import ColourTags, ToYuv, tags_of, to_rgb

# Weights of red and blue in luma, by the matrix tags of ITU-T H.273.
_LUMA_WEIGHTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
_LIMITED, _FULL = 1, 2


def exact_yuv(image: np.ndarray, matrix: int, colour_range: int) -> np.ndarray:
    """Return real-valued (3, H, W) luma and chroma in 8-bit levels (ITU-T H.273, 8.3)."""
    red, green, blue = np.moveaxis(image.astype(float), 2, 0)
    of_red, of_blue = _LUMA_WEIGHTS[matrix]
    luma = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
    chroma = [(blue - luma) / (2 - 2 * of_blue), (red - luma) / (2 - 2 * of_red)]
    if colour_range == _FULL:
        return np.stack([luma, *(plane + 128 for plane in chroma)])
    return np.stack([16 + luma * 219 / 255, *(128 + plane * 224 / 255 for plane in chroma)])


@pytest.fixture(scope="module")
def patches() -> np.ndarray:
    """(256, 256, 3) uniform 16x16 squares in colours that no range clips."""
    colours = np.random.default_rng(0).integers(16, 240, (16, 16, 3)).astype(np.uint8)
    return colours.repeat(16, axis=0).repeat(16, axis=1)


@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("colour_range", [_LIMITED, _FULL])
def test_yuv_matches_the_standard_s_formula(
    patches: np.ndarray, matrix: int, colour_range: int
) -> None:
    tags = ColourTags(matrix=matrix, range=colour_range)
    frame = ToYuv(tags, "yuv444p")(patches)
    assert tags_of(frame) == tags
    error = frame.to_ndarray() - exact_yuv(patches, matrix, colour_range)
    assert np.abs(error).max() < 1.5
    assert np.abs(error.mean(axis=(1, 2))).max() < 0.05


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p"])
@pytest.mark.parametrize("matrix", [1, 6, 9, 2])
@pytest.mark.parametrize("colour_range", [_LIMITED, _FULL, 0])
def test_rgb_survives_the_round_trip_through_yuv(
    patches: np.ndarray, pixel_format: str, matrix: int, colour_range: int
) -> None:
    frame = ToYuv(ColourTags(matrix=matrix, range=colour_range), pixel_format)(patches)
    back = to_rgb(frame, VideoReformatter())
    error = back.astype(int) - patches
    assert np.abs(error[8::16, 8::16]).max() <= 4  # away from edges, where 4:2:0 averages
    assert np.abs(error.mean(axis=(0, 1))).max() < 0.3


def test_untagged_hd_is_bt709_and_smaller_is_bt601() -> None:
    red = np.zeros((720, 1280, 3), np.uint8)
    red[..., 0] = 200
    for image, matrix in ((red, 1), (red.transpose(1, 0, 2), 1), (red[:576, :720], 6)):
        frame = ToYuv(ColourTags(), "yuv444p")(image)
        expected = exact_yuv(image[:1, :1], matrix, _LIMITED)[:, 0, 0]
        assert np.abs(frame.to_ndarray()[:, 50, 50] - expected).max() < 1
