"""Crops of a film's picture, and the reduced ones that the renderer sees."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.dubbing.film_crop import film_crop, reduced_crop, resized_box
from mytalk_core.faces.crop import apply_box
from mytalk_core.media.colour import ColourTags
from mytalk_core.media.planes import PlaneLayout, Planes
from tests.drawn_faces import turned_box

LAYOUTS = [
    PlaneLayout(),
    PlaneLayout(bits=10),
    PlaneLayout(step_y=1, chroma_y=0.0),
    PlaneLayout(step_x=1, step_y=1, chroma_y=0.0),
]


def picture(layout: PlaneLayout, height: int = 720, width: int = 960) -> Planes:
    """Waves in luma and chroma."""
    y, x = np.mgrid[0:height, 0:width]
    scale = 1 << (layout.bits - 8)

    def wave(step_x: int, step_y: int, base: float, length: float) -> NDArray[np.unsignedinteger]:
        values = base + 40 * np.sin(x / length) * np.cos(y / (length * 0.8))
        return (values[::step_y, ::step_x] * scale).astype(layout.dtype)

    step = (layout.step_x, layout.step_y)
    tags = ColourTags(matrix=1, range=1)
    return Planes(wave(1, 1, 120, 31), wave(*step, 120, 45), wave(*step, 140, 52), layout, tags)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
@pytest.mark.parametrize(("crop_size", "size"), [(480, 192), (432, 384), (384, 192), (576, 192)])
def test_a_reduced_crop_shows_what_the_crop_shows(
    layout: PlaneLayout, crop_size: int, size: int
) -> None:
    film = picture(layout)
    box = turned_box(crop_size, 1.0, 0.15, (480.0, 360.0))
    whole = film_crop(film, box, crop_size)
    expected = cv2.resize(whole, (size, size), interpolation=cv2.INTER_AREA)
    found = reduced_crop(film, box, crop_size, size)
    assert found.shape == (size, size, 3)
    assert np.abs(found - expected).mean() < 1.5
    assert np.abs(found - expected).max() < 8


def test_a_crop_that_is_not_reduced_is_the_films() -> None:
    film = picture(PlaneLayout())
    box = turned_box(192, 0.8, 0.15, (480.0, 360.0))
    np.testing.assert_array_equal(reduced_crop(film, box, 192, 192), film_crop(film, box, 192))


def test_crops_outside_the_picture_are_grey_and_those_at_its_edge_repeat_it() -> None:
    film = picture(PlaneLayout())
    away = reduced_crop(film, turned_box(480, 1.0, 0.0, (-900.0, 0.0)), 480, 192)
    assert (away == 128).all()
    for centre in ((0.0, 0.0), (959.0, 719.0), (-230.0, 360.0)):
        box = turned_box(480, 1.0, 0.0, centre)
        whole = cv2.resize(film_crop(film, box, 480), (192, 192), interpolation=cv2.INTER_AREA)
        assert np.abs(reduced_crop(film, box, 480, 192) - whole).mean() < 3


def test_a_resized_box_maps_to_the_same_places() -> None:
    box = turned_box(480, 1.3, 0.4, (100.0, 200.0))
    points = np.array([[[10, 20], [100, 200], [300, 40]]], np.float32)
    shares = (apply_box(points, box[None]) + 0.5) / 480
    small = (apply_box(points, resized_box(box, 480, 192)[None]) + 0.5) / 192
    np.testing.assert_allclose(small, shares, atol=1e-4)
