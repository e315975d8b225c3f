"""The one crop transform of the project: picture to face crop, and its inverse beside it.

Boxes follow landmarks, and so take square pixels; `stored_boxes` makes them take stored ones.
"""

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from mytalk_core.faces.alignment import Pose

Picture = TypeVar("Picture", NDArray[np.uint8], NDArray[np.float32])

_SIZE_STEP = 48  # the renderer's windows are sixths and eighths of a crop
_REACH = 2  # pixels on either side that cubic interpolation looks at


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
    """Pixels of the picture (T, N, 2 or more) to crop pixels (T, N, 2)."""
    moved: NDArray[np.float32] = points[..., :2] @ boxes[:, :2] + boxes[:, 2:]
    return moved


def invert_box(box: NDArray[np.float32]) -> NDArray[np.float32]:
    """The (3, 2) transform from crop pixels back to the picture."""
    turn = np.linalg.inv(box[:2].astype(np.float64))
    return np.concatenate([turn, -box[2:] @ turn]).astype(np.float32)


@dataclass(frozen=True)
class Region:
    """A rectangle of a film's frame: pixels left <= x < right, top <= y < bottom."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """In pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """In pixels."""
        return self.bottom - self.top


def crop_size_for(
    inter_ocular: float, config: CropConfig, smallest: int = 192, largest: int = 960
) -> int:
    """Width of the crop, pixels, that shows a face as large as the film does, or a little larger.

    Args:
        inter_ocular: distance of the outer eye corners in the film, pixels.
        smallest, largest: bounds, multiples of 48.

    Returns:
        A multiple of 48, so that the windows which the renderer cuts out of it are whole pixels.
    """
    wanted = int(np.ceil(inter_ocular * config.extent / _SIZE_STEP)) * _SIZE_STEP
    return min(max(wanted, smallest), largest)


def place(box: NDArray[np.float32], size: int, width: int, height: int) -> Region | None:
    """The part of a film's frame, width x height pixels, that a crop of `size` pixels is cut from.

    Its edges are even, as films with halved chroma want them, but for a film's own last odd row or
    column. None where the crop lies outside the frame.
    """
    return region_around(np.array([[-1, -1], [size, size]], np.float32), box, width, height)


def region_around(
    crop_points: NDArray[np.float32], box: NDArray[np.float32], width: int, height: int
) -> Region | None:
    """As `place`, of the upright rectangle in the crop that holds `crop_points` (N, 2)."""
    (x_low, y_low), (x_high, y_high) = crop_points.min(axis=0), crop_points.max(axis=0)
    corners = [[x_low, y_low], [x_high, y_low], [x_low, y_high], [x_high, y_high]]
    placed = apply_box(np.array([corners], np.float32), invert_box(box)[None])[0]
    # What interpolation reaches for beyond the outermost pixel.
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
    """The (size, size, 3) face crop of a frame; what lies outside the frame repeats its edge.

    Args:
        image: (H, W, 3) 0..255, a frame, or the region of it that `place` gives.
        origin: (left, top), where the region lies in the frame.
    """
    shift = box[2] + np.array(origin, np.float32) @ box[:2]
    return _resampled(image, np.vstack([box[:2], shift]), size, size)


def put_back(
    crop: NDArray[np.float32], box: NDArray[np.float32], region: Region
) -> NDArray[np.float32]:
    """What a crop shows of a region of the film: `cut_crop` undone.

    Args:
        crop: (S, S, 3) a picture, 0..255, or (S, S) shares 0..1, which stay between 0 and 1.
    """
    inverse = invert_box(box)
    shift = inverse[2] - np.array([region.left, region.top], np.float32)
    return _resampled(crop, np.vstack([inverse[:2], shift]), region.width, region.height)


def _resampled(
    picture: Picture, transform: NDArray[np.float32], width: int, height: int
) -> Picture:
    """The picture carried by `transform` (3, 2): cubic where enlarged, averaged where shrunk."""
    gain = float(np.linalg.norm(transform[:2], axis=1).min())  # of the side that is shrunk most
    # Shrunk by less than a fifth, cubic interpolation leaves nothing to average away.
    samples = max(1, int(np.ceil(0.8 / gain)))
    # Pixel centres: a pixel's middle is that of its samples, x_fine = samples * x + (samples-1)/2.
    fine = samples * transform
    fine[2] += (samples - 1) / 2
    # Shares are smooth and must not overshoot.
    cubic = samples == 1 and picture.ndim == 3
    carried = cv2.warpAffine(
        picture,
        fine.T.astype(np.float64),
        (samples * width, samples * height),
        flags=cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if samples > 1:
        carried = cv2.resize(carried, (width, height), interpolation=cv2.INTER_AREA)
    # Cubic interpolation overshoots; whole numbers are cut off by OpenCV itself.
    if cubic and picture.dtype == np.float32:
        carried = np.clip(carried, 0, 255, out=carried)
    return carried.astype(picture.dtype, copy=False)
