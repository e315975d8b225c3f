"""Warping, resizing and the fast layers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mytalk_core.appearance.layers import Enlarging, MapNorm, resized, silent_conv, warp


def test_flow_points_to_the_source_of_pixels() -> None:
    picture = torch.zeros(1, 1, 16, 16)
    picture[0, 0, 5, 9] = 1
    flow = torch.zeros(1, 2, 16, 16)
    flow[:, 0] = 4 / 16  # x
    flow[:, 1] = -2 / 16  # y
    moved = warp(picture, flow)
    assert moved[0, 0, 7, 5] == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(warp(picture, torch.zeros_like(flow)), picture)


@given(st.integers(0, 2**32 - 1), st.sampled_from([4, 8, 16]))
def test_a_flow_has_the_same_effect_at_any_size(seed: int, factor: int) -> None:
    """Offsets are shares of the side, independent of resolution."""
    random = np.random.default_rng(seed)
    x, y = random.uniform(-0.2, 0.2, 2)
    slope = torch.linspace(0, 1, 8 * factor).repeat(8 * factor, 1)  # brighter to the right
    flow = torch.tensor([x, y], dtype=torch.float32).reshape(1, 2, 1, 1)
    moved = warp(slope[None, None], flow.expand(1, 2, 8 * factor, 8 * factor))
    inside = slice(3 * factor, 5 * factor)
    change = (moved[0, 0] - slope)[inside, inside]
    wanted = x * 8 * factor / (8 * factor - 1)
    torch.testing.assert_close(change, torch.full_like(change, wanted), atol=1e-4, rtol=0)


def test_outside_a_picture_its_edge_is_extended() -> None:
    picture = torch.arange(4.0).repeat(4, 1)[None, None]
    moved = warp(picture, torch.full((1, 2, 4, 4), 2.0))
    assert torch.equal(moved, torch.full_like(moved, 3.0))


@pytest.mark.parametrize("side", [4, 8, 16, 20])
def test_resizing_preserves_a_slope(side: int) -> None:
    """Values stay at their share of the side when the picture shrinks or grows."""
    places = (torch.arange(16) + 0.5) / 16
    slope = places.repeat(16, 1)[None, None]
    found = resized(slope, side)[0, 0]
    assert found.shape == (side, side)
    wanted = ((torch.arange(side) + 0.5) / side).repeat(side, 1)
    inner = slice(side // 8 + 1, -(side // 8) - 1)
    torch.testing.assert_close(found[:, inner], wanted[:, inner], atol=0.01, rtol=0)


def test_shrinking_averages() -> None:
    fine = torch.tensor([0.0, 1.0]).repeat(8, 4)[None, None]
    torch.testing.assert_close(resized(fine, 4), torch.full((1, 1, 4, 4), 0.5))


def test_a_silent_layer_has_zero_output_and_nonzero_gradient() -> None:
    layer = silent_conv(3, 2)
    said = layer(torch.rand(1, 3, 8, 8))
    assert said.abs().max() == 0
    said.sum().backward()
    assert layer.weight.grad is not None and layer.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("side", [12, 16, 24])
@pytest.mark.parametrize("value", [0.0, 3.7, 37.7, 123.4])
def test_the_norm_of_a_flat_map_is_flat(side: int, value: float) -> None:
    """Black frames occur; rounding noise must neither be amplified nor give NaN."""
    norm = MapNorm(8, 24)
    with torch.inference_mode():
        normed = norm(torch.full((1, 24, side, side), value))
    assert normed.abs().max() < 0.1


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.sampled_from([(2, 3), (5, 4), (8, 8)]))
def test_enlarged_convolution_is_equal_with_and_without_gradients(
    seed: int, batch: int, shape: tuple[int, int]
) -> None:
    """2x2 kernels give the result of 3x3 kernels on enlarged pixels."""
    torch.manual_seed(seed)
    height, width = shape
    enlarging = Enlarging(12, 10, 16)
    coarse = torch.randn(batch, 12, height, width)
    fine = torch.randn(batch, 10, 2 * height, 2 * width)
    slow = enlarging(coarse, fine)
    assert slow.shape == (batch, 16, 2 * height, 2 * width)
    with torch.inference_mode():
        torch.testing.assert_close(enlarging(coarse, fine), slow, atol=1e-4, rtol=1e-4)
