"""The landmarker of 478 points on recorded footage."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.data.samples import SampleClip
from mytalk_core.faces.alignment import inter_ocular
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import LandmarkerConfig, MeshLandmarker
from mytalk_core.media.decode import iter_frames
from tests.largest_face import track_largest_face


@pytest.fixture(scope="module")
def landmarker(landmarker_model: Path) -> Iterator[MeshLandmarker]:
    with MeshLandmarker(landmarker_model) as opened:
        yield opened


@pytest.fixture(scope="module")
def images(sample_clips: dict[str, SampleClip]) -> list[NDArray[np.uint8]]:
    return [frame.image for frame in iter_frames(sample_clips["jwp_intro"].path)]


def test_every_frame_of_the_sample_has_a_face_inside_the_picture(
    landmarker: MeshLandmarker, images: list[NDArray[np.uint8]]
) -> None:
    faces = np.stack(list(track_largest_face(images, landmarker)))
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


def test_strided_images_give_the_same_landmarks(
    landmarker: MeshLandmarker, images: list[NDArray[np.uint8]]
) -> None:
    plain = images[:3]
    strided = [np.ascontiguousarray(image[:, ::-1])[:, ::-1] for image in plain]
    assert not strided[0].flags.c_contiguous
    first = np.stack(list(track_largest_face(plain, landmarker)))
    second = np.stack(list(track_largest_face(strided, landmarker)))
    np.testing.assert_array_equal(first, second)


def test_a_video_does_not_depend_on_the_previous_one(
    landmarker: MeshLandmarker, images: list[NDArray[np.uint8]]
) -> None:
    first = list(track_largest_face(images[:3], landmarker))
    list(track_largest_face(images[100:105], landmarker))
    again = list(track_largest_face(images[:3], landmarker))
    np.testing.assert_array_equal(first, again)


def test_landmarks_have_no_lag(landmarker: MeshLandmarker, images: list[NDArray[np.uint8]]) -> None:
    """A lag has the opposite sign on the reversed film."""
    film = images[:100]
    forwards = np.stack(list(track_largest_face(film, landmarker)))[5:-5, :, :2]
    backwards = np.stack(list(track_largest_face(film[::-1], landmarker)))[::-1][5:-5, :, :2]
    speed = np.gradient((forwards + backwards) / 2, axis=0)  # pixels per frame
    lag = (backwards - forwards) / 2
    frames = (lag * speed).sum() / np.square(speed).sum()
    assert np.abs(speed).max() > 2
    assert abs(frames) < 0.05  # more than half a frame with MediaPipe's own smoothing


def test_a_frame_without_a_face_is_nan(
    landmarker: MeshLandmarker, images: list[NDArray[np.uint8]]
) -> None:
    grey = np.full_like(images[0], 128)
    tracked = track_largest_face([grey, images[0], grey], landmarker)
    assert [bool(np.isfinite(face).all()) for face in tracked] == [False, True, False]


@pytest.fixture(scope="module")
def multi_face_landmarker(landmarker_model: Path) -> Iterator[MeshLandmarker]:
    with MeshLandmarker(landmarker_model, LandmarkerConfig(max_faces=4)) as opened:
        yield opened


def find_faces(
    images: list[NDArray[np.uint8]], landmarker: MeshLandmarker
) -> list[list[NDArray[np.float32]]]:
    """Return the faces of every frame from left to right."""
    landmarker.restart()
    return [
        sorted(landmarker.detect(image), key=lambda face: float(face[:, 0].mean()))
        for image in images
    ]


def test_searching_for_more_faces_does_not_change_a_single_face(
    landmarker: MeshLandmarker,
    multi_face_landmarker: MeshLandmarker,
    images: list[NDArray[np.uint8]],
) -> None:
    alone = find_faces(images[:30], landmarker)
    np.testing.assert_array_equal(alone, find_faces(images[:30], multi_face_landmarker))


def test_a_second_face_does_not_change_the_landmarks_of_the_first(
    landmarker: MeshLandmarker,
    multi_face_landmarker: MeshLandmarker,
    images: list[NDArray[np.uint8]],
) -> None:
    width = images[0].shape[1]
    left, right = images[:40], images[60:100]
    both = find_faces(
        [np.concatenate(pair, axis=1) for pair in zip(left, right, strict=True)],
        multi_face_landmarker,
    )
    assert [len(faces) for faces in both] == [2] * 40
    for side, film in enumerate((left, right)):
        alone = np.stack([faces[0] for faces in find_faces(film, landmarker)])
        found = np.stack([faces[side] for faces in both]) - np.float32([side * width, 0, 0])
        unit = inter_ocular(alone, MESH478).mean()
        lips = list(MESH478.lips)
        settled = (found - alone)[5:, lips, :2] / unit
        assert np.sqrt(np.square(settled).mean()) < 0.003


def test_appearing_and_disappearing_faces_are_detected(
    multi_face_landmarker: MeshLandmarker, images: list[NDArray[np.uint8]]
) -> None:
    grey = np.full_like(images[0], 128)
    film = [
        np.concatenate([image, images[60 + index] if 7 <= index < 20 else grey], axis=1)
        for index, image in enumerate(images[:30])
    ]
    counts = [len(faces) for faces in find_faces(film, multi_face_landmarker)]
    search = LandmarkerConfig().search_every
    assert counts[:7] == [1] * 7
    assert counts[7 + search : 20] == [2] * (13 - search)
    assert counts[20:] == [1] * 10


class TwoFaces(MeshLandmarker):
    """A landmarker that returns a small and a large face in alternating order."""

    def __init__(self) -> None:
        """Load no model."""

    def restart(self) -> None:
        self._order = 1

    def detect(self, image: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        self._order = -self._order
        face = np.random.default_rng(0).uniform(0, 1, (478, 3)).astype(np.float32)
        return [20 * face, 50 * face + 300][:: self._order]


def test_the_largest_face_is_tracked() -> None:
    images = [np.zeros((4, 4, 3), np.uint8)] * 6
    faces = islice(track_largest_face(images, TwoFaces()), 6)
    assert all(face.min() >= 300 for face in faces)


def test_a_signal_never_interrupts_a_native_call(landmarker_model: Path):
    """In a separate process, because a failure is a crash."""
    script = """
import signal, sys
from pathlib import Path
import numpy as np
from mytalk_core.faces.landmarker import MeshLandmarker

class Stop(Exception): pass

def stop(*_): raise Stop

signal.signal(signal.SIGALRM, stop)
stopped = 0
with MeshLandmarker(Path(sys.argv[1])) as landmarker:
    for turn in range(80):
        image = np.full((288, 360, 3), turn, np.uint8)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.001 * (turn % 20 + 1))
            landmarker.restart()
            landmarker.detect(image)
            signal.setitimer(signal.ITIMER_REAL, 0)
        except Stop:
            stopped += 1
    landmarker.restart()
    assert landmarker.detect(image) == []
print(stopped)
"""
    program = [sys.executable, "-c", script, str(landmarker_model)]
    run = subprocess.run(program, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 10
