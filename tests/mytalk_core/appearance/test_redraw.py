"""The renderer's output is applied at the crops' size, within the masks only."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mytalk_core.appearance.clip import AppearanceClip
from mytalk_core.appearance.face_crops import (
    FaceCrops,
    crop_regions,
    crop_tensors,
    window_slices,
)
from mytalk_core.appearance.person_references import PersonReferences
from mytalk_core.appearance.redraw import (
    redraw,
    window_masks,
)
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.training import precision
from mytalk_core.training.precision import autocast

Pictures = NDArray[np.float32]
OPENINGS = np.linspace(0.0, 0.4, 8)
REFERENCES = np.array([0, 4, 7])


@pytest.fixture(autouse=True, params=["single", "half"])
def half(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether half precision is used; it depends on the machine."""
    halved: bool = request.param == "half"
    monkeypatch.setattr(precision, "has_fast_bfloat16", lambda device: halved)
    return halved


@pytest.fixture(scope="module")
def trained(tiny_renderer: Callable[..., Renderer]) -> Renderer:
    return tiny_renderer()


def encoded(renderer: Renderer, references: FaceCrops) -> PersonReferences:
    """References far away in time."""
    timestamps = -10.0 - np.arange(len(references.points))
    return PersonReferences(renderer, references, timestamps, MESH478)


def redrawn(renderer: Renderer, crops: FaceCrops, references: FaceCrops) -> NDArray[np.float32]:
    return drawn_from(encoded(renderer, references), renderer, crops)


def drawn_from(
    person: PersonReferences, renderer: Renderer, crops: FaceCrops, first: float = 0.0
) -> NDArray[np.float32]:
    """Crops at 25 frames per second from a timestamp on."""
    timestamps = first + np.arange(len(crops.points)) / 25
    return redraw(renderer, crops, timestamps, person, MESH478)


def windows(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """The windows of crops."""
    return pictures[:, *window_slices(pictures.shape[1])]


def forward(renderer: Renderer, crops: FaceCrops, references: FaceCrops) -> NDArray[np.float32]:
    """The windows as the renderer itself draws them, (T, S, S, 3) 0..255."""
    size = renderer.config.size
    with torch.inference_mode(), autocast(torch.device("cpu"), True):
        person = encoded(renderer, references)
        frames = crop_tensors(crops, MESH478, size)
        known, _ = person.encoded(renderer.most_alike(frames, person.points))
        picture = renderer(frames, known).picture
    found: NDArray[np.float32] = 255 * picture.float().permute(0, 2, 3, 1).numpy()
    return found


@pytest.mark.parametrize("fraction", [0.0, 0.25])
def test_redraw_equals_the_renderer_at_its_own_size(
    trained: Renderer, drawn_clip: Callable[..., AppearanceClip], fraction: float
) -> None:
    crops = drawn_clip(OPENINGS).crops
    if fraction:
        crops = replace(crops, pictures=crops.pictures + np.float32(fraction))
    found = redrawn(trained, crops, crops.choose(REFERENCES))
    assert found.dtype == np.float32
    assert found.shape == crops.pictures.shape
    change = np.abs(windows(found) - forward(trained, crops, crops.choose(REFERENCES)))
    # The renderer samples bilinearly, a redrawn crop with the sharper bicubic.
    assert change.mean() < 0.4
    assert change.max() < 12


@pytest.mark.parametrize("crop_size", [96, 192, 240])
def test_outside_the_masks_crops_are_unchanged(
    trained: Renderer, drawn_clip: Callable[..., AppearanceClip], crop_size: int
) -> None:
    """Every value is kept exactly, integers and fractions of films with more bits."""
    crops = drawn_clip(OPENINGS, crop_size).crops
    fine = replace(crops, pictures=crops.pictures + np.float32(0.3))
    for each in (crops, fine):
        before = each.pictures.copy()
        found = redrawn(trained, each, each.choose(REFERENCES))
        outside = crop_regions(each)[0] == 0
        np.testing.assert_array_equal(found[outside], each.pictures[outside])
        np.testing.assert_array_equal(each.pictures, before)
        changed = np.abs(found - each.pictures)[~outside]
        assert changed.mean() > 5
        assert (window_masks(each) == windows(crop_regions(each)[0])).all()


def test_fractions_of_a_level_are_kept(
    trained: Renderer, drawn_clip: Callable[..., AppearanceClip], half: bool
) -> None:
    """A picture brighter by a quarter of a level gives a drawing brighter by as much."""
    crops = drawn_clip(OPENINGS, 192).crops
    usual, lighter = (
        redrawn(trained, each, each.choose(REFERENCES))
        for each in (
            replace(crops, pictures=crops.pictures + np.float32(step)) for step in (0.0, 0.25)
        )
    )
    if half:  # single pixels go astray by as much as halved numbers are coarse
        drawn = crop_regions(crops)[0] > 0
        assert abs(np.mean((lighter - usual)[drawn]) - 0.25) < 0.05
    else:
        np.testing.assert_allclose(lighter, usual + 0.25, atol=0.02)


@pytest.mark.parametrize("crop_size", [96, 192, 240])
def test_masked_pixels_have_no_effect(
    trained: Renderer, drawn_clip: Callable[..., AppearanceClip], crop_size: int
) -> None:
    """Noise in place of the original lower face leaves the result bit-identical."""
    crops = drawn_clip(OPENINGS, crop_size).crops
    person = encoded(trained, crops.choose(REFERENCES))
    covered = crop_regions(crops)[0] > 0
    noisy = crops.pictures.copy()
    noisy[covered] = np.random.default_rng(0).integers(0, 256, (int(covered.sum()), 3))
    one, other = (
        drawn_from(person, trained, replace(crops, pictures=pictures))
        for pictures in (crops.pictures, noisy)
    )
    np.testing.assert_array_equal(one, other)


def test_batching_does_not_change_frames(
    trained: Renderer, drawn_clip: Callable[..., AppearanceClip]
) -> None:
    crops = drawn_clip(np.linspace(0, 0.4, 19)).crops
    person = encoded(trained, crops.choose(np.array([3, 12])))
    together = drawn_from(person, trained, crops)
    for frame in (0, 7, 8, 18):
        alone = drawn_from(person, trained, crops.choose(np.array([frame])))
        np.testing.assert_allclose(together[frame], alone[0], atol=0.02)


@pytest.mark.parametrize("count", [1, 2, 8])
def test_any_number_of_references_in_any_order(
    trained: Renderer, drawn_clip: Callable[..., AppearanceClip], count: int
) -> None:
    crops = drawn_clip(OPENINGS, 192).crops
    shown = np.array([5, 0, 7, 2, 6, 3, 1, 4])[:count]
    target = crops.choose(np.array([1, 6]))
    one, other = (
        redrawn(trained, target, crops.choose(order)) for order in (shown, shown[::-1].copy())
    )
    np.testing.assert_allclose(one, other, atol=0.02)


def texture(size: int) -> NDArray[np.float32]:
    """Waves of three pixels, too fine for a renderer whose pixels are twice as large."""
    x, y = np.meshgrid(np.arange(size), np.arange(size))
    wave = 40 * np.sin(2 * np.pi * x / 3) * np.sin(2 * np.pi * y / 3)
    return wave[..., None].astype(np.float32)


def fineness(pictures: NDArray[np.float32], where: NDArray[np.bool_]) -> float:
    """Energy of detail finer than about two pixels within a region."""
    fine = np.stack([each - cv2.GaussianBlur(each, (0, 0), 1.0) for each in pictures])
    return float(np.square(fine)[where].mean())


def chin(crops: FaceCrops) -> NDArray[np.bool_]:
    """The region between lower lip and jaw, (T, C, C), well inside the masks."""
    size = crops.pictures.shape[1]
    rows, columns = np.mgrid[:size, :size]
    lips = crops.points[:, : len(MESH478.lips)]
    below = lips[..., 1].max(axis=1) + 0.02 * size
    middle = lips[..., 0].mean(axis=1)
    jaw = crops.points[:, len(MESH478.lips) :, 1].max(axis=1) - 0.03 * size
    there: NDArray[np.bool_] = (
        (rows > below[:, None, None])
        & (rows < jaw[:, None, None])
        & (np.abs(columns - middle[:, None, None]) < 0.1 * size)
    )
    return there & (crop_regions(crops)[0] > 0)


def test_detail_finer_than_the_renderers_pixels_is_copied(
    tiny_renderer: Callable[..., Renderer],
    drawn_clip: Callable[..., AppearanceClip],
) -> None:
    """A fine texture on the reference's chin appears in the output, although the frame has none
    and the renderer's own pixels are twice as large."""
    renderer = tiny_renderer(lively=False)
    crop_size = 3 * renderer.config.size
    crops = drawn_clip(np.linspace(0.1, 0.16, 4), crop_size).crops
    textured = replace(crops, pictures=crops.pictures + texture(crop_size))
    references = textured.choose(np.array([3]))
    target = crops.choose(np.array([0, 1]))
    there = chin(target)
    assert there.sum() > 500

    found = redrawn(renderer, target, references)
    coarse = forward(renderer, target, references)
    rows, columns = window_slices(crop_size)
    enlarged = target.pictures.astype(np.float32)
    side = rows.stop - rows.start
    enlarged[:, rows, columns] = np.stack(
        [cv2.resize(each, (side, side), interpolation=cv2.INTER_CUBIC) for each in coarse]
    )
    shown = fineness(textured.pictures, chin(textured))
    assert fineness(target.pictures.astype(np.float32), there) < 0.01 * shown
    assert fineness(found, there) > 0.1 * shown  # moved by parts of a pixel, waves so short fade
    assert fineness(found, there) > 10 * fineness(enlarged, there)


def test_a_dot_of_the_reference_lands_where_the_face_has_moved(
    tiny_renderer: Callable[..., Renderer], drawn_clip: Callable[..., AppearanceClip]
) -> None:
    """Flow at the renderer's size moves larger pictures by the same share of their side."""
    renderer = tiny_renderer(lively=False)
    crops = drawn_clip(np.array([0.2, 0.2]), 192).crops
    dotted = crops.pictures[:1].astype(np.float32)
    x, y = crops.points[0, len(MESH478.lips) + len(MESH478.jaw) // 2].round().astype(int)
    y -= 10  # on the chin
    cv2.circle(dotted[0], (int(x), int(y)), 2, (255, 255, 255), -1)
    reference = replace(crops.choose(np.array([0])), pictures=dotted)
    shift = np.float32([7, -4])
    target = crops.choose(np.array([0]))
    target = replace(
        target,
        **{name: getattr(target, name) + shift for name in ("points", "before", "after")},
        face_points=target.face_points + shift,
    )
    found = redrawn(renderer, target, reference)[0]
    bright = found.min(axis=2) > 190
    assert 3 < bright.sum() < 40
    rows, columns = np.nonzero(bright)
    assert abs(columns.mean() - (x + 7)) < 1.5
    assert abs(rows.mean() - (y - 4)) < 1.5


def test_references_close_in_time_are_avoided_if_others_are_as_near(
    trained: Renderer, drawn_clip: Callable[..., AppearanceClip]
) -> None:
    crops = drawn_clip(OPENINGS).crops
    target = crops.choose(np.array([4]))
    alike = crops.choose(np.array([4, 4, 4]))
    alike.pictures[0] //= 2  # so that it is seen which ones are taken
    timestamps = np.array([2.3, 0.5, 9.0])
    person = PersonReferences(trained, alike, timestamps, MESH478)
    others = redrawn(trained, target, alike.choose(np.array([1, 2])))
    for timestamp in (2.0, 2.6):
        np.testing.assert_array_equal(drawn_from(person, trained, target, timestamp), others)
    assert np.abs(drawn_from(person, trained, target, 0.6) - others).max() > 1


def test_a_matching_mouth_close_in_time_is_used(
    trained: Renderer, drawn_clip: Callable[..., AppearanceClip]
) -> None:
    """If all others are open, a closed mouth is drawn from the closed one."""
    crops = drawn_clip(OPENINGS).crops
    target, shown = crops.choose(np.array([0])), crops.choose(np.array([0, 1, 6, 7]))
    person = PersonReferences(trained, shown, np.array([1.0, 1.0, 5.0, 9.0]), MESH478)
    then, later = (drawn_from(person, trained, target, timestamp) for timestamp in (1.1, 20.0))
    np.testing.assert_array_equal(then, later)
