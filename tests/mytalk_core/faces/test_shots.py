"""Cuts are found where they are, and nothing that only looks like one is taken for a cut."""

from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.data.samples import SampleClip
from mytalk_core.faces.shots import ShotConfig, ShotDetector, decide_cuts
from mytalk_core.media.decode import iter_frames

Picture = NDArray[np.uint8]
FPS = Fraction(25)


def cuts(images: Iterable[Picture]) -> list[int]:
    detector = ShotDetector(ShotConfig(), FPS)
    for index, image in enumerate(images):
        detector.observe(index, image)
    detector.finish()
    return decide_cuts(detector.changes, detector.returns)


def scene(seed: int, frames: int) -> list[Picture]:
    """A still scene of coarse shapes with a little noise in every frame."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (200, 160), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    return [
        np.clip(picture + random.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)
        for _ in range(frames)
    ]


@settings(max_examples=20)
@given(st.lists(st.integers(3, 30), min_size=1, max_size=5), st.integers(0, 1000))
def test_hard_cuts_are_found_to_the_frame(lengths: list[int], seed: int) -> None:
    film = [
        image for shot, length in enumerate(lengths) for image in scene(seed * 10 + shot, length)
    ]
    assert cuts(film) == np.cumsum(lengths)[:-1].tolist()


@pytest.mark.parametrize("first", [1, 59], ids=["second frame", "last frame"])
def test_cuts_at_the_ends_of_a_film_are_found(first: int) -> None:
    assert cuts(scene(0, first) + scene(1, 60 - first)) == [first]


@pytest.mark.parametrize("length", [1, 2, 3, 9])
def test_a_flash_is_no_cut(length: int) -> None:
    film = scene(0, 60)
    for frame in range(30, 30 + length):
        film[frame] = np.full_like(film[frame], 250)
    assert cuts(film) == []


@pytest.mark.parametrize("length", [8, 25])
def test_fades_and_dissolves_are_no_cuts(length: int) -> None:
    before, after, black = scene(0, 30), scene(1, 30), np.zeros((160, 200, 3), np.uint8)
    for one, other in [(before[-1], black), (black, after[0]), (before[-1], after[0])]:
        between = [
            cv2.addWeighted(one, 1 - share, other, share, 0)
            for share in np.linspace(0, 1, length + 2)[1:-1]
        ]
        assert cuts([one] * 20 + between + [other] * 20) == []


def test_a_moving_camera_is_no_cut() -> None:
    wide = np.concatenate([scene(seed, 1)[0] for seed in range(8)], axis=1)
    assert cuts(wide[:, start : start + 200] for start in range(0, 1400, 20)) == []


def test_nothing_shown_has_no_cut() -> None:
    assert cuts([]) == []


def test_a_coarse_encoder_cuts_nothing(sample_clips: dict[str, SampleClip]) -> None:
    for clip in sample_clips.values():
        assert cuts(frame.image for frame in iter_frames(clip.path)) == []


def test_speakers_before_one_background_are_told_apart(grid_clips: list[Path]) -> None:
    firsts = {clip.parent.name: clip for clip in reversed(grid_clips)}
    shots = [[frame.image for frame in iter_frames(clip)][:40] for clip in firsts.values()]
    small = [[cv2.resize(image, (160, 128)) for image in shot] for shot in shots]
    film = [image for shot in small for image in shot]
    ends = np.cumsum([len(shot) for shot in small])
    assert cuts(film) == ends[:-1].tolist()
    assert all(b - a == 40 for a, b in pairwise(ends))
