"""The landmarker of 68 points, with stub networks: depth, order, checks of weights."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mytalk_core.errors import ModelError, Reason
from mytalk_core.faces.alignment import canonical_rigid, fit_pose, head_turn
from mytalk_core.faces.face_alignment_landmarker import FaceAlignmentLandmarker, weights_folder
from mytalk_core.faces.landmark_scheme import IBUG68
from mytalk_core.faces.landmarker import Landmarker, LandmarkerConfig

face_alignment = pytest.importorskip("face_alignment")


def test_the_error_names_missing_weights_and_nothing_is_downloaded(tmp_path: Path) -> None:
    before = torch.hub.get_dir()
    with pytest.raises(ModelError) as caught:
        FaceAlignmentLandmarker(tmp_path)
    assert caught.value.reason is Reason.MODEL_MISSING
    assert caught.value.where.startswith(str(tmp_path / "checkpoints"))
    assert "https://" in caught.value.remedy
    assert not list(tmp_path.rglob("*"))
    assert torch.hub.get_dir() == before


def test_weights_are_found_in_the_hub_cache_of_torch(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(weights / "nothing"))
    with pytest.raises(ModelError):
        weights_folder()
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(weights))
    assert weights_folder() == weights


class StubNetworks:
    """Detect a face of each height, with depth towards the camera or away from it."""

    heights: tuple[float, ...] = ()
    towards_camera = False

    def __init__(self, landmarks_type: Any, **options: Any) -> None:
        """Load nothing."""

    def get_landmarks_from_image(self, image: np.ndarray) -> list[np.ndarray] | None:
        return [drawn_face(height, self.towards_camera) for height in self.heights] or None


def drawn_face(height: float, towards_camera: bool) -> np.ndarray:
    """Return a frontal face (68, 3) with its nose nearer than its cheeks and an offset in depth."""
    face = np.random.default_rng(0).uniform(0, 1, (68, 3))
    face[:2, 1] = 0, 1
    face[IBUG68.rigid, :] = [
        [0.2, 0.3, 0.5],
        [0.4, 0.3, 0.45],
        [0.6, 0.3, 0.45],
        [0.8, 0.3, 0.5],
    ] + [[0.5, y, z] for y, z in ((0.3, 0.4), (0.4, 0.35), (0.5, 0.3), (0.55, 0.25))]
    face[IBUG68.nose_base, 2], face[list(IBUG68.cheeks), 2] = 0.3, 0.9
    if towards_camera:
        face[:, 2] *= -1
    return height * face + [100, 50, 7]


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub folder with small files of the expected names, and stub networks."""
    from face_alignment import api
    from face_alignment.detection.sfd import sfd_detector

    content = b"weights"
    name = f"net-{hashlib.sha256(content).hexdigest()[:10]}"
    (tmp_path / "checkpoints").mkdir()
    for file, urls, key in [
        (f"a{name}.pth", sfd_detector.models_urls, "s3fd"),
        (f"b{name}.pth.tar", api.models_urls, "3DFAN-4"),
        (f"c{name}.pth.tar", api.models_urls, "depth"),
    ]:
        monkeypatch.setitem(urls, key, f"https://weights.example/{file}")
        (tmp_path / "checkpoints" / file).write_bytes(content)
    monkeypatch.setattr(face_alignment, "FaceAlignment", StubNetworks)
    return tmp_path


IMAGE = np.zeros((200, 200, 3), np.uint8)


@pytest.mark.parametrize("towards_camera", [False, True])
def test_depth_grows_away_from_the_camera_for_either_sign_of_the_network(
    weights: Path, monkeypatch: pytest.MonkeyPatch, towards_camera: bool
) -> None:
    monkeypatch.setattr(StubNetworks, "heights", (80.0,))
    monkeypatch.setattr(StubNetworks, "towards_camera", towards_camera)
    landmarker: Landmarker = FaceAlignmentLandmarker(weights)
    landmarker.restart()
    (face,) = landmarker.detect(IMAGE)
    landmarker.close()
    assert face.shape == (IBUG68.point_count, 3)
    assert face.dtype == np.float32
    np.testing.assert_allclose(face, drawn_face(80, False) - face_middle(), atol=1e-4)
    pose = fit_pose(face[None], canonical_rigid(face[None], IBUG68), IBUG68)
    assert abs(head_turn(pose)[0]) < 5


def face_middle() -> np.ndarray:
    return np.array([0, 0, drawn_face(80, False)[:, 2].mean()])


def test_the_largest_faces_are_returned_up_to_max_faces(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StubNetworks, "heights", (30.0, 90.0, 60.0))
    landmarker = FaceAlignmentLandmarker(weights, LandmarkerConfig(max_faces=2))
    heights = [np.ptp(face[:, 1]) for face in landmarker.detect(IMAGE)]
    assert heights == pytest.approx([90, 60], rel=1e-4)


def test_a_frame_without_a_face_gives_an_empty_list(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StubNetworks, "heights", ())
    assert FaceAlignmentLandmarker(weights).detect(IMAGE) == []


def test_weights_with_another_checksum_are_refused(weights: Path) -> None:
    damaged = next((weights / "checkpoints").iterdir())
    damaged.write_bytes(b"pickled harm")
    with pytest.raises(ModelError) as caught:
        FaceAlignmentLandmarker(weights)
    assert caught.value.reason is Reason.MODEL_CORRUPT
    assert caught.value.where == str(damaged)
