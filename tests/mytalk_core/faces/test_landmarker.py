"""Faces are found in every frame of footage that shows one."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.data.samples import SampleClip
from mytalk_core.faces.alignment import inter_ocular
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker, track_largest_face
from mytalk_core.media.decode import iter_frames


@pytest.fixture(scope="module")
def landmarker(landmarker_model: Path) -> Iterator[MeshLandmarker]:
    with MeshLandmarker(landmarker_model) as opened:
        yield opened


@pytest.fixture(scope="module")
def images(sample_clips: dict[str, SampleClip]) -> list[NDArray[np.uint8]]:
    return [frame.image for frame in iter_frames(sample_clips["jwp_intro"].path)]


def test_every_frame_of_the_sample_shows_a_face_inside_it(
    landmarker: MeshLandmarker, images: list[NDArray[np.uint8]]
) -> None:
    faces = np.stack(list(track_largest_face(images, landmarker, Fraction(30))))
    assert faces.shape == (len(images), 478, 3)
    assert np.isfinite(faces).all()
    height, width = images[0].shape[:2]
    lips = faces[:, list(MESH478.lips), :2]
    assert (lips > 0).all()
    assert (lips < [width, height]).all()
    # The lips are below the eyes, and the left eye (of the viewer) is left.
    left, right = MESH478.eye_corners
    assert (lips[..., 1].mean(axis=1) > faces[:, [left, right], 1].max(axis=1)).all()
    assert (faces[:, left, 0] < faces[:, right, 0]).all()
    assert inter_ocular(faces, MESH478).std() < 0.1 * inter_ocular(faces, MESH478).mean()


def test_how_an_image_lies_in_memory_does_not_matter(
    landmarker: MeshLandmarker, images: list[NDArray[np.uint8]]
) -> None:
    plain = images[:3]
    strided = [np.ascontiguousarray(image[:, ::-1])[:, ::-1] for image in plain]
    assert not strided[0].flags.c_contiguous
    first = np.stack(list(track_largest_face(plain, landmarker, Fraction(30))))
    second = np.stack(list(track_largest_face(strided, landmarker, Fraction(30))))
    np.testing.assert_array_equal(first, second)


def test_a_video_does_not_remember_the_one_before(
    landmarker: MeshLandmarker, images: list[NDArray[np.uint8]]
) -> None:
    first = list(track_largest_face(images[:3], landmarker, Fraction(30)))
    list(track_largest_face(images[100:105], landmarker, Fraction(30)))
    again = list(track_largest_face(images[:3], landmarker, Fraction(30)))
    np.testing.assert_array_equal(first, again)


def test_a_frame_without_a_face_is_not_a_number(
    landmarker: MeshLandmarker, images: list[NDArray[np.uint8]]
) -> None:
    grey = np.full_like(images[0], 128)
    tracked = track_largest_face([grey, images[0], grey], landmarker, Fraction(30))
    assert [bool(np.isfinite(face).all()) for face in tracked] == [False, True, False]


class TwoFaces(MeshLandmarker):
    """A landmarker that sees a small and a large face in changing order."""

    def __init__(self) -> None:
        """Needs no model."""

    def restart(self) -> None:
        self._order = 1

    def detect(self, image: NDArray[np.uint8], time_ms: int) -> list[NDArray[np.float32]]:
        self._order = -self._order
        face = np.random.default_rng(0).uniform(0, 1, (478, 3)).astype(np.float32)
        return [20 * face, 50 * face + 300][:: self._order]


def test_the_largest_face_is_followed() -> None:
    images = [np.zeros((4, 4, 3), np.uint8)] * 6
    faces = islice(track_largest_face(images, TwoFaces(), Fraction(25)), 6)
    assert all(face.min() >= 300 for face in faces)
