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
    rows, weights = _corners(x.clamp_(0, width - 1), y.clamp_(0, height - 1), height, width)
    rows += (chosen * (height * width)).int()[..., None]
    if share is not None:
        weights *= share[..., None]
    table = pictures.float().permute(0, 2, 3, 1).reshape(-1, pictures.shape[1])
    sums = embedding_bag(
        rows.flatten(-2).flatten(0, -2),
        table,
        per_sample_weights=weights.flatten(-2).flatten(0, -2),
        mode="sum",
    )
    maps: Tensor = sums.unflatten(0, flow.shape[:3])
    return maps.permute(0, 3, 1, 2)


def _corners(x: Tensor, y: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """The four pixels around places in pictures, (.., 4) row numbers, and their weights."""
    left, top = x.floor(), y.floor()
    right, below = x - left, y - top
    rows = torch.empty((*x.shape, 4), dtype=torch.int32)
    first = (top * width + left).int()
    # At the far edge the neighbour has no weight and may be the pixel itself.
    across, down = (left < width - 1).int(), (top < height - 1).int() * width
    rows[..., 0] = first
    rows[..., 1] = first + across
    rows[..., 2] = first + down
    rows[..., 3] = first + across + down
    weights = x.new_empty((*x.shape, 4))
    weights[..., 0] = (1 - below) * (1 - right)
    weights[..., 1] = (1 - below) * right
    weights[..., 2] = below * (1 - right)
    weights[..., 3] = below * right
    return rows, weights
