from pathlib import Path

import numpy as np
import pytest

from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.evaluation.lip_fidelity import LipReader, leak_scores, lip_scores
from mytalk_core.evaluation.redrawing import RedrawCase, cross_case, reconstruction_case
from mytalk_core.faces.face_motion import face_motion
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.faces.shape import aperture
from tests.synthetic_face import speaking_clip

MOVING = list(MESH478.moving)


@pytest.fixture(scope="module")
def own() -> RedrawCase:
    return reconstruction_case(speaking_clip("ann", 0), "ann", MaskConfig())


@pytest.fixture(scope="module")
def cross() -> RedrawCase:
    other = face_motion(speaking_clip("ann", 1).landmarks, MESH478).shape[:, MOVING]
    return cross_case(speaking_clip("ann", 0), "ann", "other", other, MaskConfig())


def target_faces(case: RedrawCase) -> np.ndarray:
    """Landmarks of a picture that matches the target exactly."""
    points = case.landmarks[case.frames].copy()
    points[:, MOVING] = case.crops.points[case.frames]
    return points


def turned(points: np.ndarray) -> np.ndarray:
    """Shift, enlarge and tilt the face."""
    angle, scale = 0.1, 1.2
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (scale * points @ turn.T + [3, -5]).astype(np.float32)


def test_target_lips_have_no_distance_under_any_similarity(own, cross):
    for case in (own, cross):
        scores = lip_scores(case, turned(target_faces(case)))
        assert scores["asked_lmd"] == pytest.approx(0, abs=1e-5)
        assert scores["asked_r"] == pytest.approx(1, abs=1e-4)
        assert scores["found"] == 1


def test_a_distance_is_in_inter_ocular_units(own):
    found = target_faces(own)
    found[:, list(MESH478.lips), 0] += 0.05 * own.unit[:, None]
    assert lip_scores(own, found)["asked_lmd"] == pytest.approx(0.05, rel=1e-3)


def test_original_motion_is_a_full_leak_and_target_motion_none(cross):
    original = cross.landmarks[cross.frames]
    leaking = leak_scores(cross, original, target_faces(cross))
    assert leaking["own_r"] == pytest.approx(1, abs=1e-3)
    assert leaking["own_share"] == pytest.approx(1, abs=1e-3)
    random = np.random.default_rng(0)
    noisy = target_faces(cross) + random.normal(0, 0.3, target_faces(cross).shape).astype(
        np.float32
    )
    assert abs(leak_scores(cross, noisy, target_faces(cross))["own_r"]) < 0.7
    assert lip_scores(cross, noisy)["asked_r"] > 0.8


def opened(points: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Open the lips of each face by `by` pixels more."""
    lips = list(MESH478.lips)
    changed = points.copy()
    middle = points[:, lips, 1].mean(axis=1, keepdims=True)
    changed[:, lips, 1] += np.sign(points[:, lips, 1] - middle) * by[:, None] / 2
    return changed


def test_motion_shared_with_a_blind_drawing_is_no_leak(cross):
    """The lips correlate by chance with the original's, in the blind drawing as well."""
    original = aperture(cross.landmarks[cross.frames], MESH478)
    random = np.random.default_rng(0)
    found = []
    for _ in range(40):
        alike = original + original.std() * random.normal(size=len(original))
        unlike = 0.1 * original.std() * random.normal(size=(2, len(original)))
        seen, blind = (opened(target_faces(cross), 0.3 * (alike + each)) for each in unlike)
        found.append(leak_scores(cross, seen, blind))
    mean = {name: np.mean([one[name] for one in found]) for name in found[0]}
    assert mean["own_r"] > 0.5
    assert abs(mean["leak_r"]) < 0.15

    known_opening = opened(target_faces(cross), 0.1 * random.normal(size=len(original)))
    leaking = leak_scores(cross, opened(target_faces(cross), 0.3 * original), known_opening)
    assert leaking["leak_r"] > 0.9
    assert leaking["leak_share"] == pytest.approx(0.3, abs=0.05)


def test_frames_without_a_face_in_the_blind_drawing_are_left_out(cross):
    blind = target_faces(cross)
    original = cross.landmarks[cross.frames]
    random = np.random.default_rng(1)
    blind += random.normal(0, 0.05, blind.shape).astype(np.float32)
    blind[:3] = np.nan
    assert leak_scores(cross, original, blind)["leak_r"] > 0.9
    nothing = leak_scores(cross, original, np.full_like(blind, np.nan))
    assert "leak_r" not in nothing and nothing["own_r"] > 0.9


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_own_share_is_the_share_of_the_original_motion(cross, share):
    original = cross.landmarks[cross.frames]
    seen = (1 - share) * target_faces(cross) + share * original
    found = leak_scores(cross, seen, target_faces(cross))
    assert found["own_share"] == pytest.approx(share, abs=0.01)
    # The correlation is high even for a small share, since there is no other motion.
    assert found["own_r"] > 0.8
    assert (
        found["own_share_weight"]
        == leak_scores(cross, original, target_faces(cross))["own_share_weight"]
    )


def test_a_mouth_that_hardly_moves_has_a_small_weight(own):
    lips = list(MESH478.lips)
    still = target_faces(own)
    middle = still[:, lips].mean(axis=1, keepdims=True)
    shape = still[:, lips] - middle
    still[:, lips] = middle + shape.mean(axis=0) + 0.1 * (shape - shape.mean(axis=0))
    moving, hardly = (lip_scores(own, found) for found in (target_faces(own), still))
    assert hardly["asked_r_pooled"] == hardly["asked_r"] > 0.9
    assert hardly["asked_r_pooled_weight"] < 0.2 * moving["asked_r_pooled_weight"]


def test_frames_without_a_face_are_left_out_and_counted(own):
    found = target_faces(own)
    found[: len(found) // 3] = np.nan
    scores = lip_scores(own, found)
    assert scores["asked_lmd"] == pytest.approx(0, abs=1e-5)
    assert scores["found"] == pytest.approx(1 - (len(found) // 3) / len(found))
    assert lip_scores(own, np.full_like(found, np.nan)) == {"found": 0}


def test_a_cross_without_any_face_has_no_leak_scores(cross):
    assert leak_scores(cross, np.full_like(target_faces(cross), np.nan), target_faces(cross)) == {}


class Marker:
    """A landmarker that puts all points on the brightest pixel and records picture sizes."""

    scheme = MESH478

    def __init__(self) -> None:
        self.sides: list[int] = []

    def restart(self) -> None: ...

    def close(self) -> None: ...

    def detect(self, image: np.ndarray) -> list[np.ndarray]:
        self.sides.append(len(image))
        y, x = np.unravel_index(image[..., 0].argmax(), image.shape[:2])
        if not image.any():
            return []
        return [np.repeat(np.array([[x + 0.5, y + 0.5, 0]], np.float32), 478, axis=0)]


def test_small_crops_are_enlarged_and_points_are_in_crop_pixels(own):
    pictures = np.zeros_like(own.pictures)
    pictures[1:, 40, 70] = 255
    marker = Marker()
    found = LipReader(marker).find(pictures)
    assert set(marker.sides) == {384}
    assert np.isnan(found[0]).all()
    # Normalised positions count from the corners of pixels.
    assert found[1:, 0] == pytest.approx(np.array([[70.5, 40.5]] * (len(pictures) - 1)), abs=0.4)


def test_the_real_landmarker_finds_lips_in_a_crop(film_clip, landmarker_model: Path):
    # A crop is tighter than the pictures that the landmarker was trained for.
    case = reconstruction_case(film_clip("jwp_intro", 40), "jwp", MaskConfig())
    with MeshLandmarker(landmarker_model) as landmarker:
        scores = lip_scores(case, LipReader(landmarker).find(case.pictures))
    assert scores["found"] == 1
    assert scores["asked_lmd"] < 0.02
