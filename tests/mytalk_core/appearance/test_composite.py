"""The frame changes under the mask and nowhere else."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.appearance.composite import composite, feathered
from mytalk_core.faces.crop import apply_box, cut_crop

SIZE = 64
FRAME = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
CROP = np.full((SIZE, SIZE, 3), (250.0, 5.0, 128.0), np.float32)


def disc(radius: float = 24) -> NDArray[np.uint8]:
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    inside: NDArray[np.uint8] = (np.hypot(x - 31.5, y - 31.5) < radius).astype(np.uint8)
    return inside


@st.composite
def boxes(draw: st.DrawFn) -> NDArray[np.float32]:
    """Crops anywhere over the frame, partly and wholly outside it."""
    gain, angle = draw(st.floats(0.3, 3)), draw(st.floats(-3, 3))
    cos, sin = gain * np.cos(angle), gain * np.sin(angle)
    turned = np.array([[cos, -sin], [sin, cos]])
    centre = np.array([draw(st.floats(-80, 200)), draw(st.floats(-80, 170))])
    return np.vstack([turned, SIZE / 2 - centre @ turned]).astype(np.float32)


@settings(deadline=None)
@given(boxes(), st.floats(4, 40))
def test_outside_the_mask_the_frame_is_untouched(box: NDArray[np.float32], radius: float) -> None:
    mask = disc(radius)
    before = FRAME.copy()
    result = composite(FRAME, CROP, feathered(mask), box)
    assert result.shape == FRAME.shape
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(FRAME, before)
    y, x = np.mgrid[0:90, 0:120].astype(np.float32)
    place = apply_box(np.stack([x.ravel(), y.ravel()], 1)[None], box[None])[0]
    covered = cv2.remap(
        mask.astype(np.float32),
        place[:, 0].reshape(90, 120),
        place[:, 1].reshape(90, 120),
        cv2.INTER_LINEAR,
    )
    outside = covered == 0
    np.testing.assert_array_equal(result[outside], FRAME[outside])


@settings(deadline=None)
@given(boxes())
def test_without_a_mask_nothing_changes(box: NDArray[np.float32]) -> None:
    nothing = feathered(np.zeros((SIZE, SIZE), np.uint8))
    np.testing.assert_array_equal(composite(FRAME, CROP, nothing, box), FRAME)


@settings(deadline=None)
@given(boxes())
def test_deep_inside_the_mask_the_crop_shows(box: NDArray[np.float32]) -> None:
    result = composite(FRAME, CROP, feathered(disc()), box)
    y, x = np.mgrid[0:90, 0:120].astype(np.float32)
    place = apply_box(np.stack([x.ravel(), y.ravel()], 1)[None], box[None])[0].reshape(90, 120, 2)
    inside = np.hypot(*(place - 31.5).transpose(2, 0, 1)) < 12
    assert (result[inside] == [250, 5, 128]).all()


def test_an_unmoved_crop_is_copied_exactly() -> None:
    crop = np.random.default_rng(1).integers(0, 256, (SIZE, SIZE, 3)).astype(np.float32)
    box = np.array([[1, 0], [0, 1], [-20, -10]], np.float32)
    alpha = feathered(disc())
    result = composite(FRAME, crop, alpha, box)[10 : 10 + SIZE, 20 : 20 + SIZE]
    np.testing.assert_array_equal(result[alpha == 1], crop[alpha == 1])
    assert (alpha == 1).sum() > 300


@pytest.mark.parametrize("gain", [0.8, 0.5])
def test_a_crop_that_was_cut_and_put_back_is_what_was_there(gain: float) -> None:
    """Cut and composite agree on where pixels are: a smooth picture comes back almost exactly."""
    y, x = np.mgrid[0:90, 0:120]
    smooth = np.stack([2 * x, 2.5 * y, x + y], axis=-1).astype(np.uint8)
    box = np.array([[gain, 0], [0, gain], [32 - 60 * gain, 32 - 45 * gain]], np.float32)
    crop = cut_crop(smooth, box, SIZE).astype(np.float32)
    result = composite(smooth, crop, feathered(disc()), box)
    assert np.abs(result.astype(int) - smooth).max() <= 4


def test_the_mask_fades_in_from_its_edge() -> None:
    alpha = feathered(disc())
    assert alpha.min() == 0
    assert alpha.max() == 1
    assert (alpha[disc() == 0] == 0).all()
    assert (np.diff(alpha[32, 4:32]) >= 0).all()
    assert np.diff(alpha[32]).max() < 0.7


def test_a_mask_that_the_crop_cuts_off_fades_out_there_too() -> None:
    alpha = feathered(np.ones((SIZE, SIZE), np.uint8))
    edge = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    assert (edge == 0).all()
    assert alpha[32, 32] == 1
