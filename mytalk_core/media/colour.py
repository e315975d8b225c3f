"""Between a film's YUV and our RGB, both ways with the same matrix, so that colours do not shift.

Numbers of tags are those of ITU-T H.273 (2 is "unspecified"), as bitstreams and containers carry
them; FFmpeg and PyAV use the same.
"""

from dataclasses import dataclass
from typing import Final

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

UNSPECIFIED: Final = 2
_MATRIX_RGB: Final = 0
_BT709: Final = 1
_BT601: Final = 5

# Range tags of FFmpeg: 0 unknown, 1 limited (16..235), 2 full (0..255).
LIMITED: Final = 1
FULL_RANGE: Final = 2

# Matrix tags to the matrices that the scaler has; BT.601 under its two names, BT.2020 likewise.
_SCALER_MATRIX: Final = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}

# Weights of red and blue in luma by the scaler's matrix (ITU-T H.273, table 4).
_LUMA_WEIGHTS: Final = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}

# Without full chroma and exact rounding the scaler darkens a picture by one level each way.
ACCURATE: Final = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)
# Some twentieth of the time: 1.6 ms in place of 34 for 1080x1920.
_QUICK: Final = Interpolation.BICUBIC


@dataclass(frozen=True)
class ColourTags:
    """What a video stream says of its colours; the defaults say nothing."""

    matrix: int = UNSPECIFIED
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    range: int = 0


UNTAGGED: Final = ColourTags()


def tags_of(frame: av.VideoFrame) -> ColourTags:
    """The tags that a decoded frame carries."""
    return ColourTags(
        matrix=int(frame.colorspace),
        primaries=int(frame.color_primaries),
        transfer=int(frame.color_trc),
        range=int(frame.color_range),
    )


def scaler_matrix(tags: ColourTags, width: int, height: int) -> int:
    """The scaler's matrix for the tags; untagged footage is BT.709 from HD on, else BT.601."""
    # Rotated footage must take the same branch as upright footage, hence the sorted sides.
    short, long = sorted((width, height))
    default = _BT709 if long >= 1280 or short > 576 else _BT601
    return _SCALER_MATRIX.get(tags.matrix, default)


def luma_weights(tags: ColourTags, width: int, height: int) -> tuple[float, float]:
    """Weights of red and blue in luma (ITU-T H.273, table 4), by the matrix that `to_rgb` uses."""
    return _LUMA_WEIGHTS[scaler_matrix(tags, width, height)]


def to_rgb(frame: av.VideoFrame, scaler: VideoReformatter, exact: bool = True) -> NDArray[np.uint8]:
    """The frame as uint8 (H, W, 3) RGB in storage orientation. `scaler` is kept by the caller.

    If it need not be exact it is quick: a level darker, and colours end at whole chroma samples.
    """
    tags = tags_of(frame)
    converted = scaler.reformat(
        frame,
        format="rgb24",
        src_colorspace=scaler_matrix(tags, frame.width, frame.height),
        src_color_range=tags.range or LIMITED,
        dst_color_range=FULL_RANGE,
        interpolation=ACCURATE if exact else _QUICK,
        threads=1,
    )
    return converted.to_ndarray().astype(np.uint8, copy=False)


class ToYuv:
    """The inverse of `to_rgb`: pictures to frames of one kind (8-bit, "yuv420p" or "yuv444p")."""

    def __init__(self, tags: ColourTags, pixel_format: str) -> None:
        self._tags = tags_for_yuv(tags)
        self._pixel_format = pixel_format
        self._scaler = VideoReformatter()
        self._rounder = VideoReformatter()

    def __call__(self, image: NDArray[np.uint8]) -> av.VideoFrame:
        """uint8 (H, W, 3) RGB as a frame that carries the tags."""
        height, width = image.shape[:2]
        matrix = scaler_matrix(self._tags, width, height)
        target_range = self._tags.range or LIMITED
        full = target_range == FULL_RANGE
        frame = self._scaler.reformat(
            av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24"),
            # To the full range the scaler rounds colours down, half a level on average. From 14
            # bits, where that is nothing, to 8 it rounds to the nearest.
            format=f"{self._pixel_format}14le" if full else self._pixel_format,
            dst_colorspace=matrix,
            src_color_range=FULL_RANGE,
            dst_color_range=target_range,
            interpolation=ACCURATE,
            threads=1,
        )
        if full:
            frame = self._rounder.reformat(
                frame,
                format=self._pixel_format,
                src_colorspace=matrix,
                dst_colorspace=matrix,
                src_color_range=target_range,
                dst_color_range=target_range,
                interpolation=ACCURATE,
                threads=1,
            )
        frame.colorspace = self._tags.matrix
        frame.color_primaries = self._tags.primaries
        frame.color_trc = self._tags.transfer
        frame.color_range = self._tags.range
        return frame


def tags_for_yuv(tags: ColourTags) -> ColourTags:
    """The tags to write on a YUV film made from footage with `tags` (which may be RGB)."""
    if tags.matrix != _MATRIX_RGB:
        return tags
    return ColourTags(UNSPECIFIED, tags.primaries, tags.transfer, LIMITED)
