"""Properties of the renderer that hold before and after training."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from mytalk_core.appearance.clip import AppearanceClip
from mytalk_core.appearance.face_crops import CropTensors, crop_tensors
from mytalk_core.appearance.renderer import (
    SIZES,
    References,
    Renderer,
    Rendering,
    gathered,
    joined_references,
    skin_colour,
    upsampled,
)
from mytalk_core.faces.landmark_scheme import MESH478

OPENINGS = np.linspace(0.0, 0.4, 8)


@pytest.fixture(scope="module")
def trained(tiny_renderer: Callable[..., Renderer]) -> Renderer:
    return tiny_renderer()


@pytest.fixture(scope="module")
def crops(drawn_clip: Callable[..., AppearanceClip]) -> CropTensors:
    return crop_tensors(drawn_clip(OPENINGS).crops, MESH478, 64)


def some(crops: CropTensors, frames: list[int]) -> CropTensors:
    return CropTensors(*(part[frames] for part in crops.parts()))


def encoded(renderer: Renderer, crops: CropTensors, frames: list[int]) -> References:
    return renderer.encode_references(some(crops, frames).as_batch())


@torch.inference_mode()
def render(renderer: Renderer, crops: CropTensors, frame: int, references: list[int]) -> Rendering:
    rendering: Rendering = renderer(some(crops, [frame]), encoded(renderer, crops, references))
    return rendering


def test_a_new_renderer_copies_its_reference(
    tiny_renderer: Callable[..., Renderer], crops: CropTensors
) -> None:
    """The reference is the target frame itself, so the copy is the truth."""
    rendering = render(tiny_renderer(lively=False), crops, 3, [3])
    assert (rendering.picture - crops.pictures[3:4]).abs().max() < 0.02
    torch.testing.assert_close(rendering.picture, rendering.warped)


def test_a_new_renderer_opens_a_closed_mouth_by_warping(
    tiny_renderer: Callable[..., Renderer], crops: CropTensors
) -> None:
    """The result is nearer to the truth than its reference, a neighbouring mouth."""
    rendering = render(tiny_renderer(lively=False), crops, 4, [2])
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


def noise_under(masks: Tensor, pictures: Tensor) -> Tensor:
    """Fill the masks of the pictures with noise."""
    covered = (masks > 0).expand_as(pictures)
    random = torch.Generator().manual_seed(0)
    noisy = pictures.clone()
    noisy[covered] = torch.rand(int(covered.sum()), generator=random)
    return noisy


def test_the_original_mouth_has_no_effect(trained: Renderer, crops: CropTensors) -> None:
    """Noise under the masks of window and context gives a bit-identical picture."""
    noisy = replace(
        crops,
        pictures=noise_under(crops.masks, crops.pictures),
        contexts=noise_under(crops.context_masks, crops.contexts),
    )
    assert not torch.equal(noisy.pictures[1], crops.pictures[1])
    assert not torch.equal(noisy.contexts[1], crops.contexts[1])
    with torch.inference_mode():
        references = encoded(trained, crops, [0, 4, 7])
        one, other = (trained(some(each, [1]), references) for each in (crops, noisy))
    assert torch.equal(one.picture, other.picture)
    assert torch.equal(one.warped, other.warped)


def test_every_other_input_has_an_effect(trained: Renderer, crops: CropTensors) -> None:
    """A control for the test that the original mouth has no effect."""
    target, other = some(crops, [1]), some(crops, [6])
    shifted = {
        "drawings": other.drawings,
        "lips": other.lips,
        "jaw": other.jaw,
        "anchors": target.anchors + 0.05,
        "pictures": target.pictures.flip(-1),
        "contexts": target.contexts.flip(-1),
    }
    with torch.inference_mode():
        references = encoded(trained, crops, [0, 4, 7])
        usual = trained(target, references).picture
        inside = (target.masks > 0).expand_as(usual)
        for name, part in shifted.items():
            changed = trained(replace(target, **{name: part}), references).picture
            assert (changed - usual)[inside].abs().max() > 1e-3, name


def test_target_landmarks_change_the_mouth(trained: Renderer, crops: CropTensors) -> None:
    shut, wide = some(crops, [1]), some(crops, [6])
    moved = replace(shut, drawings=wide.drawings, lips=wide.lips, jaw=wide.jaw)
    with torch.inference_mode():
        references = encoded(trained, crops, [0, 4, 7])
        one, other = trained(shut, references), trained(moved, references)
    assert (one.picture - other.picture).abs().max() > 0.05


@pytest.mark.parametrize("count", range(1, 9))
def test_any_number_of_references_in_any_order(
    trained: Renderer, crops: CropTensors, count: int
) -> None:
    frames = [5, 0, 7, 2, 6, 3, 1, 4][:count]
    with torch.inference_mode():
        drawings = [
            trained.draw(some(crops, [1]), encoded(trained, crops, order))
            for order in (frames, frames[::-1])
        ]
    one, other = drawings
    assert one.flow.shape == (1, count, 2, 32, 32)
    assert one.share.shape == (1, count, 1, 32, 32)
    assert one.residual.shape == (1, 3, 64, 64)
    assert one.share.min() >= 0
    torch.testing.assert_close(one.share.sum(dim=1), torch.ones(1, 1, 32, 32))
    torch.testing.assert_close(other.flow.flip(1), one.flow)
    torch.testing.assert_close(other.share.flip(1), one.share)
    torch.testing.assert_close(other.residual, one.residual, atol=1e-5, rtol=1e-4)
    pictures = [render(trained, crops, 1, order).picture for order in (frames, frames[::-1])]
    torch.testing.assert_close(*pictures, atol=1e-5, rtol=1e-4)


def test_repeated_references_have_no_effect(trained: Renderer, crops: CropTensors) -> None:
    """If all references are repeated, shares are halved and the sum is unchanged."""
    once, twice = (render(trained, crops, 1, [0, 4] * times).picture for times in (1, 2))
    torch.testing.assert_close(once, twice, atol=1e-5, rtol=1e-4)


def test_a_frame_does_not_depend_on_its_batch(trained: Renderer, crops: CropTensors) -> None:
    with torch.inference_mode():
        references = encoded(trained, crops, [0, 4, 7]).repeat(3)
        batch = trained(some(crops, [1, 2, 6]), references)
    for place, frame in enumerate([1, 2, 6]):
        alone = render(trained, crops, frame, [0, 4, 7])
        torch.testing.assert_close(
            batch.picture[place : place + 1], alone.picture, atol=1e-4, rtol=1e-4
        )


def test_every_person_is_drawn_from_their_own_references(
    trained: Renderer, crops: CropTensors
) -> None:
    """Two people with two consecutive frames each."""
    sets = [[0, 4, 7], [5, 2, 1]]
    shown = CropTensors(*(torch.stack([part[each] for each in sets]) for part in crops.parts()))
    with torch.inference_mode():
        both = trained(some(crops, [1, 2, 3, 6]), trained.encode_references(shown).repeat(2))
    for place, (frame, owner) in enumerate(zip([1, 2, 3, 6], [0, 0, 1, 1], strict=True)):
        alone = render(trained, crops, frame, sets[owner])
        torch.testing.assert_close(
            both.picture[place : place + 1], alone.picture, atol=1e-4, rtol=1e-4
        )


def test_shared_and_repeated_references_are_equal(trained: Renderer, crops: CropTensors) -> None:
    """Two people with two frames each give equal results with and without copied references."""
    sets = [[0, 4, 7], [5, 2, 1]]
    shown = CropTensors(*(torch.stack([part[each] for each in sets]) for part in crops.parts()))
    with torch.inference_mode():
        known = trained.encode_references(shown)
        target = some(crops, [1, 2, 3, 6])
        one, other = trained(target, known), trained(target, known.repeat(2))
    torch.testing.assert_close(one.picture, other.picture, atol=1e-4, rtol=1e-4)


def test_positions_stay_precise_in_half_precision(trained: Renderer, crops: CropTensors) -> None:
    """Half precision resolves positions to about 1/256 of a picture, pixels of a large crop."""
    with torch.inference_mode():
        whole = trained.draw(some(crops, [1]), encoded(trained, crops, [0, 4]))
        with torch.autocast("cpu", torch.bfloat16):
            half = trained.draw(some(crops, [1]), encoded(trained, crops, [0, 4]))
    assert half.flow.dtype == half.share.dtype == torch.float32
    assert (half.flow - whole.flow).abs().max() < 2e-3
    assert (half.residual - whole.residual).abs().max() < 0.1


def lit(crops: CropTensors, gain: float, offset: float) -> CropTensors:
    return replace(
        crops,
        pictures=crops.pictures * gain + offset,
        contexts=crops.contexts * gain + offset,
    )


def test_complexion_is_relative(trained: Renderer, crops: CropTensors) -> None:
    """A darker frame gets a mouth as dark, regardless of the references' light."""
    usual = render(trained, crops, 1, [0, 4, 7])
    with torch.inference_mode():
        for darker in (crops, lit(crops, 1, -0.1)):
            dark = trained(some(lit(crops, 1, -0.2), [1]), encoded(trained, darker, [0, 4, 7]))
            wanted = usual.picture - 0.2
            torch.testing.assert_close(dark.picture, wanted, atol=1e-4, rtol=1e-4)


def test_a_dimmer_light_dims_the_mouth_too(
    tiny_renderer: Callable[..., Renderer], trained: Renderer, crops: CropTensors
) -> None:
    """Exact for copied pixels; the residual depends on the contrast."""
    for renderer, tolerance in ((tiny_renderer(lively=False), 0.005), (trained, 0.05)):
        usual, dim = (
            render(renderer, lit(crops, gain, 0), 1, [0, 4, 7]).picture for gain in (1, 0.8)
        )
        assert (dim - 0.8 * usual).abs().mean() < tolerance
        assert (dim - 0.8 * usual).abs().mean() < 0.5 * (dim - usual).abs().mean()


def test_skin_colour_is_the_mean_over_the_skin() -> None:
    picture = torch.rand(2, 3, 8, 8)
    skin = torch.zeros(2, 1, 8, 8)
    skin[:, :, 2:4, 1:5] = 1
    wanted = picture[:, :, 2:4, 1:5].mean(dim=(2, 3), keepdim=True)
    torch.testing.assert_close(skin_colour(picture, skin), wanted)
    assert skin_colour(picture, torch.zeros_like(skin)).abs().max() == 0  # no visible skin


def test_references_are_gathered_by_their_shares() -> None:
    pictures = torch.stack([torch.full((1, 8, 8), float(value)) for value in (1, 2, 5, 7)])
    flow = torch.zeros(2, 2, 2, 4, 4)
    share = torch.tensor([[0.25, 0.75], [1.0, 0.0]]).reshape(2, 2, 1, 1, 1).expand(2, 2, 1, 4, 4)
    found = gathered(pictures, flow, share)
    assert found.shape == (2, 1, 8, 8)
    torch.testing.assert_close(found[0], torch.full((1, 8, 8), 1.75))
    torch.testing.assert_close(found[1], torch.full((1, 8, 8), 5.0))
    assert upsampled(flow, 16).shape == (2, 2, 2, 16, 16)
    torch.testing.assert_close(upsampled(share, 16).sum(dim=1), torch.ones(2, 1, 16, 16))


@pytest.mark.parametrize("name", sorted(SIZES))
def test_every_configured_size_is_consistent(name: str) -> None:
    """Checked on the meta device, without the computation of a network of 512 pixels."""
    config = SIZES[name]
    size, small = config.size, config.size * 3 // 4
    points = len(MESH478.moving)
    with FakeTensorMode():
        renderer = Renderer(config)

        def shown(*lead: int) -> CropTensors:
            return CropTensors(
                torch.rand(*lead, 3, size, size),
                torch.rand(*lead, 1, size, size),
                torch.rand(*lead, 9, size, size),
                torch.rand(*lead, points - 2, 2),
                torch.rand(*lead, 2, 2),
                torch.rand(*lead, 10, 2),
                torch.rand(*lead, 3, small, small),
                torch.rand(*lead, 1, small, small),
                torch.rand(*lead, 1, small, small),
            )

        rendering = renderer(shown(2), renderer.encode_references(shown(1, 3)).repeat(2))
    assert rendering.picture.shape == rendering.warped.shape == (2, 3, size, size)


def test_a_frame_is_drawn_from_the_nearest_references(
    trained: Renderer, crops: CropTensors
) -> None:
    """Each frame is matched by its target landmarks only, regardless of the face's position."""
    with torch.inference_mode():
        known = encoded(trained, crops, [7, 2, 0, 5, 3]).points[0]
    moved = some(crops, [1, 4, 6])
    away = replace(moved, lips=moved.lips + 0.1, jaw=moved.jaw + 0.1, anchors=moved.anchors + 0.1)
    for frames in (moved, away):
        chosen = trained.most_alike(frames, known)
        assert chosen.shape == (3, trained.config.looked_at)
        assert [{*each} for each in chosen.tolist()] == [{1, 2}, {3, 4}, {0, 3}]
    noisy = replace(moved, pictures=noise_under(moved.masks, moved.pictures))
    assert torch.equal(trained.most_alike(noisy, known), trained.most_alike(moved, known))


def test_each_frame_is_drawn_from_its_own_choice_only(
    trained: Renderer, crops: CropTensors
) -> None:
    frames = [1, 4, 6]
    with torch.inference_mode():
        choices = ([2, 0], [5, 3], [7, 5])
        known = joined_references([encoded(trained, crops, [n]) for c in choices for n in c], 3)
        together = trained(some(crops, frames), known).picture
        for number, alone in enumerate(choices):
            one = trained(some(crops, frames[number : number + 1]), encoded(trained, crops, alone))
            torch.testing.assert_close(
                together[number : number + 1], one.picture, atol=2e-4, rtol=1e-3
            )
