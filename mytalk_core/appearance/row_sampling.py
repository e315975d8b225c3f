"""Fast warping of features without gradients, as weighted sums of table rows.

Bilinear sampling is a weighted sum of four rows of a table with one row of channels per pixel, and
so is a sum over many references. On a CPU this is several times faster than to sample, weight and
add each reference, and the result has channels last in memory, which convolutions are fastest with.
"""

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

# With fewer channels the cost of indices and weights exceeds the gain.
_LEAST_CHANNELS = 8


def goes_by_rows(pictures: Tensor) -> bool:
    """Return whether `row_sums` is applicable to `pictures` (R, C, H, W) and faster."""
    wide = pictures.shape[1] >= _LEAST_CHANNELS
    return wide and pictures.device.type == "cpu" and not torch.is_grad_enabled()


def row_sums(pictures: Tensor, chosen: Tensor, flow: Tensor, share: Tensor | None) -> Tensor:
    """Sum K bilinearly sampled pictures at every position; edges are extended.

    Args:
        pictures: (R, C, H, W).
        chosen: indices of the R pictures that broadcast to (B, H, W, K).
        flow: (B, H, W, K, 2) offsets (x, y) from the position itself, in shares of the side.
        share: (B, H, W, K) factors of the pictures; None means ones.

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
    """Return the pixel below a position on an axis of `length` pixels and the fraction above it.

    Positions are clamped to the axis; the last pixel has fraction 1 above its predecessor.
    """
    place = place.clamp_(0, length - 1)
    before = place.floor().clamp_(max=length - 2)
    return before, place - before
