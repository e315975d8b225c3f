"""Grain is distinguished from skin, and only missing grain is added, different in each frame."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.appearance.grain import (
    NO_GRAIN,
    Grain,
    grain_of_frame,
    lacking_grain,
    measure_grain,
)

Floats = NDArray[np.float32]

SIZE, FRAMES = 96, 9
SKIN = np.ones((SIZE, SIZE), np.uint8)
SKINS = np.ones((FRAMES, SIZE, SIZE), np.uint8)


def pores(strength: float, blur: float = 1.0) -> Floats:
    """Constant skin of a given roughness, (SIZE, SIZE, 3)."""
    rough = np.random.default_rng(0).normal(0, 1, (SIZE, SIZE, 1)).astype(np.float32)
    smooth = cv2.GaussianBlur(rough, (0, 0), blur)
    return np.array([190, 150, 130], np.float32) + strength * (smooth / smooth.std())[..., None]


def noise(seed: int, strength: float, blur: float) -> Floats:
    """Grey grain, (SIZE, SIZE, 1)."""
    grain = np.random.default_rng(seed).normal(0, 1, (SIZE, SIZE)).astype(np.float32)
    if blur:
        grain = cv2.GaussianBlur(grain, (0, 0), blur)
    return (strength * grain / grain.std())[..., None]


def film(strength: float, blur: float = 0.0, skin: float = 3.0) -> Floats:
    still = pores(skin)
    return np.stack([still + noise(seed, strength, blur) for seed in range(FRAMES)])


def luma(picture: Floats) -> Floats:
    return picture @ np.array([0.299, 0.587, 0.114], np.float32)


@pytest.mark.parametrize("blur", [0.0, 0.8])
@pytest.mark.parametrize("strength", [2.0, 5.0])
def test_synthetic_grain_matches_strength_and_coarseness(strength: float, blur: float) -> None:
    grain = measure_grain(film(strength, blur), SKINS)
    assert grain.seen
    made = grain_of_frame(7, SIZE, SIZE, grain)
    true = noise(1, strength, blur)
    assert luma(made).std() == pytest.approx(strength, rel=0.12)

    def coarseness(picture: Floats) -> float:
        return float((picture[:, 1:] * picture[:, :-1]).mean() / np.square(picture).mean())

    assert coarseness(luma(made)) == pytest.approx(coarseness(true[..., 0]), abs=0.12)


def test_grey_grain_stays_grey_and_coloured_grain_coloured() -> None:
    grey = grain_of_frame(3, SIZE, SIZE, measure_grain(film(4.0), SKINS))
    assert np.corrcoef(grey.reshape(-1, 3).T)[0, 1] > 0.97
    colours = np.random.default_rng(1).normal(0, 4, (FRAMES, SIZE, SIZE, 3)).astype(np.float32)
    coloured = measure_grain(pores(3.0) + colours, SKINS)
    made = grain_of_frame(3, SIZE, SIZE, coloured)
    assert abs(np.corrcoef(made.reshape(-1, 3).T)[0, 1]) < 0.1


def test_still_rough_skin_is_no_grain() -> None:
    assert not measure_grain(film(0.0, skin=12.0), SKINS).seen


def test_evenly_moving_rough_skin_is_hardly_grain() -> None:
    still = np.pad(pores(6.0, blur=2.0), ((0, 0), (8, 8), (0, 0)), mode="reflect")
    moved = []
    for time in range(FRAMES):
        shift = np.array([[1, 0, -8 + 0.3 * time], [0, 1, 0]], np.float64)
        moved.append(cv2.warpAffine(still, shift, (SIZE, SIZE), flags=cv2.INTER_CUBIC))
    grain = measure_grain(np.stack(moved).astype(np.float32), SKINS)
    assert grain.luma < 0.7


def test_rounding_is_no_grain() -> None:
    light = pores(3.0) + np.linspace(0, 3, FRAMES, dtype=np.float32)[:, None, None, None]
    assert not measure_grain(np.rint(light), SKINS).seen


def test_a_jump_of_the_face_does_not_count() -> None:
    pictures = film(2.0)
    pictures[4] = np.roll(pictures[4], 3, axis=1)
    steady = measure_grain(film(2.0), SKINS)
    np.testing.assert_allclose(measure_grain(pictures, SKINS).luma, steady.luma, rtol=0.1)


def test_without_skin_or_neighbours_there_is_no_grain() -> None:
    assert measure_grain(film(5.0), np.zeros_like(SKINS)) is NO_GRAIN
    assert measure_grain(film(5.0)[:2], SKINS[:2]) is NO_GRAIN


def known_grain() -> Grain:
    return measure_grain(film(4.0), SKINS)


@pytest.mark.parametrize(("own", "lacking"), [(4.0, 0.0), (2.8, 0.7), (0.0, 1.0)])
def test_a_drawing_gets_its_missing_grain(own: float, lacking: float) -> None:
    drawn = pores(3.0) + noise(77, own, 0)
    tolerance = 0.35 if own == 4.0 else 0.1  # a root turns a small excess into a large share
    assert lacking_grain(drawn, SKIN, known_grain()) == pytest.approx(lacking, abs=tolerance)


def test_added_grain_does_not_exceed_the_films() -> None:
    """Missing pores are not replaced by grain, which would boil."""
    rough = measure_grain(film(2.0, skin=15.0), SKINS)
    assert lacking_grain(pores(0.0), SKIN, rough) == 1


def test_grain_depends_only_on_the_frame() -> None:
    grain = known_grain()
    once = grain_of_frame(12, 60, 80, grain)
    np.testing.assert_array_equal(grain_of_frame(12, 60, 80, known_grain()), once)
    others = [grain_of_frame(frame, 60, 80, grain) for frame in (11, 13, 14, 1012)]
    for other in others:
        assert abs(np.corrcoef(other.ravel(), once.ravel())[0, 1]) < 0.05
