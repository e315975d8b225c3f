"""What one stretch of a film lends another: frames of the same look, at the right size."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mytalk_core.appearance.album import (
    AlbumConfig,
    AlbumPage,
    album_page,
    face_difference,
    upper_faces,
    with_others,
)
from mytalk_core.appearance.clip import AppearanceClip
from mytalk_core.appearance.face_crops import FaceCrops
from mytalk_core.appearance.reference_choice import Mouths, mouths_of, unlikeness
from mytalk_core.faces.landmark_scheme import MESH478

CONFIG = AlbumConfig()
SHUT, TALKING = np.full(30, 0.02), 0.2 + 0.2 * np.sin(np.arange(30) / 2.5)


@pytest.fixture(scope="module")
def shut(drawn_clip: Callable[..., AppearanceClip]) -> FaceCrops:
    return drawn_clip(SHUT).crops


@pytest.fixture(scope="module")
def talking(drawn_clip: Callable[..., AppearanceClip]) -> FaceCrops:
    return drawn_clip(TALKING).crops


def page(crops: FaceCrops, first: float = 10.0) -> AlbumPage:
    return album_page(crops, first + np.arange(len(crops.points)) / 25)


def lit(crops: FaceCrops, from_the_left: float, brightness: float = 1.0) -> FaceCrops:
    """The same in a light that comes from one side."""
    size = crops.pictures.shape[2]
    falling = brightness * (1 + from_the_left * np.linspace(0.5, -0.5, size))
    pictures = crops.pictures.astype(np.float32) * falling[:, None].astype(np.float32)
    return replace(crops, pictures=pictures)


def asked(crops: FaceCrops) -> Mouths:
    """The mouths of these, asked for at some other time."""
    return mouths_of(crops, 100 + np.arange(len(crops.points)) / 25, MESH478)


def shown(own: FaceCrops, asked: Mouths, *others: AlbumPage, config: AlbumConfig = CONFIG):
    moments = np.arange(len(own.points)) / 25
    return with_others(own, moments, asked, others, MESH478, config)


def test_a_face_is_the_same_whatever_its_mouth_does(shut: FaceCrops, talking: FaceCrops) -> None:
    apart = face_difference(upper_faces(talking), upper_faces(shut))
    assert apart.shape == (len(TALKING),)
    assert apart.max() < 0.5 * CONFIG.unlike


def test_another_light_shows_and_how_bright_it_is_does_not(
    shut: FaceCrops, talking: FaceCrops
) -> None:
    known = upper_faces(shut)
    assert face_difference(upper_faces(lit(talking, 0.6)), known).min() > CONFIG.unlike
    brighter = replace(talking, pictures=talking.pictures.astype(np.float32) + 20)
    assert face_difference(upper_faces(brighter), known).max() < CONFIG.unlike


def test_faces_without_a_place_in_common_are_infinitely_far(talking: FaceCrops) -> None:
    faces = upper_faces(talking)
    nowhere = replace(faces, skin=np.zeros_like(faces.skin))
    assert np.isinf(face_difference(faces, nowhere)).all()


def test_a_stretch_gets_the_mouths_that_it_lacks(shut: FaceCrops, talking: FaceCrops) -> None:
    crops, moments = shown(shut, asked(talking), page(talking))
    assert len(crops.points) == len(moments) > len(SHUT) + len(TALKING) // 2
    # Whatever is asked for is there now.
    missing = unlikeness(asked(talking), mouths_of(crops, moments, MESH478)).min(axis=1)
    assert missing.max() < 1e-5
    np.testing.assert_array_equal(crops.points[: len(SHUT)], shut.points)  # its own come first
    np.testing.assert_array_equal(crops.pictures[: len(SHUT)], shut.pictures)
    assert moments[: len(SHUT)].max() < 2 and moments[len(SHUT) :].min() >= 10
    for place, moment in enumerate(moments[len(SHUT) :].tolist(), len(SHUT)):
        frame = round((moment - 10) * 25)
        np.testing.assert_array_equal(crops.points[place], talking.points[frame])
        np.testing.assert_array_equal(crops.pictures[place], talking.pictures[frame])


def test_of_what_it_does_not_ask_for_it_is_lent_nothing(
    shut: FaceCrops, talking: FaceCrops
) -> None:
    later = replace(asked(shut), moments=np.full(len(SHUT), np.nan))
    _, moments = shown(shut, later, page(talking))
    assert len(moments) == len(SHUT)


def test_of_many_those_are_taken_that_serve_most(shut: FaceCrops, talking: FaceCrops) -> None:
    crops, moments = shown(shut, asked(talking), page(talking), config=replace(CONFIG, shown=4))
    assert len(moments) == len(SHUT) + 4
    wanted, seconds = asked(talking), np.arange(len(SHUT)) / 25
    without = unlikeness(wanted, mouths_of(shut, seconds, MESH478)).min(axis=1).mean()
    with_them = unlikeness(wanted, mouths_of(crops, moments, MESH478)).min(axis=1).mean()
    assert with_them < 0.25 * without


def test_nothing_is_taken_of_another_look(shut: FaceCrops, talking: FaceCrops) -> None:
    crops, moments = shown(shut, asked(talking), page(lit(talking, 0.6)))
    assert crops is shut
    assert len(moments) == len(SHUT)


def test_of_several_pages_only_the_fitting_ones_lend(shut: FaceCrops, talking: FaceCrops) -> None:
    _, moments = shown(shut, asked(talking), page(lit(talking, 0.6), 10.0), page(talking, 20.0))
    assert len(moments) > len(SHUT) + len(TALKING) // 2
    assert moments[len(SHUT) :].min() >= 20


@pytest.mark.parametrize("size", [96, 192])
def test_larger_crops_are_made_as_large_as_the_own_ones(
    drawn_clip: Callable[..., AppearanceClip], shut: FaceCrops, talking: FaceCrops, size: int
) -> None:
    crops, _ = shown(shut, asked(talking), page(drawn_clip(TALKING, size).crops))
    assert crops.pictures.shape[1:] == (96, 96, 3)
    # Where they lie in crops that were this large at once, to within half a pixel of the larger.
    lent = crops.points[len(SHUT) :]
    apart = np.abs(lent[:, None] - talking.points).max(axis=(2, 3))
    assert len(lent) > 4
    assert apart.min(axis=1).max() < 0.5


def test_smaller_crops_would_blur(
    drawn_clip: Callable[..., AppearanceClip], talking: FaceCrops
) -> None:
    large = drawn_clip(SHUT, 144).crops
    crops, _ = shown(large, asked(talking), page(talking))
    assert crops is large


def test_where_there_are_no_others_nothing_changes(shut: FaceCrops) -> None:
    crops, moments = shown(shut, asked(shut))
    assert crops is shut
    assert len(moments) == len(SHUT)
