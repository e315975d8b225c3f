"""Warped features where nothing is learnt from them: rows of a table, added up by weights.

Sampling between pixels is a weighted sum of four rows of a table that has a row of channels for
every pixel, and so is the sum of many references. On a CPU that is several times faster than to
sample each reference, weigh it and add it, and it leaves channels last in memory, as convolutions
want them.
"""

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

# With fewer channels a row is too short to be worth its four numbers and weights.
_LEAST_CHANNELS = 8


def goes_by_rows(pictures: Tensor) -> bool:
    """Whether `row_sums` is the faster way to sample `pictures` (R, C, H, W), and may be taken."""
    wide = pictures.shape[1] >= _LEAST_CHANNELS
    return wide and pictures.device.type == "cpu" and not torch.is_grad_enabled()


def row_sums(pictures: Tensor, chosen: Tensor, flow: Tensor, share: Tensor | None) -> Tensor:
    """Sums of K pictures each, sampled between pixels; beyond a picture its edge goes on.

    Args:
        pictures: (R, C, H, W).
        chosen: integers that broadcast to (B, H, W, K): which of the R pictures.
        flow: (B, H, W, K, 2) offsets (x, y) from the place itself, in shares of the side.
        share: (B, H, W, K) factors of the pictures; None stands for ones.

    Returns:
        (B, C, H, W), channels last in memory.
    """
    height, width = pictures.shape[2:]
    flow = flow.float()
    x = flow[..., 0] * width + torch.arange(width, dtype=flow.dtype)[:, None]
    y = flow[..., 1] * height + torch.arange(height, dtype=flow.dtype)[:, None, None]
    left, right = _between(x, width)
    top, below = _between(y, height)
    first = (top * width + left).int() + (chosen * (height * width)).int()
    above = 1 - below if share is None else share - share * below
    below = below if share is None else share * below
    rows, weights = first.new_empty((*x.shape, 4)), x.new_empty((*x.shape, 4))
    corners = (
        (0, above, 1 - right),
        (1, above, right),
        (width, below, 1 - right),
        (width + 1, below, right),
    )
    for corner, (step, down, across) in enumerate(corners):
        torch.add(first, step, out=rows[..., corner])
        torch.mul(down, across, out=weights[..., corner])
    table = pictures.float().permute(0, 2, 3, 1).reshape(-1, pictures.shape[1])
    sums = embedding_bag(
        rows.flatten(-2).flatten(0, -2),
        table,
        per_sample_weights=weights.flatten(-2).flatten(0, -2),
        mode="sum",
    )
    maps: Tensor = sums.unflatten(0, flow.shape[:3])
    return maps.permute(0, 3, 1, 2)


def _between(place: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """The pixel before a place on an axis of `length` pixels, and how far on from it that is, 0..1.

    The last pixel is the end of what follows the one before it; places beyond the ends are there.
    """
    place = place.clamp_(0, length - 1)
    before = place.floor().clamp_(max=length - 2)
    return before, place - before
