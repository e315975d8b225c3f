"""The frame changes under the mask and nowhere else."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.appearance.blending import BlendConfig, DrawnCrop, blend, takeover
from mytalk_core.appearance.composite import Patch, composite
from mytalk_core.appearance.face_hulls import FaceHulls
from mytalk_core.appearance.grain import NO_GRAIN
from mytalk_core.faces.crop import apply_box, cut_crop, place
from mytalk_core.media.colour import ColourTags
from mytalk_core.media.plane_regions import largest_outside_change, region_rgb, with_region
from mytalk_core.media.planes import PlaneLayout, Planes

SIZE = 64
HEIGHT, WIDTH = 90, 120
FRAME = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
# Only the middle must be fully drawn, and the whole crop is face.
HULLS = FaceHulls(
    np.array([[SIZE / 2, SIZE / 2]], np.float32),
    np.array([[0, 0], [SIZE, 0], [SIZE, SIZE], [0, SIZE]], np.float32),
)
CROP = np.full((SIZE, SIZE, 3), (250.0, 5.0, 128.0), np.float32)


def disc(radius: float = 24) -> NDArray[np.uint8]:
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    inside: NDArray[np.uint8] = (np.hypot(x - 31.5, y - 31.5) < radius).astype(np.uint8)
    return inside


def feathered(mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The drawing's share."""
    return takeover(mask, HULLS, SIZE, BlendConfig()).fine


def pasted(image: NDArray[np.uint8], patch: Patch) -> NDArray[np.uint8]:
    """A frame of whole RGB numbers with a patch in its place."""
    result = image.copy()
    height, width = patch.share.shape
    under = result[patch.top : patch.top + height, patch.left : patch.left + width]
    share = patch.share[..., None]
    mixed = np.clip(np.rint(under * (1 - share) + patch.rgb * share), 0, 255).astype(np.uint8)
    under[:] = np.where(share > 0, mixed, under)
    return result


def put(
    crop: NDArray[np.float32], share: NDArray[np.float32], box: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """`FRAME` with a crop composited into it."""
    patch = composite(crop, share, box, WIDTH, HEIGHT)
    return FRAME if patch is None else pasted(FRAME, patch)


@st.composite
def boxes(draw: st.DrawFn) -> NDArray[np.float32]:
    """Crops anywhere over the frame, partly and wholly outside it."""
    gain, angle = draw(st.floats(0.3, 2)), draw(st.floats(-3, 3))
    cos, sin = gain * np.cos(angle), gain * np.sin(angle)
    turned = np.array([[cos, -sin], [sin, cos]])
    centre = np.array([draw(st.floats(-80, 200)), draw(st.floats(-80, 170))])
    return np.vstack([turned, SIZE / 2 - centre @ turned]).astype(np.float32)


def in_crop(box: NDArray[np.float32]) -> NDArray[np.float32]:
    """The position in the crop of every pixel of the frame, (HEIGHT, WIDTH, 2)."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    return apply_box(np.stack([x.ravel(), y.ravel()], 1)[None], box[None])[0].reshape(
        HEIGHT, WIDTH, 2
    )


@settings(deadline=None)
@given(boxes(), st.floats(4, 40))
def test_outside_the_mask_the_frame_is_untouched(box: NDArray[np.float32], radius: float) -> None:
    mask = disc(radius)
    before = FRAME.copy()
    result = put(CROP, feathered(mask), box)
    np.testing.assert_array_equal(FRAME, before)
    place = in_crop(box)
    covered = cv2.remap(mask.astype(np.float32), place[..., 0], place[..., 1], cv2.INTER_LINEAR)
    outside = covered == 0
    np.testing.assert_array_equal(result[outside], FRAME[outside])


@settings(deadline=None)
@given(boxes())
def test_without_a_mask_there_is_no_patch(box: NDArray[np.float32]) -> None:
    nothing = feathered(np.zeros((SIZE, SIZE), np.uint8))
    assert composite(CROP, nothing, box, WIDTH, HEIGHT) is None


@settings(deadline=None)
@given(boxes())
def test_deep_inside_the_mask_the_patch_is_the_crop(box: NDArray[np.float32]) -> None:
    result = put(CROP, feathered(disc()), box)
    inside = np.hypot(*(in_crop(box) - 31.5).transpose(2, 0, 1)) < 10
    assert (result[inside] == [250, 5, 128]).all()


@settings(deadline=None)
@given(boxes())
def test_a_patch_is_within_the_frame_and_close_to_the_mask(box: NDArray[np.float32]) -> None:
    patch = composite(CROP, feathered(disc()), box, WIDTH, HEIGHT)
    if patch is None:
        return
    height, width = patch.share.shape
    assert patch.rgb.shape == (height, width, 3)
    assert patch.rgb.dtype == patch.share.dtype == np.float32
    assert 0 <= patch.left <= patch.left + width <= WIDTH
    assert 0 <= patch.top <= patch.top + height <= HEIGHT
    assert patch.share.min() >= 0
    assert patch.share.max() <= 1
    # The mask's disc and a few pixels.
    across = 2 * 24 / np.linalg.norm(box[0]) * np.sqrt(2)
    assert max(height, width) <= across + 16


def test_an_unmoved_crop_is_copied_exactly() -> None:
    crop = np.random.default_rng(1).integers(0, 256, (SIZE, SIZE, 3)).astype(np.float32)
    box = np.array([[1, 0], [0, 1], [-20, -10]], np.float32)
    share = feathered(disc())
    result = put(crop, share, box)[10 : 10 + SIZE, 20 : 20 + SIZE]
    np.testing.assert_array_equal(result[share == 1], crop[share == 1])
    assert (share == 1).sum() > 300


@pytest.mark.parametrize("gain", [1.0, 0.8, 0.5])
def test_cutting_and_compositing_are_inverse(gain: float) -> None:
    """Both use the same pixel positions: a smooth picture is restored almost exactly."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    smooth = np.stack([2 * x, 2.5 * y, x + y], axis=-1).astype(np.float32)
    box = np.array([[gain, 0], [0, gain], [32 - 60 * gain, 32 - 45 * gain]], np.float32)
    patch = composite(cut_crop(smooth, box, SIZE), feathered(disc()), box, WIDTH, HEIGHT)
    assert patch is not None
    height, width = patch.share.shape
    there = smooth[patch.top : patch.top + height, patch.left : patch.left + width]
    np.testing.assert_allclose(patch.rgb[patch.share > 0], there[patch.share > 0], atol=1.5)


def test_strength_scales_the_share() -> None:
    box = np.array([[1, 0], [0, 1], [-20, -10]], np.float32)
    full, half, none = (
        composite(CROP, feathered(disc()), box, WIDTH, HEIGHT, strength)
        for strength in (1.0, 0.5, 0.0)
    )
    assert full is not None
    assert half is not None
    assert none is None
    np.testing.assert_allclose(half.share, full.share / 2)
    np.testing.assert_array_equal(half.rgb, full.rgb)


@pytest.mark.parametrize("bits", [8, 10])
def test_outside_the_mask_every_sample_of_a_film_is_unchanged(bits: int) -> None:
    """From the film's samples to a crop, through blending, and back: luma, chroma, any depth."""
    random = np.random.default_rng(2)
    most = 1 << bits
    dtype = np.uint8 if bits == 8 else np.uint16
    luma = random.integers(most // 8, most // 2, (HEIGHT, WIDTH)).astype(dtype)
    u, v = random.integers(most // 3, most // 2, (2, HEIGHT // 2, WIDTH // 2)).astype(dtype)
    film = Planes(luma, u, v, PlaneLayout(bits=bits), ColourTags(matrix=1, range=1))
    box = np.array([[0.9, 0.2], [-0.2, 0.9], [-10, -22]], np.float32)
    region = place(box, SIZE, WIDTH, HEIGHT)
    assert region is not None
    pixels = region_rgb(film, region.left, region.top, region.right, region.bottom)
    crop = cut_crop(pixels, box, SIZE, (region.left, region.top))
    mask = disc(22)
    drawn = np.where(mask[..., None] > 0, 255 - crop, crop).astype(np.float32)
    picture, share = blend(crop, DrawnCrop(drawn, mask, HULLS, 0), NO_GRAIN, BlendConfig())
    patch = composite(picture, share, box, WIDTH, HEIGHT)
    assert patch is not None
    after = with_region(film, patch.rgb, patch.share, patch.left, patch.top)
    inside = np.hypot(*(in_crop(box) - 31.5).transpose(2, 0, 1)) < 22
    assert largest_outside_change(film, after, inside) == 0
    assert (after.y != film.y).sum() > 500
