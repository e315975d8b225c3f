from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.evaluation.closure import CLOSED_SHARE, LipRange, closures, lip_range, shut_vowels
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.shape import signed_opening
from mytalk_core.speech.phones import Phone

LIPS = list(MESH478.lips)


def phone(name: str, first: int, last: int) -> Phone:
    """A phone that touches exactly the frames `first` to `last`."""
    return Phone(name, Fraction(first, 25) + Fraction(1, 100), Fraction(last + 1, 25))


def opening(*closed: int, frames: int = 20) -> np.ndarray:
    values = np.full(frames, 0.1, np.float32)
    values[list(closed)] = 0
    return values


def test_crossed_lips_count_as_closed(face_shape):
    lips = np.stack([face_shape(0.1), face_shape(0.0), face_shape(-0.05)])[:, LIPS]
    found = signed_opening(lips, MESH478)
    assert found[0] > 0.05 and found[1] == pytest.approx(0, abs=1e-6) and found[2] < 0


def test_the_lip_range_is_that_of_the_clip(face_shape):
    film = np.stack([face_shape(value) for value in np.linspace(0, 0.2, 101)])[:, LIPS]
    found = lip_range(film, face_shape(0.0)[LIPS], MESH478)
    widest = signed_opening(film, MESH478)[90]
    assert found == LipRange(pytest.approx(0, abs=1e-6), pytest.approx(widest, rel=1e-5))
    assert found.closed_below == pytest.approx(CLOSED_SHARE * widest, rel=1e-5)


@given(st.integers(0, 19), st.integers(2, 12))
def test_a_closure_counts_within_one_frame_of_the_phone(closed, first):
    said = [phone("P", first, first + 2)]
    assert closures(opening(closed), said, 0.02) == [first - 1 <= closed <= first + 3]


def test_only_bilabials_must_close_and_only_open_vowels_must_not():
    said = [phone(name, 4, 5) for name in ("B", "M", "P", "D", "UW", "IY")]
    assert closures(opening(4, 5), said, 0.02) == [True] * 3
    assert shut_vowels(opening(4, 5), said, 0.02) == [True]
    assert shut_vowels(opening(4), said, 0.02) == [False]


def test_phones_outside_the_clip_are_skipped():
    said = [phone("B", 30, 31), phone("IY", 30, 31)]
    assert closures(opening(), said, 0.02) == [] == shut_vowels(opening(), said, 0.02)
