"""What the renderer is told: drawn landmarks, the mask, the skin, and the warp landmarks imply.

Pictures are crops or parts of them; points are in pixels of the picture at hand, whole numbers in
the middles of pixels.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mytalk_core.faces.landmark_scheme import LandmarkScheme

_SUBPIXEL_BITS = 4  # OpenCV draws at 1/16 pixel
# What a difference in how the head is turned counts beside one of the mouth. Frames of one moment
# have their turn in common: the more it counts, the more is drawn from the frame's own moment, and
# so from the original's mouth.
_TURN = 0.2


@dataclass(frozen=True)
class MaskConfig:
    """The part of the face that is drawn anew, in inter-ocular units.

    It covers everything that speech moves, at its widest, whatever this frame's mouth does: a mask
    that followed the jaw would tell the renderer how far the original mouth was open.
    """

    # How far the mask reaches beyond the resting jaw line at the sides.
    side_margin: float = 0.02
    # How far it reaches below the resting chin: an open jaw.
    chin_margin: float = 0.24
    # How far below the nose it begins.
    nose_gap: float = 0.03
    # How far down from eye height to the mouth corners the mask's upper edge lies at the cheeks.
    cheek_drop: float = 0.25


def drawing_channels(scheme: LandmarkScheme) -> tuple[tuple[tuple[int, ...], bool], ...]:
    """The contours drawn, one channel each: positions in `scheme.moving`, and whether closed."""
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
    """Landmarks as pictures: outer lips, inner lips and jaw, points joined, white on black.

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
    """Regions of one person's resting face, as closed outlines in aligned inter-ocular units."""

    mask: NDArray[np.float32]  # (O, 3) what is drawn anew
    face: NDArray[np.float32]  # (Q, 3) the upper face, in any order; its hull counts


def face_outlines(
    resting_shape: NDArray[np.float32], config: MaskConfig, scheme: LandmarkScheme
) -> Outlines:
    """The regions of a person's resting face (P, 3), in aligned inter-ocular units."""
    upper_face = [*scheme.rigid, *scheme.pose_context, *scheme.cheeks]
    return Outlines(_mask_outline(resting_shape, config, scheme), resting_shape[upper_face])


def _mask_outline(
    resting_shape: NDArray[np.float32], config: MaskConfig, scheme: LandmarkScheme
) -> NDArray[np.float32]:
    """Along the jaw, widened, then back over the cheeks and under the nose."""
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
    """Mask and unmasked skin of a picture, each (size, size), 0 or 1.

    Args:
        mask_outline, face_points: of `Outlines`, posed, (., 2) pixels.
    """
    mask, face = (np.zeros((size, size), np.uint8) for _ in range(2))
    unit = 1 << _SUBPIXEL_BITS
    outline = np.round(mask_outline * unit).astype(np.int32)
    cv2.fillPoly(mask, [outline], color=[1], shift=_SUBPIXEL_BITS)
    hull = cv2.convexHull(np.round(face_points * unit).astype(np.int32))
    cv2.fillPoly(face, [hull], color=[1], shift=_SUBPIXEL_BITS)
    return mask, face & (1 - mask)


def landmark_flow(target: Tensor, reference: Tensor, grid_size: int, reach: float) -> Tensor:
    """Where each place of the target is found in a reference, as far as landmarks know.

    Every point pulls its surroundings along with a Gaussian weight; far from all points the flow
    fades to zero. A Gaussian of the distance is one across times one down, so that the sums over
    points are two matrix products.

    Args:
        target: (.., M, 2) points in shares of the picture's side, 0..1.
        reference: (.., M, 2) the same points of the reference; leading dimensions broadcast.
        grid_size: G.
        reach: standard deviation of the Gaussian, a share of the side.

    Returns:
        (.., 2, G, G) offsets (x, y) in shares of the side, to add to a target place.
    """
    axis = (torch.arange(grid_size, device=target.device, dtype=target.dtype) + 0.5) / grid_size
    squared = (target.transpose(-1, -2)[..., None, :] - axis[:, None]).square()
    across, down = torch.exp(-squared / (2 * reach**2)).unbind(dim=-3)  # (.., G, M) each
    offsets = (reference - target).transpose(-1, -2)[..., None, :]  # (.., 2, 1, M)
    # In half precision places would be coarser than pixels.
    with torch.autocast(target.device.type, enabled=False):
        pull = (down[..., None, :, :] * offsets) @ across[..., None, :, :].transpose(-1, -2)
        weight = down @ across.transpose(-1, -2)
    return pull / (weight[..., None, :, :] + 0.05)


def landmark_distance(
    lips: Tensor, anchors: Tensor, known_lips: Tensor, known_anchors: Tensor
) -> Tensor:
    """How unlike faces look by their landmarks: the mouth's shape, and how the head is turned.

    The shape is that of the lips once the faces' anchors lie on each other as well as an affine map
    can make them, which to first order is how a flat face looks turned otherwise. Counted is the
    mean distance of the lips then, and a fifth of that of the anchors without it. Where a face
    stands in its picture does not count.

    Args:
        lips: (B, L, 2), any unit; anchors: (B, Q, 2) points of the upper face.
        known_lips: (K, L, 2); known_anchors: (K, Q, 2), in the same unit.

    Returns:
        (B, K) in that unit.
    """
    middle, known_middle = (each.mean(dim=1, keepdim=True) for each in (anchors, known_anchors))
    upper, known_upper = anchors - middle, known_anchors - known_middle
    # In half precision neither the fit nor what it leaves would be exact enough.
    with torch.autocast(lips.device.type, enabled=False):
        turned = torch.einsum("bcq,kqd->bkcd", torch.linalg.pinv(upper), known_upper)
        there = torch.einsum("blc,bkcd->bkld", lips - middle, turned)
    mouth = _mean_distance(there, known_lips - known_middle)
    return mouth + _TURN * _mean_distance(upper[:, None], known_upper)


def _mean_distance(points: Tensor, others: Tensor) -> Tensor:
    """Of points (B, 1 or K, P, 2) from others (K, P, 2), (B, K)."""
    # Coordinates apart: a norm over pairs takes three times as long.
    x, y = (points[..., axis] - others[..., axis] for axis in (0, 1))
    mean: Tensor = x.square_().add_(y.square_()).sqrt_().mean(dim=-1)
    return mean
