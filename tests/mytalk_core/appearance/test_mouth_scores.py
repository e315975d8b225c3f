"""Scores measure the mouth only."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from mytalk_core.appearance.clip import AppearanceClip
from mytalk_core.appearance.face_crops import CropTensors, crop_tensors
from mytalk_core.appearance.losses import near_lips
from mytalk_core.appearance.mouth_scores import score_pictures
from mytalk_core.appearance.perceptual import Lpips

SIZE = 64


@pytest.fixture
def target(drawn_clip: Callable[..., AppearanceClip]) -> CropTensors:
    clip = drawn_clip(np.array([0.1, 0.3]))
    return crop_tensors(clip.crops, clip.scheme, SIZE)


def test_an_error_of_a_tenth_is_twenty_decibels(target: CropTensors, lpips: Lpips) -> None:
    pictures = target.pictures.clone()
    pictures[1] += 0.1
    scores = score_pictures(pictures, target, lpips)
    assert scores.psnr == pytest.approx([100, 20], abs=1e-3)
    assert scores.lpips[0] == pytest.approx(0, abs=1e-6)
    assert scores.lpips[1] > 0


def test_errors_far_from_the_lips_do_not_count(target: CropTensors, lpips: Lpips) -> None:
    far = near_lips(target.drawings) == 0
    assert far.float().mean() > 0.3
    pictures = torch.where(far, 1 - target.pictures, target.pictures)
    np.testing.assert_allclose(score_pictures(pictures, target, lpips).psnr, 100)
