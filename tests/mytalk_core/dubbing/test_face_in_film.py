"""A drawn face changes the film under its mask and nowhere else, at the film's own pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.dubbing.face_in_film import with_face
from mytalk_core.dubbing.film_crop import film_crop
from mytalk_core.faces.crop import apply_box
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.media.colour import ColourTags
from mytalk_core.media.plane_regions import largest_outside_change, region_rgb
from mytalk_core.media.planes import PlaneLayout, Planes
from tests.drawn_faces import MIDDLE, RADIUS, drawn_face, turned_box

SIZE = 96
HEIGHT, WIDTH = 150, 200
TAGS = ColourTags(matrix=1, range=1)
Array = NDArray[np.float32]


def noisy(layout: PlaneLayout, seed: int = 0) -> Planes:
    """A film's picture of noise that leaves room for changes."""
    random = np.random.default_rng(seed)
    most = 1 << layout.bits

    def plane(step_x: int, step_y: int) -> NDArray[np.unsignedinteger]:
        shape = (HEIGHT // step_y, WIDTH // step_x)
        return random.integers(most * 3 // 8, most // 2, shape).astype(layout.dtype)

    chroma = [plane(layout.step_x, layout.step_y) for _ in range(2)]
    return Planes(plane(1, 1), chroma[0], chroma[1], layout, TAGS)


def smooth(height: int = HEIGHT, width: int = WIDTH, layout: PlaneLayout | None = None) -> Planes:
    """A film's picture without detail; its chroma is 4:4:4 by default."""
    layout = layout or PlaneLayout(step_x=1, step_y=1, chroma_y=0.0)
    y, x = np.mgrid[0:height, 0:width]
    luma = 120 + 40 * np.sin(x / 17) * np.cos(y / 13)
    flat = np.full((height // layout.step_y, width // layout.step_x), 128, layout.dtype)
    return Planes(luma.astype(layout.dtype), flat, flat, layout, TAGS)


@st.composite
def boxes(draw: st.DrawFn) -> Array:
    """Crops anywhere over the picture, partly and wholly outside it."""
    centre = (draw(st.floats(-80, WIDTH + 80)), draw(st.floats(-80, HEIGHT + 80)))
    return turned_box(SIZE, draw(st.floats(0.4, 2)), draw(st.floats(-3, 3)), centre)


def depth(box: Array) -> Array:
    """How far every pixel of the picture lies inside the mask, crop pixels, (H, W)."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    places = apply_box(np.stack([x.ravel(), y.ravel()], 1)[None], box[None])[0]
    apart = np.hypot(*((places + 0.5) / SIZE - MIDDLE).T).reshape(HEIGHT, WIDTH)
    result: Array = ((RADIUS - apart) * SIZE).astype(np.float32)
    return result


@settings(max_examples=60)
@given(boxes(), st.sampled_from([8, 10]))
def test_outside_the_mask_no_sample_changes(box: Array, bits: int) -> None:
    film = noisy(PlaneLayout(bits=bits))
    before = film.y.copy()
    bright = np.full((SIZE, SIZE, 3), 250, np.uint8)
    after = with_face(film, drawn_face(bright, box), MESH478)
    np.testing.assert_array_equal(film.y, before)
    assert largest_outside_change(film, after, depth(box) > 0) == 0


def test_inside_the_mask_the_film_shows_the_drawing() -> None:
    """The light of the drawing is matched with the film's; its detail is its own."""
    film = smooth()
    box = turned_box(SIZE, 0.8, 0.2, (WIDTH / 2, HEIGHT / 2))
    stripes = film_crop(film, box, SIZE) + 30 * (np.arange(SIZE)[:, None, None] // 4 % 2 - 0.5)
    after = with_face(film, drawn_face(stripes.astype(np.float32), box), MESH478)
    rgb = region_rgb(after, 0, 0, WIDTH, HEIGHT) - region_rgb(film, 0, 0, WIDTH, HEIGHT)
    inside = depth(box) > 8
    assert inside.sum() > 300
    assert 10 < rgb[inside].std() < 20
    assert abs(rgb[inside].mean()) < 4


@pytest.mark.parametrize("gain", [0.5, 1.0, 1.7])
def test_a_drawing_of_the_film_itself_leaves_it_as_it_is(gain: float) -> None:
    """Crops and drawings use the same positions of pixels."""
    film = smooth()
    box = turned_box(SIZE, gain, 0.3, (WIDTH / 2 + 0.3, HEIGHT / 2 + 0.6))
    own = film_crop(film, box, SIZE)
    after = with_face(film, drawn_face(own, box), MESH478)
    assert np.abs(after.y.astype(int) - film.y).max() <= 2


def test_a_mask_that_leaves_the_picture_is_drawn_up_to_its_edge() -> None:
    film = smooth()
    box = turned_box(SIZE, 0.8, 0.0, (WIDTH / 2, HEIGHT - 18))
    own = film_crop(film, box, SIZE)
    own[:, :, :] += 20 * np.sin(np.arange(SIZE) / 2)[None, :, None]
    after = with_face(film, drawn_face(own, box), MESH478)
    change = np.abs(after.y.astype(int) - film.y)
    assert change[-1].max() > 5
    assert largest_outside_change(film, after, depth(box) > 0) == 0


def test_strength_scales_the_change() -> None:
    film = smooth()
    box = turned_box(SIZE, 0.8, 0.2, (WIDTH / 2, HEIGHT / 2))
    random = np.random.default_rng(1).normal(0, 20, (SIZE, SIZE, 3))
    rough = (film_crop(film, box, SIZE) + random).astype(np.float32)
    full, half, none = (
        with_face(film, drawn_face(rough, box, strength), MESH478).y.astype(int) - film.y
        for strength in (1.0, 0.5, 0.0)
    )
    assert not none.any()
    assert np.abs(full).max() > 10
    assert np.abs(2 * half - full).max() <= 2


def test_a_face_outside_the_picture_changes_nothing() -> None:
    film = smooth()
    face = drawn_face(
        np.zeros((SIZE, SIZE, 3), np.uint8), turned_box(SIZE, 1.0, 0.0, (-300.0, -300.0))
    )
    assert with_face(film, face, MESH478) is film
