"""Still points lose their noise, moving ones are followed."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.faces.one_euro import OneEuroFilter

FRAME_MS = 40


def film(places: np.ndarray, noise: float) -> np.ndarray:
    """(T, 20, 3) a face of some 100 pixels at places (T, 3), with noise of `noise` pixels."""
    random = np.random.default_rng(0)
    face = random.uniform(0, 100, (20, 3))
    return (face + places[:, None] + random.normal(0, noise, (len(places), 20, 3))).astype("f4")


def smoothed(faces: np.ndarray) -> np.ndarray:
    each = OneEuroFilter(faces[0], 0)
    later = [each.smooth(face, FRAME_MS * index) for index, face in enumerate(faces[1:], start=1)]
    return np.stack([faces[0], *later])


def test_a_still_face_loses_most_of_its_noise() -> None:
    faces = film(np.zeros((200, 3)), noise=0.1)
    assert smoothed(faces)[20:].std(axis=0).mean() < 0.5 * faces[20:].std(axis=0).mean()


def test_a_moving_face_is_followed_within_a_frame() -> None:
    speed = 3.0
    places = speed * np.arange(60)[:, None] * np.array([1, 0.5, 0])
    faces = film(places, noise=0)
    behind = (faces - smoothed(faces))[20:, :, 0]
    assert (behind > 0).all()
    assert behind.max() < speed


@given(st.floats(0.2, 50))
def test_the_size_of_the_picture_does_not_matter(gain: float) -> None:
    faces = film(np.cumsum(np.random.default_rng(1).normal(0, 1, (15, 3)), axis=0), noise=0.5)
    scaled = smoothed((gain * faces).astype("f4")) / gain
    np.testing.assert_allclose(scaled, smoothed(faces), atol=1e-2)
