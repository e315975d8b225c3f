"""Convert decoded frames of any format to upright planes of one layout; most need no conversion."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.colour import (
    ACCURATE,
    FULL_RANGE,
    LIMITED,
    UNSPECIFIED,
    ColourTags,
    scaler_matrix,
    tags_for_yuv,
    tags_of,
)
from mytalk_core.media.orientation import Orientation, orientation_of
from mytalk_core.media.planes import PlaneLayout, Planes, Samples, plane_samples

# Formats whose first three planes are those of `Planes`; a fourth holds alpha.
_PLANAR: Final = re.compile(r"yuv[aj]?4(20|22|44)p(10le|12le)?")

# FFmpeg's names of codecs that site chroma between luma columns instead of on the left one. Other
# codecs may signal it in a tag, which PyAV does not expose.
_CHROMA_AMID: Final = {"mpeg1video", "mjpeg", "h261", "h263", "flv", "theora"}


class PlaneReader:
    """Convert the frames of one film to planes.

    Planar YUV of 8, 10 and 12 bits is not converted: the planes are views of the decoder's memory,
    or upright copies for rotated and mirrored footage. Other formats are converted once to the
    nearest that holds them: RGB to 4:4:4, grey to full-range 4:2:0 with the same luma, more than
    12 bits to 12; alpha is dropped. 4:2:2 rotated by a quarter turn becomes 4:4:4, as does a size
    that is no multiple of the chroma step unless `even` is set.
    """

    def __init__(self, path: Path, codec: str, even: bool = False) -> None:
        """Create the reader of one film.

        Args:
            path: the film, for errors.
            codec: FFmpeg's name of the decoder.
            even: repeat the last column or row where the size is no multiple of the chroma step;
                see `missing_pixels`.
        """
        self._path = path
        self._codec = codec
        self._even = even
        self._scaler = VideoReformatter()
        self._stored: PlaneLayout | None = None

    def __call__(self, frame: av.VideoFrame) -> Planes:
        """Return the frame's planes.

        Raises:
            BadInputError: DECODE_ERROR where rows are stored bottom-up.
        """
        if self._stored is None:
            self._stored = _stored_layout(frame, self._codec, self._even)
        layout, tags, orientation = self._stored, planar_tags(frame), orientation_of(frame)
        planar = _PLANAR.fullmatch(frame.format.name) and _plain_name(frame) == layout.name
        if not planar:
            frame = self._converted(frame, tags, layout)
        if any(plane.line_size < 0 for plane in frame.planes):
            raise BadInputError(
                "its rows are stored bottom-up, which is not supported.",
                reason=Reason.DECODE_ERROR,
                where=str(self._path),
                remedy="Convert the film losslessly to H.264 or ProRes.",
            )
        stored = [plane_samples(plane, layout) for plane in frame.planes[:3]]
        stored[0] = extended(stored[0], *missing_pixels(frame, self._even))
        y, u, v = (_upright(samples, orientation) for samples in stored)
        return Planes(y, u, v, displayed_layout(layout, orientation), tags)

    def _converted(
        self, frame: av.VideoFrame, tags: ColourTags, layout: PlaneLayout
    ) -> av.VideoFrame:
        matrix = scaler_matrix(tags, frame.width, frame.height)
        to_range = tags.range or LIMITED
        return self._scaler.reformat(
            frame,
            format=layout.name,
            src_colorspace=matrix,
            dst_colorspace=matrix,
            src_color_range=FULL_RANGE if _is_rgb(frame) else to_range,
            dst_color_range=to_range,
            interpolation=ACCURATE,
            threads=1,
        )


def upright_layout(frame: av.VideoFrame, codec: str, even: bool = False) -> PlaneLayout:
    """Return the layout that a `PlaneReader` produces for a film with this first frame."""
    return displayed_layout(_stored_layout(frame, codec, even), orientation_of(frame))


def missing_pixels(frame: av.VideoFrame, even: bool = True) -> tuple[int, int]:
    """Return the columns and rows, 0 or 1, by which to extend a stored picture to whole steps."""
    step_x, step_y = _steps(frame, even)
    return -frame.width % step_x, -frame.height % step_y


def extended(picture: NDArray[Any], columns: int, rows: int) -> NDArray[Any]:
    """Return a picture (H, W, ...) with its last column and row repeated, itself if not needed."""
    if not columns and not rows:
        return picture
    others = [(0, 0)] * (picture.ndim - 2)
    return np.pad(picture, [(0, rows), (0, columns), *others], mode="edge")


def planar_tags(frame: av.VideoFrame) -> ColourTags:
    """Return the colour tags of the planes that a `PlaneReader` produces."""
    tags = tags_of(frame)
    if _is_rgb(frame):
        return ColourTags(UNSPECIFIED, tags.primaries, tags.transfer, LIMITED)
    # FFmpeg treats grey as full range regardless of its tag.
    if _is_grey(frame) or frame.format.name.startswith("yuvj"):
        return replace(tags_for_yuv(tags), range=FULL_RANGE)
    return tags_for_yuv(tags)


def _stored_layout(frame: av.VideoFrame, codec: str, even: bool) -> PlaneLayout:
    kind = frame.format
    depth = 8 if kind.has_palette else max(component.bits for component in kind.components)
    step_x, step_y = _steps(frame, even)
    amid = codec in _CHROMA_AMID
    return PlaneLayout(
        bits=next((bits for bits in (8, 10) if depth <= bits), 12),
        step_x=step_x,
        step_y=step_y,
        chroma_x=0.5 if amid and step_x == 2 else 0.0,
        chroma_y=0.5 if step_y == 2 else 0.0,
    )


def _steps(frame: av.VideoFrame, even: bool) -> tuple[int, int]:
    """Return the luma columns and rows per chroma sample."""
    kind = frame.format
    step_x = 2 if _is_grey(frame) or kind.chroma_width(64) < 64 else 1
    step_y = 2 if _is_grey(frame) or kind.chroma_height(64) < 64 else 1
    if not even and (frame.width % step_x or frame.height % step_y):
        return 1, 1
    turned = orientation_of(frame).swaps_sides
    return (1, 1) if step_x != step_y and (turned or step_y == 2) else (step_x, step_y)


def _is_rgb(frame: av.VideoFrame) -> bool:
    return bool(frame.format.is_rgb or frame.format.has_palette)


def _is_grey(frame: av.VideoFrame) -> bool:
    return len(frame.format.components) < 3 and not _is_rgb(frame)


def _plain_name(frame: av.VideoFrame) -> str:
    """Return the pixel format's name without alpha or range, which are stored elsewhere."""
    return re.sub("^yuv[aj]", "yuv", frame.format.name)


def _upright(samples: Samples, orientation: Orientation) -> Samples:
    upright: Samples = orientation.upright(samples)
    # The decoder may still use this frame as a reference.
    upright.flags.writeable = False
    return upright


def displayed_layout(layout: PlaneLayout, orientation: Orientation) -> PlaneLayout:
    """Return the layout of the upright picture; the chroma position rotates with the pixels."""
    if orientation.mirrored:
        layout = replace(layout, chroma_x=layout.step_x - 1 - layout.chroma_x)
    for _ in range(orientation.turns):
        layout = replace(
            layout,
            step_x=layout.step_y,
            step_y=layout.step_x,
            chroma_x=layout.chroma_y,
            chroma_y=layout.step_x - 1 - layout.chroma_x,
        )
    return layout
