"""The one crop transform of the project: source pixels to face crop, and its inverse beside it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from mytalk_core.faces.alignment import Pose


@dataclass(frozen=True)
class CropConfig:
    """Where the crop lies on the face. Preprocessing and dubbing must use the same."""

    # Width and height of the crop in pixels.
    size: int = 192
    # Width and height of what it shows, in inter-ocular units: forehead to below an open jaw.
    extent: float = 2.4
    # How far below the eyes its centre lies, in inter-ocular units.
    below_eyes: float = 0.5
    # Standard deviation, in seconds, of the Gaussian that smooths the transform over time.
    smoothing_seconds: float = 0.08


def crop_boxes(pose: Pose, config: CropConfig, fps: float) -> NDArray[np.float32]:
    """Crop transforms that follow the head without its landmarks' jitter.

    Args:
        pose: T frames at `fps` a second, finite.

    Returns:
        (T, 3, 2): rows [x, y, 1] in source pixels @ box are crop pixels.
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
    """Source pixels (T, N, 2 or more) to crop pixels (T, N, 2)."""
    moved: NDArray[np.float32] = points[..., :2] @ boxes[:, :2] + boxes[:, 2:]
    return moved


def invert_box(box: NDArray[np.float32]) -> NDArray[np.float32]:
    """The (3, 2) transform from crop pixels back to source pixels."""
    turn = np.linalg.inv(box[:2].astype(np.float64))
    return np.concatenate([turn, -box[2:] @ turn]).astype(np.float32)


def cut_crop(image: NDArray[np.uint8], box: NDArray[np.float32], size: int) -> NDArray[np.uint8]:
    """The (size, size, 3) face crop of a frame; what lies outside the frame repeats its edge."""
    gain = float(np.linalg.norm(box[0]))
    shrink = int(1 / gain)
    if shrink >= 2:
        # Averaging first keeps fine detail of large faces from turning into noise.
        height, width = image.shape[:2]
        small = (max(width // shrink, 1), max(height // shrink, 1))
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        ratio = np.array([width / small[0], height / small[1]], np.float32)
        # Pixel centres: x = (x_small + 0.5) * ratio - 0.5.
        offset = (ratio - 1) / 2
        box = np.concatenate([ratio[:, None] * box[:2], box[2:] + offset @ box[:2]])
    crop = cv2.warpAffine(
        image,
        box.T.astype(np.float64),
        (size, size),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return crop.astype(np.uint8, copy=False)
