"""Metrics of a dubbed picture against the true one. Pictures are (H, W, 3) uint8 RGB."""

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_PEAK = 255.0


def mouth_region(points: NDArray[np.float32], size: tuple[int, int], margin: float = 0.25) -> Mask:
    """Return the region of mouth metrics, a box around the lips, (H, W).

    Args:
        points: (L, 2 or more) lip points of the true frame in pixels.
        size: (H, W) pixels.
        margin: growth of the lips' bounding box on each side, as a share of its own width (left
            and right) or height (above and below).
    """
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    grow = margin * (high - low)
    left, top = np.maximum(np.floor(low - grow), 0).astype(int)
    right, bottom = np.maximum(np.ceil(high + grow), 0).astype(int) + 1
    region = np.zeros(size, bool)
    region[top:bottom, left:right] = True
    return region


def psnr(dubbed: Picture, true: Picture, region: Mask | None = None) -> float:
    """Return the peak signal-to-noise ratio in dB over `region` (not empty) or the whole picture.

    10 log10(255^2 / mean squared error over pixels and channels); infinite for equal pictures.
    """
    difference = dubbed.astype(np.float64) - true
    if region is not None:
        difference = difference[region]
    error = float((difference**2).mean())
    return float(10 * np.log10(_PEAK**2 / error)) if error > 0 else float("inf")


def ssim(dubbed: Picture, true: Picture, region: Mask | None = None) -> float:
    """Return the mean structural similarity over `region` or the whole picture, at most 1.

    Wang et al., "Image quality assessment: from error visibility to structural similarity",
    IEEE TIP 2004: Gaussian window, sigma 1.5; mean over channels. Pictures are at least 11 pixels
    wide and high.
    """
    if region is not None:  # pixels beyond the window's reach have no effect
        around = _surroundings(region)
        dubbed, true, region = dubbed[around], true[around], region[around]
    _, local = structural_similarity(  # type: ignore[no-untyped-call]
        dubbed,
        true,
        channel_axis=-1,
        data_range=_PEAK,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    return float(local[region].mean() if region is not None else local.mean())


def _surroundings(region: Mask) -> tuple[slice, slice]:
    """Return the box of a region, enlarged by more than the reach of the window of `ssim`."""
    reach = 10  # pixels; the window reaches 5, and needs 11 pixels of picture
    rows, columns = (np.flatnonzero(region.any(axis=axis)) for axis in (1, 0))
    return (
        slice(max(int(rows[0]) - reach, 0), int(rows[-1]) + reach + 1),
        slice(max(int(columns[0]) - reach, 0), int(columns[-1]) + reach + 1),
    )


def outside_change(dubbed: Picture, source: Picture, mask: Mask) -> int:
    """Return the largest change of any channel outside `mask` (H, W), 0..255; 0 before encoding."""
    change = np.abs(dubbed.astype(np.int16) - source)[~mask]
    return int(change.max(initial=0))
