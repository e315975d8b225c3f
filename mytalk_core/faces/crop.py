"""The crop transform from picture to face crop, and its inverse.

Boxes apply to square pixels, as landmarks do; `square_pixels.stored_boxes` converts them to stored
pixels.
"""

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from mytalk_core.faces.alignment import Pose

Picture = TypeVar("Picture", NDArray[np.uint8], NDArray[np.float32])

_SIZE_STEP = 48  # the windows of the renderer are sixths and eighths of a crop
_REACH = 2  # pixels per side under the kernel of cubic interpolation


@dataclass(frozen=True)
class CropConfig:
    """Geometry of the crop. Preprocessing and dubbing must use the same."""

    # Width and height of the crop in pixels.
    size: int = 192
    # Width and height in inter-ocular units: from the forehead to below an open jaw.
    extent: float = 2.4
    # Distance of the centre below the eyes, inter-ocular units.
    below_eyes: float = 0.5
    # Standard deviation of the Gaussian that smooths the transform over time, seconds.
    smoothing_seconds: float = 0.08


def crop_boxes(pose: Pose, config: CropConfig, fps: float) -> NDArray[np.float32]:
    """Compute crop transforms that follow the head, smoothed against landmark jitter.

    Args:
        pose: T frames, finite.
        fps: frames per second.

    Returns:
        (T, 3, 2): rows [x, y, 1] in the pixels of the pose @ box are crop pixels.
    """
    centre = pose.translation + pose.scale[:, None] * pose.rotation[:, :, 1] * config.below_eyes
    eye_axis = pose.rotation[:, :2, 0]
    roll = np.unwrap(np.arctan2(eye_axis[:, 1], eye_axis[:, 0]))
    path = np.column_stack([centre[:, :2], np.log(pose.scale), roll])
    path = gaussian_filter1d(path, config.smoothing_seconds * fps, axis=0, mode="nearest")
    gain = config.size / (config.extent * np.exp(path[:, 2]))
    cos, sin = gain * np.cos(path[:, 3]), gain * np.sin(path[:, 3])
    turn = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], axis=1)
    shift = config.size / 2 - np.einsum("td,tde->te", path[:, :2], turn)
    return np.concatenate([turn, shift[:, None]], axis=1).astype(np.float32)


def apply_box(points: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Map picture pixels (T, N, 2 or more) to crop pixels (T, N, 2)."""
    moved: NDArray[np.float32] = points[..., :2] @ boxes[:, :2] + boxes[:, 2:]
    return moved


def invert_box(box: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the (3, 2) transform from crop pixels to picture pixels."""
    turn = np.linalg.inv(box[:2].astype(np.float64))
    return np.concatenate([turn, -box[2:] @ turn]).astype(np.float32)


@dataclass(frozen=True)
class Region:
    """A rectangle of a frame: pixels left <= x < right, top <= y < bottom."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.bottom - self.top


def crop_size_for(
    inter_ocular: float, config: CropConfig, smallest: int = 192, largest: int = 960
) -> int:
    """Return the smallest crop width in pixels that does not shrink the face.

    Args:
        inter_ocular: distance of the outer eye corners in the film, pixels.
        smallest, largest: bounds, multiples of 48.

    Returns:
        A multiple of 48, so that the windows of the renderer are whole pixels.
    """
    wanted = int(np.ceil(inter_ocular * config.extent / _SIZE_STEP)) * _SIZE_STEP
    return min(max(wanted, smallest), largest)


def place(box: NDArray[np.float32], size: int, width: int, height: int) -> Region | None:
    """Return the region of a frame of width x height that a crop of `size` pixels reads.

    Its edges are even, for subsampled chroma, except at an odd last row or column of the frame.
    None where the crop is outside the frame.
    """
    corners = np.array([[-1, -1], [size, -1], [-1, size], [size, size]], np.float32)
    placed = apply_box(corners[None], invert_box(box)[None])[0]
    # Include the margin that interpolation reads.
    low = np.floor(placed.min(axis=0)).astype(int) - _REACH
    high = np.ceil(placed.max(axis=0)).astype(int) + _REACH + 1
    left, top = (max(int(edge) // 2 * 2, 0) for edge in low)
    right, bottom = (
        min(-(-int(edge) // 2) * 2, most) for edge, most in zip(high, (width, height), strict=True)
    )
    return Region(left, top, right, bottom) if left < right and top < bottom else None


def cut_crop(
    image: Picture, box: NDArray[np.float32], size: int, origin: tuple[int, int] = (0, 0)
) -> Picture:
    """Cut the (size, size, 3) face crop of a frame; edges are repeated outside the frame.

    Args:
        image: (H, W, 3) 0..255, a frame or its region from `place`.
        origin: (left, top) of the region in the frame.
    """
    shift = box[2] + np.array(origin, np.float32) @ box[:2]
    return _resampled(image, np.vstack([box[:2], shift]), size, size)


def _resampled(
    picture: Picture, transform: NDArray[np.float32], width: int, height: int
) -> Picture:
    """Warp a picture by `transform` (3, 2): cubic for enlargement, area averages for reduction."""
    gain = float(np.linalg.norm(transform[:2], axis=1).min())  # of the side reduced most
    # Cubic interpolation does not alias at reductions below a fifth.
    samples = max(1, int(np.ceil(0.8 / gain)))
    # The centre of a pixel is the centre of its samples: x_fine = samples * x + (samples-1)/2.
    fine = samples * transform
    fine[2] += (samples - 1) / 2
    cubic = samples == 1
    carried = cv2.warpAffine(
        picture,
        fine.T.astype(np.float64),
        (samples * width, samples * height),
        flags=cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if samples > 1:
        carried = cv2.resize(carried, (width, height), interpolation=cv2.INTER_AREA)
    # Cubic interpolation overshoots; OpenCV itself saturates integers only.
    if cubic and picture.dtype == np.float32:
        carried = np.clip(carried, 0, 255, out=carried)
    return carried.astype(picture.dtype, copy=False)
