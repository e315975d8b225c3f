from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.media.colour import ColourTags
from mytalk_core.media.orientation import Orientation
from mytalk_core.media.plane_reader import displayed_layout
from mytalk_core.media.plane_regions import (
    largest_outside_change,
    region_rgb,
)
from mytalk_core.media.planes import PlaneLayout, Planes
from tests.changed_region import with_region

_LIMITED, _FULL = 1, 2
_WEIGHTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}

# Every possible chroma position: the default, that of MPEG-1, and after rotation.
_PLACES = [(0, 0.5), (0.5, 0.5), (0, 0), (0.5, 0), (0.5, 1), (1, 0.5)]
layouts = st.builds(PlaneLayout, st.sampled_from([8, 10, 12]), st.just(2), st.just(2)).flatmap(
    lambda layout: st.sampled_from(
        [
            replace(layout, step_x=1, step_y=1, chroma_x=0.0, chroma_y=0.0),
            replace(layout, step_y=1, chroma_y=0.0),
            *(replace(layout, chroma_x=x, chroma_y=y) for x, y in _PLACES),
        ]
    )
)

tags = st.builds(ColourTags, matrix=st.sampled_from([1, 6, 9]), range=st.sampled_from([1, 2]))
halves = st.integers(1, 8)


def noise(layout: PlaneLayout, colour: ColourTags, width: int, height: int, seed: int) -> Planes:
    """Return uniformly random samples over the whole bit depth."""
    random = np.random.default_rng(seed)

    def plane(step_x: int, step_y: int) -> np.ndarray:
        shape = (height // step_y, width // step_x)
        return random.integers(0, 1 << layout.bits, shape).astype(layout.dtype)

    steps = (layout.step_x, layout.step_y)
    return Planes(plane(1, 1), plane(*steps), plane(*steps), layout, colour)


def equal(one: Planes, other: Planes) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("y", "u", "v"))


@st.composite
def pictures(draw: st.DrawFn) -> tuple[Planes, Planes]:
    """Two pictures of one film."""
    layout, colour = draw(layouts), draw(tags)
    width, height = 2 * draw(halves), 2 * draw(halves)
    seed = draw(st.integers(0, 1000))
    return (
        noise(layout, colour, width, height, seed),
        noise(layout, colour, width, height, seed + 1),
    )


@st.composite
def regions(draw: st.DrawFn) -> tuple[Planes, tuple[int, int, int, int]]:
    """A picture and left, top, right, bottom of a region in it."""
    planes, _ = draw(pictures())
    left = draw(st.integers(0, planes.width - 1))
    top = draw(st.integers(0, planes.height - 1))
    right = draw(st.integers(left + 1, planes.width))
    bottom = draw(st.integers(top + 1, planes.height))
    return planes, (left, top, right, bottom)


@given(regions(), st.integers(0, 1000))
def test_writing_back_an_unchanged_region_changes_no_sample(
    region: tuple[Planes, tuple[int, int, int, int]], seed: int
) -> None:
    planes, (left, top, right, bottom) = region
    rgb = region_rgb(planes, left, top, right, bottom)
    assert rgb.shape == (bottom - top, right - left, 3)
    assert rgb.dtype == np.float32
    share = np.random.default_rng(seed).random(rgb.shape[:2]).astype(np.float32)
    assert equal(with_region(planes, rgb, share, left, top), planes)


@given(pictures())
def test_a_replaced_picture_leaves_no_trace(films: tuple[Planes, Planes]) -> None:
    old, new = films
    whole = (0, 0, old.width, old.height)
    share = np.ones(old.y.shape, np.float32)
    assert equal(with_region(old, region_rgb(new, *whole), share, 0, 0), new)


@given(regions(), st.integers(0, 1000))
def test_a_region_of_another_picture_has_its_luma(
    region: tuple[Planes, tuple[int, int, int, int]], seed: int
) -> None:
    old, (left, top, right, bottom) = region
    new = noise(old.layout, old.tags, old.width, old.height, seed)
    rgb = region_rgb(new, left, top, right, bottom)
    mixed = with_region(old, rgb, np.ones(rgb.shape[:2], np.float32), left, top)
    expected = old.y.copy()
    expected[top:bottom, left:right] = new.y[top:bottom, left:right]
    assert np.array_equal(mixed.y, expected)


@given(regions(), st.integers(0, 1000), st.floats(0, 1))
def test_samples_with_share_zero_are_unchanged(
    region: tuple[Planes, tuple[int, int, int, int]], seed: int, part: float
) -> None:
    planes, (left, top, right, bottom) = region
    random = np.random.default_rng(seed)
    shape = (bottom - top, right - left)
    share = (random.random(shape) * (random.random(shape) < part)).astype(np.float32)
    rgb = random.uniform(-50, 300, (*shape, 3)).astype(np.float32)
    before = [plane.copy() for plane in (planes.y, planes.u, planes.v)]
    mixed = with_region(planes, rgb, share, left, top)
    inside = np.zeros(planes.y.shape, bool)
    inside[top:bottom, left:right] = share > 0
    assert largest_outside_change(planes, mixed, inside) == 0
    assert mixed.y.dtype == mixed.u.dtype == planes.layout.dtype
    assert max(plane.max() for plane in (mixed.y, mixed.u, mixed.v)) < 1 << planes.layout.bits
    for was, now in zip(before, (planes.y, planes.u, planes.v), strict=True):
        assert np.array_equal(was, now)  # the input arrays are not modified


@given(regions())
def test_a_part_has_the_values_of_the_whole(
    region: tuple[Planes, tuple[int, int, int, int]],
) -> None:
    planes, (left, top, right, bottom) = region
    whole = region_rgb(planes, 0, 0, planes.width, planes.height)
    part = region_rgb(planes, left, top, right, bottom)
    np.testing.assert_allclose(part, whole[top:bottom, left:right], atol=1e-3)


@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("colour_range", [_LIMITED, _FULL])
@pytest.mark.parametrize("bits", [8, 10, 12])
def test_colours_match_the_standard_s_formula(matrix: int, colour_range: int, bits: int) -> None:
    """ITU-T H.273, 8.3, on uniform squares of known colours."""
    rgb = np.random.default_rng(0).uniform(16, 240, (8, 8, 3))
    of_red, of_blue = _WEIGHTS[matrix]
    luma = rgb @ [of_red, 1 - of_red - of_blue, of_blue]
    blue = (rgb[..., 2] - luma) / (2 - 2 * of_blue)
    red = (rgb[..., 0] - luma) / (2 - 2 * of_red)
    step = 1 << (bits - 8)
    if colour_range == _FULL:
        luma, blue, red = (plane * ((1 << bits) - 1) / 255 for plane in (luma, blue, red))
    else:
        luma = (16 + luma * 219 / 255) * step
        blue, red = (plane * 224 / 255 * step for plane in (blue, red))
    layout = PlaneLayout(bits, 1, 1, 0, 0)
    planes = Planes(
        *(
            np.rint(plane).astype(layout.dtype)
            for plane in (luma, blue + 128 * step, red + 128 * step)
        ),
        layout,
        ColourTags(matrix=matrix, range=colour_range),
    )
    assert np.abs(region_rgb(planes, 0, 0, 8, 8) - rgb).max() < 2.0 / step


@pytest.mark.parametrize("place", _PLACES)
def test_chroma_is_read_at_its_position(place: tuple[float, float]) -> None:
    """A colour gradient is a straight line through the samples' positions."""
    x, y = place
    layout = PlaneLayout(10, 2, 2, x, y)
    columns, rows = np.meshgrid(np.arange(16) * 2 + x, np.arange(16) * 2 + y)
    chroma = (300 + 4 * columns + 6 * rows).astype(np.uint16)
    luma = np.full((32, 32), 500, np.uint16)
    colour = ColourTags(matrix=1, range=_LIMITED)
    rgb = region_rgb(Planes(luma, chroma, np.full_like(chroma, 512), layout, colour), 0, 0, 32, 32)
    expected = 300 + 4 * np.arange(32) + 6 * np.arange(32)[:, None]
    blue = (expected - 512) / (224 * 4) * 2 * (1 - 0.0722) * 255 + (500 - 64) / (219 * 4) * 255
    np.testing.assert_allclose(rgb[2:-2, 2:-2, 2], blue[2:-2, 2:-2], atol=1e-3)


def test_share_one_half_blends_equally() -> None:
    layout, colour = PlaneLayout(10), ColourTags(matrix=1, range=_LIMITED)
    grey = Planes(
        np.full((16, 16), 200, np.uint16),
        np.full((8, 8), 500, np.uint16),
        np.full((8, 8), 540, np.uint16),
        layout,
        colour,
    )
    other = replace(grey, y=grey.y + 300, u=grey.u + 40, v=grey.v - 80)
    rgb = region_rgb(other, 0, 0, 16, 16)
    mixed = with_region(grey, rgb, np.full((16, 16), 0.5, np.float32), 0, 0)
    assert (mixed.y == 350).all()
    assert (mixed.u == 520).all()
    assert (mixed.v == 500).all()


def test_values_are_clipped_to_the_bit_depth() -> None:
    planes = noise(PlaneLayout(10), ColourTags(matrix=1, range=_LIMITED), 16, 16, 0)
    share = np.ones((16, 16), np.float32)
    bright = with_region(planes, np.full((16, 16, 3), 2000, np.float32), share, 0, 0)
    dark = with_region(planes, np.full((16, 16, 3), -2000, np.float32), share, 0, 0)
    assert (bright.y == 1023).all()
    assert (dark.y == 0).all()


@given(regions(), st.sampled_from(["y", "u", "v"]), st.integers(0, 1000))
def test_a_change_outside_the_mask_is_measured(
    region: tuple[Planes, tuple[int, int, int, int]], name: str, seed: int
) -> None:
    planes, (left, top, right, bottom) = region
    inside = np.zeros(planes.y.shape, bool)
    inside[top:bottom, left:right] = True
    samples = getattr(planes, name).copy()
    random = np.random.default_rng(seed)
    row, column = random.integers(samples.shape[0]), random.integers(samples.shape[1])
    old = int(samples[row, column])
    samples[row, column] = new = old - 3 if old > 3 else old + 3
    step_x, step_y = (1, 1) if name == "y" else (planes.layout.step_x, planes.layout.step_y)
    pixels = inside[row * step_y : (row + 1) * step_y, column * step_x : (column + 1) * step_x]
    expected = 0 if pixels.any() else abs(new - old)
    assert largest_outside_change(planes, replace(planes, **{name: samples}), inside) == expected


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_rotated_chroma_is_read_at_its_position(turns: int, mirrored: bool) -> None:
    layout, orientation = PlaneLayout(8, 2, 2, 0, 0.5), Orientation(turns, mirrored)
    planes = noise(layout, ColourTags(matrix=1, range=_LIMITED), 12, 8, 0)
    upright = Planes(
        *(orientation.upright(plane) for plane in (planes.y, planes.u, planes.v)),
        displayed_layout(layout, orientation),
        planes.tags,
    )
    stored = region_rgb(planes, 0, 0, 12, 8)
    turned = region_rgb(upright, 0, 0, upright.width, upright.height)
    np.testing.assert_allclose(turned, orientation.upright(stored), atol=1e-3)
