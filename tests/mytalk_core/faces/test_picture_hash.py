"""Distances of perceptual hashes between copies and between other pictures."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.faces.picture_hash import picture_hash
from mytalk_core.speech.fingerprint import hamming

NEAR = 14  # bits


def film(seed: int, frames: int = 30) -> NDArray[np.uint8]:
    """Return (frames, 128, 128, 3) with a coarse, slowly changing pattern."""
    random = np.random.default_rng(seed)
    ends = random.integers(0, 256, (2, 6, 6, 3)).astype(np.float32)
    steps = [ends[0] + (ends[1] - ends[0]) * share for share in np.linspace(0, 1, frames)]
    return np.stack(
        [np.clip(cv2.resize(step, (128, 128)), 0, 255).astype(np.uint8) for step in steps]
    )


def rescaled(crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.stack([cv2.resize(cv2.resize(crop, (60, 60)), (128, 128)) for crop in crops])


def compressed(crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
    coded = (cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, 30])[1] for crop in crops)
    return np.stack([cv2.imdecode(each, cv2.IMREAD_COLOR) for each in coded])


@pytest.mark.parametrize(
    "copy",
    [rescaled, compressed, lambda crops: crops[1:], lambda crops: (crops * 0.8).astype(np.uint8)],
    ids=["rescaled", "compressed", "a frame shorter", "darker"],
)
def test_hashes_of_copies_are_near(copy) -> None:
    for seed in range(10):
        assert hamming(picture_hash(film(seed)), picture_hash(copy(film(seed)))) <= NEAR


def test_hashes_of_other_pictures_are_far() -> None:
    hashes = [picture_hash(film(seed)) for seed in range(10)]
    assert all(len(each) == 16 for each in hashes)
    for index, one in enumerate(hashes):
        assert all(hamming(one, other) > 2 * NEAR for other in hashes[:index])


def test_a_clip_of_one_frame_has_a_hash() -> None:
    assert len(picture_hash(film(0, frames=1))) == 16
