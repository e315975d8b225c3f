from pathlib import Path

import numpy as np
import pytest

from mytalk_core.appearance.conditioning import MaskConfig
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


def asked(case: RedrawCase) -> np.ndarray:
    """Landmarks of a picture in which all is as it was asked for."""
    points = case.landmarks[case.frames].copy()
    points[:, MOVING] = case.crops.points[case.frames]
    return points


def turned(points: np.ndarray) -> np.ndarray:
    """The same face elsewhere, larger and tilted."""
    angle, scale = 0.1, 1.2
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (scale * points @ turn.T + [3, -5]).astype(np.float32)


def test_lips_as_asked_for_have_no_distance_wherever_the_face_was_found(own, cross):
    for case in (own, cross):
        scores = lip_scores(case, turned(asked(case)))
        assert scores["asked_lmd"] == pytest.approx(0, abs=1e-5)
        assert scores["asked_r"] == pytest.approx(1, abs=1e-4)
        assert scores["found"] == 1


def test_a_distance_is_in_inter_ocular_units(own):
    found = asked(own)
    found[:, list(MESH478.lips), 0] += 0.05 * own.unit[:, None]
    assert lip_scores(own, found)["asked_lmd"] == pytest.approx(0.05, rel=1e-3)


def test_a_mouth_that_moves_as_the_original_leaks_all_and_one_as_asked_nothing(cross):
    original = cross.landmarks[cross.frames]
    leaking = leak_scores(cross, original, asked(cross))
    assert leaking["own_r"] == pytest.approx(1, abs=1e-3)
    assert leaking["own_share"] == pytest.approx(1, abs=1e-3)
    random = np.random.default_rng(0)
    noisy = asked(cross) + random.normal(0, 0.3, asked(cross).shape).astype(np.float32)
    assert abs(leak_scores(cross, noisy, asked(cross))["own_r"]) < 0.7
    assert lip_scores(cross, noisy)["asked_r"] > 0.8


def opened(points: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Faces whose lips are wider open by so many pixels a frame."""
    lips = list(MESH478.lips)
    changed = points.copy()
    middle = points[:, lips, 1].mean(axis=1, keepdims=True)
    changed[:, lips, 1] += np.sign(points[:, lips, 1] - middle) * by[:, None] / 2
    return changed


def test_what_a_blind_drawing_shows_too_is_no_leak(cross):
    """Lips a little wider open where, by chance, the original's are, blind or not."""
    original = aperture(cross.landmarks[cross.frames], MESH478)
    random = np.random.default_rng(0)
    found = []
    for _ in range(40):
        alike = original + original.std() * random.normal(size=len(original))
        unlike = 0.1 * original.std() * random.normal(size=(2, len(original)))
        seen, blind = (opened(asked(cross), 0.3 * (alike + each)) for each in unlike)
        found.append(leak_scores(cross, seen, blind))
    mean = {name: np.mean([one[name] for one in found]) for name in found[0]}
    assert mean["own_r"] > 0.5
    assert abs(mean["leak_r"]) < 0.15

    told = opened(asked(cross), 0.1 * random.normal(size=len(original)))
    leaking = leak_scores(cross, opened(asked(cross), 0.3 * original), told)
    assert leaking["leak_r"] > 0.9
    assert leaking["leak_share"] == pytest.approx(0.3, abs=0.05)


def test_a_face_that_a_blind_drawing_lacks_leaves_its_frame_out(cross):
    blind = asked(cross)
    original = cross.landmarks[cross.frames]
    random = np.random.default_rng(1)
    blind += random.normal(0, 0.05, blind.shape).astype(np.float32)
    blind[:3] = np.nan
    assert leak_scores(cross, original, blind)["leak_r"] > 0.9
    nothing = leak_scores(cross, original, np.full_like(blind, np.nan))
    assert "leak_r" not in nothing and nothing["own_r"] > 0.9


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_the_share_of_the_original_that_is_seen_is_found_whatever_else_is(cross, share):
    original = cross.landmarks[cross.frames]
    seen = (1 - share) * asked(cross) + share * original
    found = leak_scores(cross, seen, asked(cross))
    assert found["own_share"] == pytest.approx(share, abs=0.01)
    # However little it is, there is nothing else beside it to correlate with.
    assert found["own_r"] > 0.8
    assert (
        found["own_share_weight"] == leak_scores(cross, original, asked(cross))["own_share_weight"]
    )


def test_a_mouth_that_hardly_moves_weighs_little_among_other_clips(own):
    lips = list(MESH478.lips)
    still = asked(own)
    middle = still[:, lips].mean(axis=1, keepdims=True)
    shape = still[:, lips] - middle
    still[:, lips] = middle + shape.mean(axis=0) + 0.1 * (shape - shape.mean(axis=0))
    moving, hardly = (lip_scores(own, found) for found in (asked(own), still))
    assert hardly["asked_r_pooled"] == hardly["asked_r"] > 0.9
    assert hardly["asked_r_pooled_weight"] < 0.2 * moving["asked_r_pooled_weight"]


def test_frames_without_a_face_are_left_out_and_counted(own):
    found = asked(own)
    found[: len(found) // 3] = np.nan
    scores = lip_scores(own, found)
    assert scores["asked_lmd"] == pytest.approx(0, abs=1e-5)
    assert scores["found"] == pytest.approx(1 - (len(found) // 3) / len(found))
    assert lip_scores(own, np.full_like(found, np.nan)) == {"found": 0}


def test_of_a_cross_in_which_no_face_is_found_nothing_is_known_of_leaks(cross):
    assert leak_scores(cross, np.full_like(asked(cross), np.nan), asked(cross)) == {}


class Marker:
    """A landmarker whose single point is the brightest pixel, and which notes what it was shown."""

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


def test_small_crops_are_enlarged_and_points_come_back_in_crop_pixels(own):
    pictures = np.zeros_like(own.pictures)
    pictures[1:, 40, 70] = 255
    marker = Marker()
    found = LipReader(marker).find(pictures)
    assert set(marker.sides) == {384}
    assert np.isnan(found[0]).all()
    # The corners of pixels are what a normalised place counts from.
    assert found[1:, 0] == pytest.approx(np.array([[70.5, 40.5]] * (len(pictures) - 1)), abs=0.4)


def test_the_real_landmarker_finds_lips_in_a_crop(film_clip, landmarker_model: Path):
    # A crop is tighter than the pictures that the landmarker was made for.
    case = reconstruction_case(film_clip("jwp_intro", 40), "jwp", MaskConfig())
    with MeshLandmarker(landmarker_model) as landmarker:
        scores = lip_scores(case, LipReader(landmarker).find(case.pictures))
    assert scores["found"] == 1
    assert scores["asked_lmd"] < 0.02
