"""Which frames a report shows, and its pictures as data URIs."""

import base64
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

_FRAME_WIDTH = 640  # pixels at most
_CLOSE_UP_SIZE = 280  # pixels, width and height
_JPEG_QUALITY = 88
# A close-up is this much wider than the lips, so that chin and nose base are in it.
_MOUTH_MARGIN = 1.9


@dataclass(frozen=True)
class MouthBox:
    """A square around a mouth, in pixels of the frame; it may reach beyond the frame's edges."""

    left: int
    top: int
    size: int


@dataclass(frozen=True)
class FramePair:
    """One frame before and after, as shown in a report."""

    time: Fraction  # seconds from the film's first frame
    source: NDArray[np.uint8]  # (H, W, 3) RGB
    dubbed: NDArray[np.uint8]  # (H, W, 3) RGB
    mouth: MouthBox | None  # what the close-up shows; none where the frame has no face


def mouth_box(lips: NDArray[np.float32]) -> MouthBox:
    """The close-up around lip points (N, 2 or more) in pixels of the frame."""
    low, high = lips[:, :2].min(axis=0), lips[:, :2].max(axis=0)
    size = max(int(np.ceil((high - low).max() * _MOUTH_MARGIN)), 1)
    left, top = np.rint((low + high - size) / 2).astype(int)
    return MouthBox(int(left), int(top), size)


def telling_frames(
    asked: NDArray[np.float64], source: NDArray[np.float64], count: int
) -> tuple[int, ...]:
    """Frames that show best what a dub changes: in each stretch of the film, the largest change.

    Two of them are at least half a stretch apart: neighbours across a boundary show the same.

    Args:
        asked: (T,) mouth opening of the dub, inter-ocular units; NaN where there is no face.
        source: (T,) mouth opening of the source, the same.
        count: stretches of equal length into which the film is cut.

    Returns:
        At most `count` frame numbers, rising; none of a stretch without a face.
    """
    change = np.abs(asked - source)
    frames: list[int] = []
    for stretch in np.array_split(np.arange(len(change)), count):
        apart = stretch >= frames[-1] + len(stretch) / 2 if frames else stretch >= 0
        candidates = stretch[np.isfinite(change[stretch]) & apart]
        if len(candidates):
            frames.append(int(candidates[np.argmax(change[candidates])]))
    return tuple(frames)


def frame_picture(image: NDArray[np.uint8], pixel_aspect: Fraction) -> str:
    """A frame (H, W, 3) RGB at reading size, with square pixels, as a data URI."""
    height, width = image.shape[0], image.shape[1] * float(pixel_aspect)
    scale = min(_FRAME_WIDTH / width, 1.0)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return _jpeg(_resized(image, size))


def close_up(image: NDArray[np.uint8], box: MouthBox) -> str:
    """The part of a frame (H, W, 3) RGB in `box` as a data URI; its edge repeats outside it."""
    rows = np.clip(np.arange(box.top, box.top + box.size), 0, image.shape[0] - 1)
    columns = np.clip(np.arange(box.left, box.left + box.size), 0, image.shape[1] - 1)
    return _jpeg(_resized(image[np.ix_(rows, columns)], (_CLOSE_UP_SIZE, _CLOSE_UP_SIZE)))


def _resized(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    shrinking = size[0] < image.shape[1]
    way = cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC
    return cv2.resize(image, size, interpolation=way).astype(np.uint8, copy=False)


def _jpeg(image: NDArray[np.uint8]) -> str:
    bgr = np.ascontiguousarray(image[..., ::-1])
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")
