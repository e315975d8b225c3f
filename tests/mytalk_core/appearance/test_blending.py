"""Blending leaves no edge, and nothing of the original mouth in the new one."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.appearance.blending import BlendConfig, DrawnPicture, blend_crop, takeover
from mytalk_core.appearance.face_hulls import FaceHulls
from mytalk_core.appearance.grain import NO_GRAIN, measure_grain
from mytalk_core.appearance.rim_match import RimConfig

Floats = NDArray[np.float32]

SIZE = 192
CONFIG = BlendConfig()


def face_mask() -> NDArray[np.uint8]:
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.ellipse(mask, (96, 120), (64, 56), 0, 0, 360, (1,), -1)
    return mask


MASK = face_mask()
# Lips and chin, in a face that fills the mask.
SPEAKING = np.array([[70, 100], [122, 100], [96, 90], [96, 150], [80, 148], [112, 148]], np.float32)
FACE = np.array([[0, 40], [192, 40], [192, 192], [0, 192]], np.float32)
HULLS = FaceHulls(SPEAKING, FACE)
Y, X = (axis.astype(np.float32) for axis in np.mgrid[0:SIZE, 0:SIZE])


def film(seed: int = 0) -> Floats:
    """Plain skin under a light from the left."""
    skin = np.array([200, 155, 130], np.float32) * (1 - 0.001 * X)[..., None]
    return (skin + np.random.default_rng(seed).normal(0, 1, skin.shape)).astype(np.float32)


def with_mouth(picture: Floats, opening: int, colour: tuple[int, int, int]) -> Floats:
    result = picture.copy()
    cv2.ellipse(result, (96, 115), (24, opening), 0, 0, 360, colour, -1)
    return result


def drawn_on(film_: Floats, drawing: Floats) -> Floats:
    return np.where(MASK[..., None] > 0, drawing, film_).astype(np.float32)


def mixed(film_: Floats, picture: Floats, share: Floats) -> Floats:
    return film_ * (1 - share[..., None]) + picture * share[..., None]


def blended(film_: Floats, drawn: Floats, config: BlendConfig = CONFIG) -> Floats:
    return mixed(film_, *blend_crop(film_, DrawnPicture(drawn, MASK, HULLS, 0), NO_GRAIN, config))


def test_a_drawing_equal_to_the_film_is_unchanged() -> None:
    same = film()
    picture, share = blend_crop(same, DrawnPicture(same, MASK, HULLS, 0), NO_GRAIN, CONFIG)
    np.testing.assert_allclose(picture, same, atol=1e-3)
    assert share[120, 96] == 1


@settings(max_examples=25)
@given(st.integers(10, 85), st.integers(10, 70), st.floats(-90, 90))
def test_outside_the_mask_nothing_changes(across: int, down: int, angle: float) -> None:
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.ellipse(mask, (96, 120), (across, down), angle, 0, 360, (1,), -1)
    before = film()
    drawn = np.where(mask[..., None] > 0, 255 - before, before).astype(np.float32)
    picture, share = blend_crop(before, DrawnPicture(drawn, mask, HULLS, 0), NO_GRAIN, CONFIG)
    outside = mask == 0
    np.testing.assert_array_equal(share[outside], 0)
    edge = (cv2.erode(mask, np.ones((3, 3), np.uint8)) == 0) & ~outside
    np.testing.assert_array_equal(share[edge], 0)
    assert picture.min() >= 0
    assert picture.max() <= 255


def steps(picture: Floats) -> Floats:
    """How much every pixel differs from its right neighbour, smoothed down columns."""
    smooth = cv2.blur(picture.mean(axis=2), (1, 41))
    return np.abs(np.diff(smooth, axis=1))


def test_a_colour_offset_leaves_no_seam() -> None:
    before = film()
    wrong = before + np.array([9, 9, 3], np.float32)
    hard = drawn_on(before, wrong)
    result = blended(before, hard)
    row = slice(110, 130)
    seam = steps(result)[row].max()
    assert seam < 1.5 * steps(before)[row].max()
    assert seam < 0.3 * steps(hard)[row].max()
    # Most of the error is gone everywhere, not only at the rim.
    left_over = cv2.blur(result - before, (9, 9))
    assert np.abs(left_over).max() < 0.35 * 9


def test_a_change_of_light_leaves_no_seam() -> None:
    before = film()
    lit = before + (0.12 * (X - 96))[..., None]
    result = blended(before, drawn_on(before, lit))
    row = slice(110, 130)
    assert steps(result)[row].max() < 1.5 * steps(before)[row].max()


@pytest.mark.parametrize("opening", [4, 30])
def test_lips_and_chin_come_only_from_the_drawing(opening: int) -> None:
    """No share of the film's mouth is left under the new lips, at any opening."""
    config = BlendConfig(rim=RimConfig(at_the_middle=1.0))
    old = with_mouth(film(), opening, (60, 10, 15))
    other = with_mouth(film(), 34 - opening, (20, 200, 15))
    new = drawn_on(old, with_mouth(film(1), 15, (170, 60, 70)))
    from_other = drawn_on(other, with_mouth(film(1), 15, (170, 60, 70)))
    hull = np.zeros_like(MASK)
    cv2.fillConvexPoly(hull, cv2.convexHull(SPEAKING.astype(np.int32)), [1])
    inner = cv2.erode(hull, np.ones((5, 5), np.uint8)) > 0
    results = [blended(old, new, config), blended(other, from_other, config)]
    difference = np.abs(results[0] - results[1])[inner]
    assert difference.max() < 6
    assert difference.mean() < 0.5


def test_fine_detail_has_a_narrower_transition_than_light() -> None:
    place = takeover(MASK, HULLS, SIZE, CONFIG)
    assert (place.fine >= place.coarse).all()
    assert (place.fine > place.coarse + 0.2).any()
    hull = np.zeros_like(MASK)
    cv2.fillConvexPoly(hull, cv2.convexHull(SPEAKING.astype(np.int32)), [1])
    assert place.coarse[hull > 0].min() == 1


def test_the_transition_is_wide_on_cheeks_and_narrow_at_the_chin() -> None:
    fine = takeover(MASK, HULLS, SIZE, CONFIG).fine
    cheek = ((fine[120] > 0) & (fine[120] < 1) & (X[120] < 96)).sum()
    chin = ((fine[:, 96] > 0) & (fine[:, 96] < 1) & (Y[:, 96] > 120)).sum()
    assert cheek >= 9
    assert chin >= 4
    assert np.abs(np.diff(fine, axis=1)).max() < 0.4


def test_a_mask_cut_off_by_the_crop_fades_out_there() -> None:
    share = takeover(
        np.ones((64, 64), np.uint8), FaceHulls(SPEAKING / 3, FACE / 3), 64, CONFIG
    ).fine
    edge = np.concatenate([share[0], share[-1], share[:, 0], share[:, -1]])
    assert (edge == 0).all()
    assert share[32, 32] == 1


def test_beyond_both_faces_the_film_is_kept() -> None:
    """The faces end well inside the mask at the chin and on the right, where there is hair."""
    faces = np.concatenate([SPEAKING, [[40, 60], [120, 60]]]).astype(np.float32)
    place = takeover(MASK, FaceHulls(SPEAKING, faces), SIZE, CONFIG)
    hull = np.zeros_like(MASK)
    cv2.fillConvexPoly(hull, cv2.convexHull(np.rint(faces).astype(np.int32)), [1])
    beyond = cv2.distanceTransform(1 - hull, cv2.DIST_L2, 5)
    reach = CONFIG.beyond * SIZE
    assert place.fine[beyond > reach + 2].max() == place.coarse[beyond > reach + 2].max() == 0
    everywhere = takeover(MASK, HULLS, SIZE, CONFIG)
    inner = cv2.erode(hull, np.ones((5, 5), np.uint8)) > 0
    np.testing.assert_array_equal(place.fine[inner], everywhere.fine[inner])
    assert place.fine[cv2.dilate(hull, np.ones((3, 3), np.uint8)) > 0].max() == 1
    hair = film()
    cv2.line(hair, (150, 80), (150, 150), (20, 20, 20), 3)
    result = mixed(
        film(),
        *blend_crop(
            film(),
            DrawnPicture(drawn_on(film(), hair), MASK, FaceHulls(SPEAKING, faces), 0),
            NO_GRAIN,
            CONFIG,
        ),
    )
    assert np.abs(result - film())[80:150, 145:155].max() < 3
    assert np.abs(blended(film(), drawn_on(film(), hair)) - film())[80:150, 145:155].max() > 50


def test_a_lip_at_the_mask_edge_has_a_transition_of_a_few_pixels() -> None:
    touching = np.array([[96, 65], [60, 120], [130, 120]], np.float32)
    place = takeover(MASK, FaceHulls(touching, FACE), SIZE, CONFIG)
    assert np.isfinite(place.fine).all()
    assert place.fine[64, 96] == 0
    assert place.fine[72, 96] == 1


def test_missing_grain_is_added() -> None:
    grainy = np.stack([film(seed) for seed in range(7)])
    grainy += np.random.default_rng(9).normal(0, 5, grainy.shape).astype(np.float32)
    grain = measure_grain(grainy, np.repeat(1 - MASK[None], 7, axis=0))
    smooth = drawn_on(grainy[3], cv2.GaussianBlur(film(), (0, 0), 3).astype(np.float32))

    def roughness(picture: Floats) -> float:
        middle = picture[100:140, 76:116]
        return float((middle - cv2.GaussianBlur(middle, (0, 0), 1.5)).std())

    picture, share = blend_crop(grainy[3], DrawnPicture(smooth, MASK, HULLS, 3), grain, CONFIG)
    assert roughness(mixed(grainy[3], picture, share)) == pytest.approx(
        roughness(grainy[3]), rel=0.2
    )
    without, _ = blend_crop(grainy[3], DrawnPicture(smooth, MASK, HULLS, 3), NO_GRAIN, CONFIG)
    assert roughness(without) < 0.3 * roughness(grainy[3])


def test_without_a_mask_the_film_is_unchanged() -> None:
    before = film()
    picture, share = blend_crop(
        before, DrawnPicture(before + 50, np.zeros_like(MASK), HULLS, 0), NO_GRAIN, CONFIG
    )
    np.testing.assert_array_equal(picture, before)
    np.testing.assert_array_equal(share, 0)
