"""Conversion between stored and square pixels."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.faces.crop import apply_box, cut_crop
from mytalk_core.faces.square_pixels import square_scale, square_size, squared, stored_boxes

# PAL and NTSC in 4:3 and 16:9, HDV, anamorphic scope, and a rotated film.
ASPECTS = [
    Fraction(*pair)
    for pair in ((16, 15), (64, 45), (8, 9), (32, 27), (40, 33), (4, 3), (2, 1), (45, 64))
]


@pytest.mark.parametrize(
    ("width", "height", "aspect", "size"),
    [
        (720, 576, Fraction(64, 45), (1024, 576)),
        (1440, 1080, Fraction(4, 3), (1920, 1080)),
        (720, 480, Fraction(8, 9), (720, 540)),
        (576, 720, Fraction(45, 64), (576, 1024)),
        (360, 288, Fraction(1), (360, 288)),
        (360, 288, Fraction(1, 300), (360, 288)),
    ],
)
def test_a_picture_is_stretched_and_never_reduced(
    width: int, height: int, aspect: Fraction, size: tuple[int, int]
) -> None:
    assert square_size(width, height, aspect) == size
    picture = squared(np.zeros((height, width, 3), np.uint8), aspect)
    assert picture.shape == (size[1], size[0], 3)


def test_square_pixels_are_not_converted() -> None:
    picture = np.zeros((4, 6, 3), np.uint8)
    boxes = np.ones((2, 3, 2), np.float32)
    assert squared(picture, Fraction(1)) is picture
    assert stored_boxes(boxes, Fraction(1)) is boxes


@given(
    st.sampled_from(ASPECTS),
    st.floats(0.5, 3),
    st.floats(-3, 3),
    st.tuples(st.floats(-300, 300), st.floats(-300, 300)),
)
def test_stored_boxes_map_stored_pixels_as_boxes_map_square_ones(
    aspect: Fraction, gain: float, roll: float, shift: tuple[float, float]
) -> None:
    cos, sin = gain * np.cos(roll), gain * np.sin(roll)
    box = np.array([[cos, -sin], [sin, cos], shift], np.float32)
    stored = np.random.default_rng(0).uniform(0, 500, (1, 20, 2)).astype(np.float32)
    square = (stored + 0.5) * np.array(square_scale(aspect), np.float32) - 0.5
    np.testing.assert_allclose(
        apply_box(stored, stored_boxes(box, aspect)[None]),
        apply_box(square, box[None]),
        atol=0.01,
    )


@pytest.mark.parametrize("aspect", ASPECTS)
def test_a_crop_of_stored_pixels_equals_that_of_square_pixels(aspect: Fraction) -> None:
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (9, 12, 3), dtype=np.uint8)
    across, down = square_scale(aspect)
    shown = cv2.resize(coarse, (720, 540), interpolation=cv2.INTER_CUBIC)
    size = (round(720 / across), round(540 / down))
    stored = cv2.resize(shown, size, interpolation=cv2.INTER_AREA)
    box = np.array([[0.9, -0.2], [0.2, 0.9], [-300, -150]], np.float32)
    carried = stored_boxes(box, aspect)
    expected = cut_crop(shown, box, 192).astype(int)
    crop = cut_crop(stored, carried, 192)
    assert np.abs(crop.astype(int) - expected).mean() < 2
