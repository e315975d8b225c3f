"""Pictures of a report: JPEG files of frames and mouths, and their data URIs."""

import base64
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

_FRAME_WIDTH = 640  # pixels at most
_CLOSE_UP_SIZE = 280  # pixels, width and height
_JPEG_QUALITY = 88
# A close-up is this much wider than the lips, so that chin and nose base are in it.
_MOUTH_MARGIN = 1.9


@dataclass(frozen=True)
class _Box:
    """A square in pixels of a frame; it may reach beyond the frame's edges."""

    left: int
    top: int
    size: int


@dataclass(frozen=True)
class FramePictures:
    """JPEG files of one frame before and after."""

    source: Path
    dubbed: Path
    mouth_source: Path  # close-ups of the mouth
    mouth_dubbed: Path


def write_frame_pictures(
    folder: Path,
    source: NDArray[np.uint8],
    dubbed: NDArray[np.uint8],
    lips: NDArray[np.float32],
) -> FramePictures:
    """Write the pictures of a frame before and after.

    Args:
        folder: for the files.
        source, dubbed: (H, W, 3) RGB, square pixels.
        lips: (N, 2 or more) lip points, pixels of the frame.
    """
    box = _box_around(lips)

    def written(name: str, jpeg: bytes) -> Path:
        path = folder / f"{name}.jpg"
        path.write_bytes(jpeg)
        return path

    return FramePictures(
        written("source", _frame(source)),
        written("dubbed", _frame(dubbed)),
        written("mouth-source", _close_up(source, box)),
        written("mouth-dubbed", _close_up(dubbed, box)),
    )


def data_uri(jpeg: bytes) -> str:
    """A JPEG picture as a data URI."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def jpeg(image: NDArray[np.uint8]) -> bytes:
    """Encode a picture (H, W, 3) RGB."""
    bgr = np.ascontiguousarray(image[..., ::-1])
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return data.tobytes()


def _box_around(points: NDArray[np.float32]) -> _Box:
    """A square around points (N, 2 or more), pixels, wider than they are."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    size = max(int(np.ceil((high - low).max() * _MOUTH_MARGIN)), 1)
    left, top = np.rint((low + high - size) / 2).astype(int)
    return _Box(int(left), int(top), size)


def _frame(image: NDArray[np.uint8]) -> bytes:
    """A frame (H, W, 3) RGB at reading size."""
    height, width = image.shape[:2]
    scale = min(_FRAME_WIDTH / width, 1.0)
    return jpeg(_resized(image, (max(round(width * scale), 1), max(round(height * scale), 1))))


def _close_up(image: NDArray[np.uint8], box: _Box) -> bytes:
    """The part of a frame (H, W, 3) RGB in `box`; its edge repeats outside it."""
    rows = np.clip(np.arange(box.top, box.top + box.size), 0, image.shape[0] - 1)
    columns = np.clip(np.arange(box.left, box.left + box.size), 0, image.shape[1] - 1)
    return jpeg(_resized(image[np.ix_(rows, columns)], (_CLOSE_UP_SIZE, _CLOSE_UP_SIZE)))


def _resized(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    shrinking = size[0] < image.shape[1]
    way = cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC
    return cv2.resize(image, size, interpolation=way).astype(np.uint8, copy=False)
