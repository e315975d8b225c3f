"""The second detector confirms correct landmarks and rejects wrong ones."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.data.samples import SampleClip
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.faces.second_detector import Agreement
from mytalk_core.media.decode import iter_frames

Image = NDArray[np.uint8]
Face = NDArray[np.float32]


@pytest.fixture(scope="module")
def landmarker(landmarker_model: Path) -> MeshLandmarker:
    return MeshLandmarker(landmarker_model)


@pytest.fixture(scope="module", params=["jwp_intro", "test_movie"])
def seen(
    request: pytest.FixtureRequest,
    sample_clips: dict[str, SampleClip],
    landmarker: MeshLandmarker,
) -> tuple[Image, Face]:
    """A frame of a speaker and the landmarks of the face."""
    frames = iter_frames(sample_clips[request.param].path)
    image = next(frame.image for frame in frames if frame.index == 20)
    landmarker.restart()
    (face,) = landmarker.detect(image)
    return image, face


def quarter(image: Image, face: Face) -> tuple[Image, Face]:
    """Turn image and landmarks by 90 degrees counter-clockwise."""
    x, y, z = face.T
    turned = np.stack([y, image.shape[1] - x, z], axis=1)
    return np.ascontiguousarray(np.rot90(image)), turned.astype(np.float32)


def turned_about_middle(face: Face) -> Face:
    """Turn landmarks by 180 degrees about their mean."""
    flipped = face.copy()
    flipped[:, :2] = 2 * face[:, :2].mean(axis=0) - face[:, :2]
    return flipped


def agrees(agreement: Agreement) -> bool:
    return agreement.upright > 0 and agreement.distance < 0.35


@pytest.mark.parametrize("turns", range(4))
def test_correct_landmarks_are_confirmed_at_any_roll(
    seen: tuple[Image, Face], landmarker: MeshLandmarker, turns: int
) -> None:
    image, face = seen
    for _ in range(turns):
        image, face = quarter(image, face)
    agreement = landmarker.check(image, face)
    assert agreement.upright > 0.05
    assert agreement.distance < 0.15


@pytest.mark.parametrize("turns", range(4))
def test_upside_down_landmarks_are_rejected(
    seen: tuple[Image, Face], landmarker: MeshLandmarker, turns: int
) -> None:
    image, face = seen
    for _ in range(turns):
        image, face = quarter(image, face)
    assert landmarker.check(image, turned_about_middle(face)).upright < -0.05


def test_landmarks_beside_the_face_are_rejected(
    seen: tuple[Image, Face], landmarker: MeshLandmarker
) -> None:
    image, face = seen
    unit = np.linalg.norm(face[33] - face[263])
    assert not agrees(landmarker.check(image, face + np.float32([0.6 * unit, 0, 0])))
    assert not agrees(landmarker.check(np.full_like(image, 90), face))


def test_a_face_at_the_edge_of_the_picture_is_confirmed(
    seen: tuple[Image, Face], landmarker: MeshLandmarker
) -> None:
    image, face = seen
    left = int(face[:, 0].min()) + 2
    assert agrees(landmarker.check(image[:, left:], face - np.float32([left, 0, 0])))
