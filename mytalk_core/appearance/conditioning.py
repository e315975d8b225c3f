"""Inputs of the renderer: drawn landmarks, mask, skin, and the flow that landmarks imply.

Pictures are crops or parts of them. Points are in pixels of their picture; whole numbers are the
centres of pixels.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.faces.landmark_scheme import LandmarkScheme

_SUBPIXEL_BITS = 4  # OpenCV draws at 1/16 pixel
# Weight of a difference in head rotation relative to one of the mouth. Frames close in time share
# their rotation: a larger weight selects more of them, which leaks the original mouth.
_TURN = 0.2


def drawing_channels(scheme: LandmarkScheme) -> tuple[tuple[tuple[int, ...], bool], ...]:
    """Return the contours drawn, one channel each: positions in `scheme.moving`, and if closed."""
    outer = len(scheme.outer_lips)
    lips = len(scheme.lips)
    return (
        (tuple(range(outer)), True),
        (tuple(range(outer, lips)), True),
        (tuple(range(lips, len(scheme.moving))), False),
    )


def draw_landmarks(
    points: NDArray[np.float32], size: int, scheme: LandmarkScheme
) -> NDArray[np.uint8]:
    """Draw landmarks as white lines on black: outer lips, inner lips and jaw.

    Args:
        points: (M, 2) the scheme's moving points, pixels of a picture of `size`.

    Returns:
        (3, size, size), 0 or up to 255 with anti-aliased edges.
    """
    drawing = np.zeros((3, size, size), np.uint8)
    fixed = np.round(points * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    for channel, (members, closed) in enumerate(drawing_channels(scheme)):
        cv2.polylines(
            drawing[channel],
            [fixed[list(members)]],
            isClosed=closed,
            color=255,
            thickness=max(1, round(size / 128)),
            lineType=cv2.LINE_AA,
            shift=_SUBPIXEL_BITS,
        )
    return drawing


@dataclass(frozen=True)
class Outlines:
    """Regions of a person's resting face, in aligned inter-ocular units."""

    mask: NDArray[np.float32]  # (O, 3) closed outline of the redrawn region
    face: NDArray[np.float32]  # (Q, 3) points whose hull is the upper face


def face_outlines(
    resting_shape: NDArray[np.float32], config: MaskConfig, scheme: LandmarkScheme
) -> Outlines:
    """Return the regions of a resting face (P, 3)."""
    upper_face = [*scheme.rigid, *scheme.pose_context, *scheme.cheeks]
    return Outlines(_mask_outline(resting_shape, config, scheme), resting_shape[upper_face])


def _mask_outline(
    resting_shape: NDArray[np.float32], config: MaskConfig, scheme: LandmarkScheme
) -> NDArray[np.float32]:
    """Return the outline along the widened jaw, then back over the cheeks and under the nose."""
    jaw = resting_shape[list(scheme.jaw)].copy()
    across = np.abs(jaw[:, 0]) / np.abs(jaw[:, 0]).max()
    jaw[:, 0] += np.sign(jaw[:, 0]) * config.side_margin * across
    jaw[:, 1] += config.chin_margin * (1 - across**2)
    nose = resting_shape[scheme.nose_base] + np.array([0, config.nose_gap, 0], np.float32)
    mouth = resting_shape[list(scheme.mouth_corners)].mean(axis=0)
    first, last = jaw[0].copy(), jaw[-1].copy()
    for corner in (first, last):
        corner[1] = min(corner[1], config.cheek_drop * mouth[1])
    upper = np.stack([last, (last + nose) / 2, nose, (first + nose) / 2, first])
    return np.concatenate([jaw, upper]).astype(np.float32)


def fill_regions(
    mask_outline: NDArray[np.float32], face_points: NDArray[np.float32], size: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Fill the mask and the unmasked skin of a picture, each (size, size), 0 or 1.

    Args:
        mask_outline, face_points: of `Outlines`, posed, (., 2) pixels.
    """
    mask = filled(mask_outline, (size, size))
    face = np.zeros((size, size), np.uint8)
    hull = cv2.convexHull(np.round(face_points * (1 << _SUBPIXEL_BITS)).astype(np.int32))
    cv2.fillPoly(face, [hull], color=[1], shift=_SUBPIXEL_BITS)
    return mask, face & (1 - mask)


def filled(outline: NDArray[np.floating], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Fill a closed outline (O, 2), pixels, in a picture of `shape` (H, W): 0 or 1."""
    region = np.zeros(shape, np.uint8)
    fixed = np.round(outline * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillPoly(region, [fixed], color=[1], shift=_SUBPIXEL_BITS)
    return region


def landmark_flow(target: Tensor, reference: Tensor, grid_size: int, reach: float) -> Tensor:
    """Interpolate the offsets of landmarks between target and reference to a dense flow.

    Every point moves its surroundings with a Gaussian weight; far from all points the flow is zero.
    The Gaussian is separable, so the sums over points are two matrix products.

    Args:
        target: (.., M, 2) points in shares of the picture's side, 0..1.
        reference: (.., M, 2) the same points of the reference; leading dimensions broadcast.
        grid_size: G.
        reach: standard deviation of the Gaussian, a share of the side.

    Returns:
        (.., 2, G, G) offsets (x, y) in shares of the side, to add to a target position.
    """
    axis = (torch.arange(grid_size, device=target.device, dtype=target.dtype) + 0.5) / grid_size
    squared = (target.transpose(-1, -2)[..., None, :] - axis[:, None]).square()
    across, down = torch.exp(-squared / (2 * reach**2)).unbind(dim=-3)  # (.., G, M) each
    offsets = (reference - target).transpose(-1, -2)[..., None, :]  # (.., 2, 1, M)
    # Half precision cannot resolve positions to a pixel.
    with torch.autocast(target.device.type, enabled=False):
        pull = (down[..., None, :, :] * offsets) @ across[..., None, :, :].transpose(-1, -2)
        weight = down @ across.transpose(-1, -2)
    return pull / (weight[..., None, :, :] + 0.05)


def landmark_distance(
    lips: Tensor, anchors: Tensor, known_lips: Tensor, known_anchors: Tensor
) -> Tensor:
    """Return the distance of faces by mouth shape and head rotation.

    It is the mean distance of the lips after an affine fit of the anchors (to first order the
    effect of rotating a flat face), plus a fifth of the mean distance of the anchors without the
    fit. The position of a face in its picture has no effect.

    Args:
        lips: (B, L, 2), any unit; anchors: (B, Q, 2) points of the upper face.
        known_lips: (K, L, 2); known_anchors: (K, Q, 2), in the same unit.

    Returns:
        (B, K) in that unit.
    """
    middle, known_middle = (each.mean(dim=1, keepdim=True) for each in (anchors, known_anchors))
    upper, known_upper = anchors - middle, known_anchors - known_middle
    # Half precision is too coarse for the fit and its residual.
    with torch.autocast(lips.device.type, enabled=False):
        affine = torch.einsum("bcq,kqd->bkcd", torch.linalg.pinv(upper), known_upper)
        mapped = torch.einsum("blc,bkcd->bkld", lips - middle, affine)
    mouth = _mean_distance(mapped, known_lips - known_middle)
    return mouth + _TURN * _mean_distance(upper[:, None], known_upper)


def _mean_distance(points: Tensor, others: Tensor) -> Tensor:
    """Return mean distances of points (B, 1 or K, P, 2) from others (K, P, 2), (B, K)."""
    # Separate coordinates: a norm over pairs takes three times as long.
    x, y = (points[..., axis] - others[..., axis] for axis in (0, 1))
    mean: Tensor = x.square_().add_(y.square_()).sqrt_().mean(dim=-1)
    return mean
