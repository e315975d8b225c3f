"""A film's picture as decoded: planar YUV in its own bit depth and range.

Reading, changing and writing a picture in this form is lossless for samples that are not changed.
"""

from dataclasses import dataclass
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from mytalk_core.media.colour import ColourTags

Samples = NDArray[np.unsignedinteger[Any]]

_NAMES: Final = {(2, 2): "yuv420p", (2, 1): "yuv422p", (1, 1): "yuv444p"}


@dataclass(frozen=True)
class PlaneLayout:
    """The sample layout of a planar YUV picture."""

    bits: int = 8  # per sample: 8, 10 or 12
    step_x: int = 2  # luma columns per chroma column, 2 or 1
    step_y: int = 2  # luma rows per chroma row, 2 or 1
    # Position of the first chroma sample in luma columns and rows: 0 on the first, 0.5 between the
    # first two, 1 on the second. The default for 4:2:0 is left, between the rows.
    chroma_x: float = 0.0
    chroma_y: float = 0.5

    @property
    def name(self) -> str:
        """Return FFmpeg's name of the pixel format, such as "yuv420p10le"."""
        depth = "" if self.bits == 8 else f"{self.bits}le"
        return _NAMES[self.step_x, self.step_y] + depth

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger[Any]]:
        """Return the dtype of the samples."""
        return np.dtype(np.uint8 if self.bits == 8 else np.uint16)


DEFAULT_LAYOUT: Final = PlaneLayout()


@dataclass(frozen=True, eq=False)
class Planes:
    """One picture; its sides are multiples of the layout's steps. The arrays are read-only."""

    y: Samples  # (H, W) luma, uint8 or, beyond 8 bits, uint16
    u: Samples  # (H / step_y, W / step_x) Cb
    v: Samples  # (H / step_y, W / step_x) Cr
    layout: PlaneLayout
    tags: ColourTags

    @property
    def width(self) -> int:
        """Return the width in luma pixels."""
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        """Return the height in luma pixels."""
        return int(self.y.shape[0])


def frame_of(planes: Planes) -> av.VideoFrame:
    """Return the planes and tags as a frame for an encoder or swscale."""
    frame = av.VideoFrame(planes.width, planes.height, planes.layout.name)
    for plane, samples in zip(frame.planes, (planes.y, planes.u, planes.v), strict=True):
        plane_samples(plane, planes.layout)[:] = samples
    frame.colorspace = planes.tags.matrix
    frame.color_primaries = planes.tags.primaries
    frame.color_trc = planes.tags.transfer
    frame.color_range = planes.tags.range
    return frame


def plane_samples(plane: av.video.plane.VideoPlane, layout: PlaneLayout) -> Samples:
    """Return a view (rows, columns) of a frame's plane; it keeps the frame alive."""
    rows = np.frombuffer(memoryview(plane), layout.dtype).reshape(plane.height, -1)
    view: Samples = rows[:, : plane.width]
    return view
