from dataclasses import replace

import numpy as np
import pytest

from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.evaluation.pasting import PASTING, mean_mouth, nearest_frame_pasted, nearest_lips
from mytalk_core.evaluation.picture_metrics import psnr
from mytalk_core.evaluation.redrawing import NEAR, RedrawCase, in_place, reconstruction_case
from tests.synthetic_face import speaking_clip


@pytest.fixture(scope="module")
def sample():
    return speaking_clip("ann", 0)


def case_of(sample) -> RedrawCase:
    return reconstruction_case(sample, "ann", MaskConfig())


def test_the_nearest_lips_are_those_of_the_same_shape():
    others = np.random.default_rng(0).normal(size=(4, 40, 3)).astype(np.float32)
    lips = others[[2, 0, 3, 3, 1]] + 0.01
    assert nearest_lips(lips, others).tolist() == [2, 0, 3, 3, 1]


@pytest.mark.parametrize("drawer", PASTING.values(), ids=PASTING)
def test_pasting_identical_pictures_gives_the_truth(sample, drawer):
    still = replace(
        sample,
        landmarks=np.repeat(sample.landmarks[:1], 40, axis=0),
        crops=np.repeat(sample.crops[:1], 40, axis=0),
    )
    case = case_of(still)
    placed = in_place(case, drawer(case))
    assert np.abs(placed.astype(int) - case.pictures).max() <= 1


@pytest.mark.parametrize("drawer", PASTING.values(), ids=PASTING)
def test_copies_follow_the_head(sample, drawer):
    # The picture and its landmarks move by whole pixels.
    shifts = np.array([(0, 0), (5, 3)] * 20)
    moved = replace(
        sample,
        landmarks=np.repeat(sample.landmarks[:1], 40, axis=0)
        + np.concatenate([shifts, 0 * shifts[:, :1]], axis=1)[:, None].astype(np.float32),
        crops=np.stack([np.roll(sample.crops[0], (y, x), (0, 1)) for x, y in shifts]),
    )
    case = case_of(moved)
    drawn = drawer(case)
    inside = case.masks > 0
    assert np.abs(drawn - case.pictures)[inside].mean() < 1


def test_a_frame_is_never_pasted_from_itself_or_its_neighbours(sample):
    marked = replace(sample, crops=np.zeros_like(sample.crops))
    marked.crops[:] = np.arange(40, dtype=np.uint8)[:, None, None, None] * 5
    case = case_of(marked)
    copied = np.rint(nearest_frame_pasted(case)[:, 64, 64, 0] / 5).astype(int)
    assert (np.abs(copied - case.frames) > NEAR).all()
    # The remaining frame with the nearest lips.
    for frame, found in zip(case.frames, copied, strict=True):
        distance = np.linalg.norm(case.lips - case.lips[frame], axis=-1).mean(axis=1)
        allowed = np.abs(np.arange(40) - frame) > NEAR
        assert distance[found] == pytest.approx(distance[allowed].min())


def test_the_mean_mouth_is_the_mean_of_the_references(sample):
    marked = replace(sample, crops=np.zeros_like(sample.crops))
    marked.crops[:] = np.arange(40, dtype=np.uint8)[:, None, None, None] * 5
    case = case_of(marked)
    assert mean_mouth(case)[:, 64, 64, 0] == pytest.approx(5 * case.references.mean(), abs=0.1)


def test_the_nearest_frame_of_the_clip_beats_the_nearest_reference(sample):
    case = case_of(sample)
    scores = [
        np.mean(
            [psnr(*pair) for pair in zip(in_place(case, draw(case)), case.pictures, strict=True)]
        )
        for draw in list(PASTING.values())[:2]
    ]
    assert scores[1] > scores[0]
