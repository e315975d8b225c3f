"""The renderer's promises that hold before any training, and must hold after it."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mytalk_core.appearance.face_crops import CropTensors, crop_tensors
from mytalk_core.appearance.renderer import SIZES, References, Renderer, Rendering, warp
from mytalk_core.appearance.training import AppearanceClip
from mytalk_core.faces.landmark_scheme import MESH478

OPENINGS = np.linspace(0.0, 0.4, 8)


def made(lively: bool) -> Renderer:
    """A tiny renderer; a lively one's every weight matters, as after training."""
    torch.manual_seed(0)
    renderer = Renderer(SIZES["tiny"])
    if lively:
        with torch.no_grad():
            for layer in (renderer.head, renderer.coarse_flow[-1], renderer.fine_flow[-1]):
                nn.init.normal_(layer.get_parameter("weight"), std=0.05)
    return renderer.eval()


@pytest.fixture(scope="module")
def trained() -> Renderer:
    return made(lively=True)


@pytest.fixture(scope="module")
def crops(drawn_clip: Callable[..., AppearanceClip]) -> CropTensors:
    return crop_tensors(drawn_clip(OPENINGS).crops, MESH478)


def some(crops: CropTensors, frames: list[int]) -> CropTensors:
    return CropTensors(*(part[frames] for part in crops.parts()))


def encoded(renderer: Renderer, crops: CropTensors, frames: list[int]) -> References:
    return renderer.encode_references(*(part[None] for part in some(crops, frames).parts()))


@torch.inference_mode()
def render(renderer: Renderer, crops: CropTensors, frame: int, references: list[int]) -> Rendering:
    target = some(crops, [frame])
    rendering: Rendering = renderer(*target.parts(), encoded(renderer, crops, references))
    return rendering


def changed(crops: CropTensors, picture: Tensor) -> CropTensors:
    return CropTensors(picture, *crops.parts()[1:])


def test_a_new_renderer_copies_its_reference(crops: CropTensors) -> None:
    """The reference is the very frame asked for, so what it copies is the answer."""
    rendering = render(made(lively=False), crops, 3, [3])
    truth = crops.pictures[3:4]
    assert (rendering.picture - truth).abs().max() < 0.02
    torch.testing.assert_close(rendering.picture, rendering.warped)


def test_a_new_renderer_opens_a_shut_mouth_by_warping(crops: CropTensors) -> None:
    """With a neighbouring mouth for a reference the answer is nearer to the truth than it."""
    rendering = render(made(lively=False), crops, 4, [2])
    truth = crops.pictures[4:5]
    lips = torch.nn.functional.max_pool2d(crops.drawings[4:5, :2].amax(1, True), 9, 1, 4) > 0
    unwarped = (crops.pictures[2:3] - truth).abs() * lips
    assert ((rendering.picture - truth).abs() * lips).sum() < 0.6 * unwarped.sum()


def test_outside_the_mask_pixels_are_the_frames_own(trained: Renderer, crops: CropTensors) -> None:
    rendering = render(trained, crops, 1, [0, 4, 7])
    outside = (crops.masks[1:2] == 0).expand(-1, 3, -1, -1)
    for picture in (rendering.picture, rendering.warped):
        assert torch.equal(picture[outside], crops.pictures[1:2][outside])
    inside = ~outside
    assert not torch.allclose(rendering.picture[inside], crops.pictures[1:2][inside], atol=0.05)


def test_the_original_mouth_is_not_looked_at(trained: Renderer, crops: CropTensors) -> None:
    """Noise under the mask of the frame gives the same picture, bit for bit."""
    pictures = crops.pictures.clone()
    hidden = (crops.masks > 0).expand_as(pictures)
    pictures[hidden] = torch.rand(int(hidden.sum()), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        references = encoded(trained, crops, [0, 4, 7])
        target = some(crops, [1])
        one = trained(*target.parts(), references)
        other = trained(*some(changed(crops, pictures), [1]).parts(), references)
    assert not torch.equal(pictures[1], crops.pictures[1])
    assert torch.equal(one.picture, other.picture)
    assert torch.equal(one.warped, other.warped)


def test_what_is_asked_for_changes_the_mouth(trained: Renderer, crops: CropTensors) -> None:
    shut, wide = some(crops, [1]), some(crops, [6])
    asked = CropTensors(shut.pictures, wide.drawings, wide.points, shut.masks, shut.skins)
    with torch.inference_mode():
        references = encoded(trained, crops, [0, 4, 7])
        one, other = trained(*shut.parts(), references), trained(*asked.parts(), references)
    assert (one.picture - other.picture).abs().max() > 0.05


def test_the_order_of_references_does_not_matter(trained: Renderer, crops: CropTensors) -> None:
    one = render(trained, crops, 1, [0, 4, 7])
    other = render(trained, crops, 1, [7, 0, 4])
    torch.testing.assert_close(one.picture, other.picture, atol=1e-4, rtol=1e-4)


def test_a_frame_is_the_same_alone_and_in_a_batch(trained: Renderer, crops: CropTensors) -> None:
    with torch.inference_mode():
        references = encoded(trained, crops, [0, 4, 7]).repeat(3)
        batch = trained(*some(crops, [1, 2, 6]).parts(), references)
    for place, frame in enumerate([1, 2, 6]):
        alone = render(trained, crops, frame, [0, 4, 7])
        torch.testing.assert_close(
            batch.picture[place : place + 1], alone.picture, atol=1e-4, rtol=1e-4
        )


def test_complexion_is_relative(trained: Renderer, crops: CropTensors) -> None:
    """A darker frame with references of before gets a mouth of its own darkness."""
    with torch.inference_mode():
        references = encoded(trained, crops, [0, 4, 7])
        usual = trained(*some(crops, [1]).parts(), references)
        dark = trained(*some(changed(crops, crops.pictures - 0.2), [1]).parts(), references)
    torch.testing.assert_close(dark.picture, usual.picture - 0.2, atol=1e-4, rtol=1e-4)


def test_flow_points_to_where_pixels_come_from() -> None:
    picture = torch.zeros(1, 1, 16, 16)
    picture[0, 0, 5, 9] = 1
    flow = torch.zeros(1, 2, 16, 16)
    flow[:, 0] = 4 / 16  # x
    flow[:, 1] = -2 / 16  # y
    moved = warp(picture, flow)
    assert moved[0, 0, 7, 5] == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(warp(picture, torch.zeros_like(flow)), picture)
