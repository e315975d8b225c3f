"""The album: references from other stretches with the same appearance, at the right size."""

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
from mytalk_core.appearance.reference_choice import Mouths, mouth_distances, mouths_of
from mytalk_core.faces.landmark_scheme import MESH478

CONFIG = AlbumConfig()
FOUR = replace(CONFIG, shown=4)
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
    """Add light from one side."""
    size = crops.pictures.shape[2]
    falling = brightness * (1 + from_the_left * np.linspace(0.5, -0.5, size))
    pictures = crops.pictures.astype(np.float32) * falling[:, None].astype(np.float32)
    return replace(crops, pictures=pictures)


def target_mouths(crops: FaceCrops) -> Mouths:
    """The mouths of these crops as targets at another time."""
    return mouths_of(crops, 100 + np.arange(len(crops.points)) / 25, MESH478)


def shown(own: FaceCrops, target: Mouths, *others: AlbumPage, config: AlbumConfig = CONFIG):
    timestamps = np.arange(len(own.points)) / 25
    return with_others(own, timestamps, target, others, MESH478, config)


def test_face_difference_ignores_the_mouth(shut: FaceCrops, talking: FaceCrops) -> None:
    apart = face_difference(upper_faces(talking), upper_faces(shut))
    assert apart.shape == (len(TALKING),)
    assert apart.max() < 0.5 * CONFIG.unlike


def test_face_difference_detects_light_direction_but_not_brightness(
    shut: FaceCrops, talking: FaceCrops
) -> None:
    known = upper_faces(shut)
    assert face_difference(upper_faces(lit(talking, 0.6)), known).min() > CONFIG.unlike
    brighter = replace(talking, pictures=talking.pictures.astype(np.float32) + 20)
    assert face_difference(upper_faces(brighter), known).max() < CONFIG.unlike


def test_faces_without_common_skin_are_infinitely_different(talking: FaceCrops) -> None:
    faces = upper_faces(talking)
    nowhere = replace(faces, skin=np.zeros_like(faces.skin))
    assert np.isinf(face_difference(faces, nowhere)).all()


def test_a_stretch_gets_missing_mouths_from_other_pages(
    shut: FaceCrops, talking: FaceCrops
) -> None:
    crops, timestamps = shown(shut, target_mouths(talking), page(talking))
    assert len(crops.points) == len(timestamps) > len(SHUT) + len(TALKING) // 2
    # Every target mouth has a near reference now.
    missing = mouth_distances(target_mouths(talking), mouths_of(crops, timestamps, MESH478)).min(
        axis=1
    )
    assert missing.max() < 1e-5
    np.testing.assert_array_equal(crops.points[: len(SHUT)], shut.points)  # its own come first
    np.testing.assert_array_equal(crops.pictures[: len(SHUT)], shut.pictures)
    assert timestamps[: len(SHUT)].max() < 2 and timestamps[len(SHUT) :].min() >= 10
    for place, timestamp in enumerate(timestamps[len(SHUT) :].tolist(), len(SHUT)):
        frame = round((timestamp - 10) * 25)
        np.testing.assert_array_equal(crops.points[place], talking.points[frame])
        np.testing.assert_array_equal(crops.pictures[place], talking.pictures[frame])


def test_nothing_is_added_if_the_own_frames_serve_the_target(
    shut: FaceCrops, talking: FaceCrops
) -> None:
    later = replace(target_mouths(shut), timestamps=np.full(len(SHUT), np.nan))
    _, timestamps = shown(shut, later, page(talking))
    assert len(timestamps) == len(SHUT)


def test_the_most_useful_frames_are_added(shut: FaceCrops, talking: FaceCrops) -> None:
    crops, timestamps = shown(
        shut, target_mouths(talking), page(talking), config=replace(CONFIG, shown=4)
    )
    assert len(timestamps) == len(SHUT) + 4
    wanted, seconds = target_mouths(talking), np.arange(len(SHUT)) / 25
    without = mouth_distances(wanted, mouths_of(shut, seconds, MESH478)).min(axis=1).mean()
    with_them = mouth_distances(wanted, mouths_of(crops, timestamps, MESH478)).min(axis=1).mean()
    assert with_them < 0.25 * without


def test_frames_in_other_light_are_not_added(shut: FaceCrops, talking: FaceCrops) -> None:
    crops, timestamps = shown(shut, target_mouths(talking), page(lit(talking, 0.6)))
    assert crops is shut
    assert len(timestamps) == len(SHUT)


def test_only_matching_pages_contribute(shut: FaceCrops, talking: FaceCrops) -> None:
    _, timestamps = shown(
        shut, target_mouths(talking), page(lit(talking, 0.6), 10.0), page(talking, 20.0)
    )
    assert len(timestamps) > len(SHUT) + len(TALKING) // 2
    assert timestamps[len(SHUT) :].min() >= 20


@pytest.mark.parametrize("size", [96, 192])
def test_larger_crops_are_resized_to_the_own_size(
    drawn_clip: Callable[..., AppearanceClip], shut: FaceCrops, talking: FaceCrops, size: int
) -> None:
    crops, _ = shown(shut, target_mouths(talking), page(drawn_clip(TALKING, size).crops))
    assert crops.pictures.shape[1:] == (96, 96, 3)
    # As in crops cut at this size, to within half a pixel of the larger ones.
    lent = crops.points[len(SHUT) :]
    apart = np.abs(lent[:, None] - talking.points).max(axis=(2, 3))
    assert len(lent) > 4
    assert apart.min(axis=1).max() < 0.5


def test_smaller_crops_are_not_used(
    drawn_clip: Callable[..., AppearanceClip], talking: FaceCrops
) -> None:
    large = drawn_clip(SHUT, 144).crops
    crops, _ = shown(large, target_mouths(talking), page(talking))
    assert crops is large


def test_without_other_pages_nothing_changes(shut: FaceCrops) -> None:
    crops, timestamps = shown(shut, target_mouths(shut))
    assert crops is shut
    assert len(timestamps) == len(SHUT)
