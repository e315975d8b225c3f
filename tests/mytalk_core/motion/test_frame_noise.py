"""Noise belongs to frames, not to who asks for it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.motion.frame_noise import noise_of


@given(st.integers(0, 2000), st.integers(1, 700), st.data())
def test_noise_belongs_to_frames(first: int, length: int, data: st.DataObject) -> None:
    whole = noise_of(first, first + length, 3, seed=5)
    assert whole.shape == (length, 3)
    start = data.draw(st.integers(0, length - 1))
    end = data.draw(st.integers(start + 1, length))
    part = noise_of(first + start, first + end, 3, seed=5)
    np.testing.assert_array_equal(part, whole[start:end])


def test_noise_is_white() -> None:
    noise = noise_of(0, 5000, 4, seed=0)
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=0.06)
    np.testing.assert_allclose(np.cov(noise.T), np.eye(4), atol=0.06)
    assert abs(np.mean(noise[:-250] * noise[250:])) < 0.03  # blocks do not repeat


def test_another_seed_is_other_noise() -> None:
    one, other = (noise_of(0, 1000, 4, seed=seed) for seed in (0, 1))
    assert abs(np.mean(one * other)) < 0.06
