"""Which frames a report shows, and its pictures as data URIs."""

import base64
from collections import deque
from fractions import Fraction
from typing import Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from mytalk_core.dubbing.other_tracks import PictureBox, box_around
from mytalk_core.dubbing.title_report.values import FramePair

T = TypeVar("T")

_FRAME_WIDTH = 640  # pixels at most
CLOSE_UP_SIZE = 280  # pixels, width and height
_JPEG_QUALITY = 88
# A close-up is this much wider than the lips, so that chin and nose base are in it.
_MOUTH_MARGIN = 1.9


def frame_pair(
    time: Fraction, source: NDArray[np.uint8], dubbed: NDArray[np.uint8], lips: NDArray[np.float32]
) -> FramePair:
    """The pictures of a frame before and after.

    Args:
        time: seconds from the film's first frame.
        source, dubbed: (H, W, 3) RGB, square pixels.
        lips: (N, 2 or more) lip points, pixels of the frame.
    """
    box = mouth_box(lips)
    return FramePair(
        time,
        frame_picture(source),
        frame_picture(dubbed),
        close_up(source, box),
        close_up(dubbed, box),
    )


def mouth_box(lips: NDArray[np.float32]) -> PictureBox:
    """The close-up around lip points (N, 2 or more) in pixels of the frame."""
    return box_around(lips, _MOUTH_MARGIN)


class TellingFrames(Generic[T]):
    """Selects the frames of a film with the largest changes, while its frames pass.

    One of each stretch of the film, at least half a stretch apart: neighbours across a boundary
    show the same.
    """

    def __init__(self, total: int, count: int) -> None:
        """Args: frames of the film; stretches of equal length into which it is cut."""
        lengths = [len(stretch) for stretch in np.array_split(np.arange(total), count)]
        self._lengths = deque(lengths)  # of the stretches that are not over
        self._end = lengths[0]  # of the first of them
        self._from = 0  # the first frame that may be the next one kept
        self._best: tuple[int, float, T] | None = None  # of this stretch: frame, change, what it is
        self._kept: list[T] = []

    def offer(self, frame: int, change: float, what: T) -> None:
        """Add the next frame of the film; `change` is NaN where no face was drawn."""
        while self._lengths and frame >= self._end:
            self._next_stretch()
        larger = self._best is None or change > self._best[1]
        if frame >= self._from and np.isfinite(change) and larger:
            self._best = (frame, change, what)

    def finish(self) -> tuple[T, ...]:
        """The selected frames, at most one of each stretch, in order."""
        while self._lengths:
            self._next_stretch()
        return tuple(self._kept)

    def _next_stretch(self) -> None:
        self._lengths.popleft()
        following = self._lengths[0] if self._lengths else 0
        self._end += following
        if self._best is not None:
            frame, _, what = self._best
            self._kept.append(what)
            self._from = frame + (following + 1) // 2
        self._best = None


def frame_picture(image: NDArray[np.uint8]) -> str:
    """A frame (H, W, 3) RGB at reading size as a data URI."""
    height, width = image.shape[:2]
    scale = min(_FRAME_WIDTH / width, 1.0)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return _jpeg(_resized(image, size))


def close_up(image: NDArray[np.uint8], box: PictureBox, size: int = CLOSE_UP_SIZE) -> str:
    """The part of a frame (H, W, 3) RGB in `box` as a data URI; its edge repeats outside it.

    Args:
        size: width and height of the picture, pixels.
    """
    rows = np.clip(np.arange(box.top, box.top + box.size), 0, image.shape[0] - 1)
    columns = np.clip(np.arange(box.left, box.left + box.size), 0, image.shape[1] - 1)
    return _jpeg(_resized(image[np.ix_(rows, columns)], (size, size)))


def _resized(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    shrinking = size[0] < image.shape[1]
    way = cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC
    return cv2.resize(image, size, interpolation=way).astype(np.uint8, copy=False)


def _jpeg(image: NDArray[np.uint8]) -> str:
    bgr = np.ascontiguousarray(image[..., ::-1])
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")
