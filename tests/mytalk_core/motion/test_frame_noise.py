"""Initial noise as a function of the frame."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.motion.frame_noise import frame_noise


@given(st.integers(0, 2000), st.integers(1, 700), st.data())
def test_the_noise_of_a_frame_does_not_depend_on_the_range(
    first: int, length: int, data: st.DataObject
) -> None:
    whole = frame_noise(first, first + length, 3, seed=5)
    assert whole.shape == (length, 3)
    start = data.draw(st.integers(0, length - 1))
    end = data.draw(st.integers(start + 1, length))
    part = frame_noise(first + start, first + end, 3, seed=5)
    np.testing.assert_array_equal(part, whole[start:end])


def test_noise_is_white() -> None:
    noise = frame_noise(0, 5000, 4, seed=0)
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=0.06)
    np.testing.assert_allclose(np.cov(noise.T), np.eye(4), atol=0.06)
    assert abs(np.mean(noise[:-250] * noise[250:])) < 0.03  # blocks do not repeat


def test_another_seed_gives_uncorrelated_noise() -> None:
    one, other = (frame_noise(0, 1000, 4, seed=seed) for seed in (0, 1))
    assert abs(np.mean(one * other)) < 0.06
