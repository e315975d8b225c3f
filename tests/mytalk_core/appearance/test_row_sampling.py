"""Fast paths without gradients equal torch's own operations."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import grid_sample, group_norm

from mytalk_core.appearance.layers import MapNorm, warp
from mytalk_core.appearance.renderer import gathered
from mytalk_core.appearance.row_sampling import goes_by_rows, row_sums

SIDE = 12


def sampled(picture: Tensor, flow: Tensor) -> Tensor:
    """Sample (C, H, W) at each position plus a flow (H, W, 2) with torch's own sampler."""
    axis = (torch.arange(SIDE) + 0.5) / SIDE
    place = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1) + flow
    grid = (2 * place - 1)[None]
    return grid_sample(picture[None], grid, padding_mode="border", align_corners=False)[0]


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 4), st.floats(0, 1.5))
def test_row_sums_equal_sampling_and_weighting(
    seed: int, frames: int, count: int, reach: float
) -> None:
    """Includes flows that leave the picture."""
    random = torch.Generator().manual_seed(seed)
    pictures = torch.randn(5, 9, SIDE, SIDE, generator=random)
    chosen = torch.randint(5, (frames, 1, 1, count), generator=random)
    flow = reach * torch.randn(frames, SIDE, SIDE, count, 2, generator=random)
    share = torch.rand(frames, SIDE, SIDE, count, generator=random)
    found = row_sums(pictures, chosen, flow, share)
    assert found.is_contiguous(memory_format=torch.channels_last)
    for frame in range(frames):
        wanted = sum(
            sampled(pictures[int(chosen[frame, 0, 0, one])], flow[frame, :, :, one])
            * share[frame, :, :, one]
            for one in range(count)
        )
        torch.testing.assert_close(found[frame], wanted, atol=1e-4, rtol=1e-4)


def test_without_shares_all_weights_are_one() -> None:
    pictures = torch.randn(2, 8, SIDE, SIDE)
    flow = 0.2 * torch.randn(1, SIDE, SIDE, 2, 2)
    chosen = torch.tensor([0, 1])[None, None, None]
    ones = torch.ones(1, SIDE, SIDE, 2)
    assert torch.equal(
        row_sums(pictures, chosen, flow, None), row_sums(pictures, chosen, flow, ones)
    )


@pytest.mark.parametrize(("people", "frames", "count"), [(1, 1, 1), (1, 3, 4), (2, 3, 2)])
def test_results_are_equal_with_and_without_gradients(people: int, frames: int, count: int) -> None:
    """Warped and gathered features hardly change without gradients."""
    torch.manual_seed(0)
    pictures = torch.randn(people * count, 16, SIDE, SIDE)
    flow = 0.1 * torch.randn(people * frames, count, 2, SIDE, SIDE)
    share = torch.rand(people * frames, count, 1, SIDE, SIDE)
    by_reference = flow.unflatten(0, (people, frames)).transpose(1, 2).flatten(0, 2)
    assert not goes_by_rows(pictures)
    slow = warp(pictures, by_reference), gathered(pictures, flow, share)
    with torch.inference_mode():
        assert goes_by_rows(pictures)
        assert not goes_by_rows(pictures[:, :3])
        quick = warp(pictures, by_reference), gathered(pictures, flow, share)
    torch.testing.assert_close(quick, slow, atol=1e-5, rtol=1e-4)


@settings(max_examples=30)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(16, 8), (96, 12), (96, 40), (128, 8)]),
    st.floats(-3, 3),
    st.floats(0.1, 10),
)
def test_the_fast_norm_equals_torchs(
    seed: int, shape: tuple[int, int], mean: float, spread: float
) -> None:
    channels, side = shape
    random = torch.Generator().manual_seed(seed)
    x = mean + spread * torch.randn(2, channels, side, side, generator=random)
    x = x.contiguous(memory_format=torch.channels_last)
    norm = MapNorm(8, channels)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    wanted = group_norm(x, 8, norm.weight, norm.bias, norm.eps)
    torch.testing.assert_close(norm(x), wanted)
    with torch.inference_mode():
        torch.testing.assert_close(norm(x), wanted, atol=0.002, rtol=0.001)
