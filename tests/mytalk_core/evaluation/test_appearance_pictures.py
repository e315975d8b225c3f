import base64
from dataclasses import replace

import cv2
import numpy as np
import pytest

from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.evaluation.appearance_pictures import AppearancePictures
from mytalk_core.evaluation.redrawing import RedrawCase, cross_case, reconstruction_case
from mytalk_core.evaluation.redrawn_strip import redrawn_strip
from mytalk_core.faces.face_motion import face_motion
from mytalk_core.faces.landmark_scheme import MESH478
from tests.synthetic_face import speaking_clip


@pytest.fixture(scope="module")
def own() -> RedrawCase:
    return reconstruction_case(speaking_clip("ann", 0), "ann", MaskConfig())


@pytest.fixture(scope="module")
def cross() -> RedrawCase:
    other = face_motion(speaking_clip("ann", 1).landmarks, MESH478).shape
    shape = other[:, list(MESH478.moving)]
    return cross_case(speaking_clip("ann", 0), "ann", "other", shape, MaskConfig())


def rows(strip: np.ndarray, count: int) -> np.ndarray:
    """Split a strip into rows (count, side, W, 3), without the names in the margin."""
    side = len(strip) // count
    return strip.reshape(count, side, -1, 3)[:, :, -5 * side :]


def test_a_strip_shows_inputs_output_and_difference(own):
    source, masked, references, landmarks, output, truth, difference = rows(
        redrawn_strip(own, own.pictures), 7
    )
    assert (masked == 0).all(axis=-1).mean() > (source == 0).all(axis=-1).mean() + 0.1
    assert np.array_equal(output, truth)
    assert not difference.any()
    assert landmarks.max() == 255 and (landmarks == 0).mean() > 0.8
    # As many references as columns.
    assert not (references == 255).all(axis=(0, 2)).any()


def test_the_difference_is_magnified(own):
    brighter = own.pictures + np.uint8(5)
    assert np.median(rows(redrawn_strip(own, brighter), 7)[-1]) == 20


def test_cross_has_no_truth(own, cross):
    assert len(redrawn_strip(cross, cross.pictures)) * 7 == 5 * len(
        redrawn_strip(own, own.pictures)
    )


def test_the_worst_case_is_kept_once_with_all_its_faults(own, cross):
    pictures = AppearancePictures()
    nan = float("nan")
    pictures.add(own, own.pictures, {"psnr_mouth": 30.0, "lpips_mouth": nan})
    pictures.add(own, own.pictures, {"psnr_mouth": 20.0, "lpips_mouth": 0.3})
    pictures.add(own, own.pictures, {"psnr_mouth": 25.0, "lpips_mouth": 0.2})
    pictures.add(cross, cross.pictures, {"sharpness": 1.5, "seam": 1.0})
    third = replace(cross, target="third")
    pictures.add(third, cross.pictures, {"sharpness": 0.5, "seam": 0.9})  # farther from one
    faults = [case.faults for case in pictures.failures()]
    assert faults == [("mouth PSNR 20", "mouth LPIPS 0.3"), ("sharpness 0.5",), ("seam 1",)]
    assert pictures.failures()[1].text.startswith("sharpness 0.5: ann, ann_0-00000-00-000 with the")


def test_examples_are_the_first_cases_of_each_speaker(own, cross):
    pictures = AppearancePictures()
    for case in (own, cross, own):
        pictures.add(case, case.pictures, {"psnr_mouth": 30.0})
    what = [case.what for case in pictures.examples()]
    assert what == [
        "ann_0-00000-00-000 with the lips of other",
        "ann_0-00000-00-000 with its own lips",
    ]
    data = base64.b64decode(pictures.examples()[1].picture.partition(",")[2])
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    difference = decoded.astype(int) - redrawn_strip(own, own.pictures)
    assert np.abs(difference).mean() < 3
