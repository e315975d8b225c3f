"""Encode frames to a film with its source's size, timing and colours, and face crops to bytes."""

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

import av
import av.error
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.clean_aperture import CleanAperture, write_clean_aperture
from mytalk_core.media.colour import ColourTags, ToYuv, to_rgb
from mytalk_core.media.decode import PlaneFrame
from mytalk_core.media.film_encoder import EncodedFile, Encoding, film_encoding
from mytalk_core.media.frame_rate import frame_length
from mytalk_core.media.hdr import NO_HDR
from mytalk_core.media.output import atomic_path
from mytalk_core.media.planes import PlaneLayout, frame_of
from mytalk_core.media.probe import VideoInfo

# The matrix and range with the least rounding error: 55 dB and no bias from RGB and back. Full
# range darkens by half a level.
_CROP_COLOUR: Final = ColourTags(matrix=6, primaries=6, transfer=6, range=1)
_CROP_LAYOUT: Final = PlaneLayout(8, 1, 1, 0, 0)


class FrameWriter:
    """Write frames in display order to a file, which appears under its name when the block ends.

    A block that raises leaves no file. Entering, writing and leaving raise OutputError (DISK_FULL
    or OUTPUT_NOT_WRITABLE).
    """

    def __init__(
        self, opening: AbstractContextManager[EncodedFile], fps: Fraction, time_base: Fraction
    ) -> None:
        """`fps` and `time_base` are those of the film."""
        self._opening = opening
        self._fps = fps
        self._time_base = time_base

    def __enter__(self) -> Self:
        self._film = self._opening.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return self._opening.__exit__(kind, error, trace)

    def write(self, frame: PlaneFrame) -> None:
        """Append one frame."""
        length = frame_length(frame.duration * self._time_base, self._fps)
        self._film.write(frame_of(frame.planes), frame.pts, max(1, round(length / self._time_base)))

    @property
    def end(self) -> Fraction:
        """Return the end of the last frame written, seconds from the start of the film."""
        return self._film.end * self._time_base


class VideoWriter(FrameWriter):
    """Write a silent MP4 frame by frame; the file appears under its name when the block succeeds.

    Frames are those of `iter_planes`: upright, `info.width` x `info.height`, pts increasing from 0
    in units of `info.time_base`. They keep their pts, so variable frame rates keep their timing,
    and their samples are not converted: the stream is H.264 in `info.layout` with the tags
    `info.colour` and `info.hdr`, or H.265 for 12-bit samples. `info.aperture` becomes the clean
    aperture. Entering, writing and leaving raise OutputError (DISK_FULL or OUTPUT_NOT_WRITABLE).
    """

    def __init__(self, path: Path, info: VideoInfo, crf: int = 16) -> None:
        super().__init__(
            film_file(path, film_encoding(info, crf), info.aperture), info.fps, info.time_base
        )

    @property
    def duration(self) -> Fraction:
        """Return the seconds from the start of the first frame to the end of the last written."""
        return self.end


@contextmanager
def film_file(
    path: Path,
    encoding: Encoding,
    aperture: CleanAperture | None = None,
    kind: Literal["mp4", "nut"] = "mp4",
) -> Iterator[EncodedFile]:
    """Open a file of encoded frames, which appears under its name when the block succeeds.

    Args:
        aperture: the clean aperture of an MP4 file.
        kind: FFmpeg's name of the container.

    Raises:
        OutputError: DISK_FULL or OUTPUT_NOT_WRITABLE.
    """
    with atomic_path(path) as temporary:
        film = EncodedFile(str(temporary.absolute()), encoding, kind)
        with film.container:
            yield film
            film.finish()
        if aperture is not None:
            write_clean_aperture(temporary, aperture)


def write_crop_video(frames: NDArray[np.uint8], fps: Fraction, crf: int = 12) -> bytes:
    """Encode uint8 (T, H, W, 3) RGB as visually lossless H.264 4:4:4: a sample's `crop.mp4`.

    T is at least 1. Equal frames give equal bytes.
    """
    count, height, width = frames.shape[:3]
    buffer = io.BytesIO()
    film = EncodedFile(
        buffer,
        Encoding(
            width=width,
            height=height,
            fps=fps,
            time_base=1 / fps,
            layout=_CROP_LAYOUT,
            colour=_CROP_COLOUR,
            hdr=NO_HDR,
            pixel_aspect=Fraction(1),
            crf=crf,
            preset="fast",
            # x264's macroblock tree reads uninitialised memory, and the number of threads changes
            # the output. Either would make the bytes non-deterministic.
            parameters=("mbtree=0",),
            threads=1,
        ),
    )
    to_yuv = ToYuv(_CROP_COLOUR, _CROP_LAYOUT.name)
    with film.container:
        for index in range(count):
            film.write(to_yuv(frames[index]), index)
        film.finish()
    return buffer.getvalue()


def read_crop_video(data: bytes) -> NDArray[np.uint8]:
    """Decode a file of `write_crop_video` to uint8 (T, H, W, 3) RGB.

    Raises:
        BadInputError: DECODE_ERROR where the bytes are damaged.
    """
    scaler = VideoReformatter()
    try:
        with av.open(io.BytesIO(data), mode="r", format="mp4") as container:
            stream = container.streams.video[0]
            stream.thread_count = 1
            return np.stack([to_rgb(frame, scaler) for frame in container.decode(stream)])
    except (av.error.FFmpegError, IndexError, ValueError) as error:
        raise BadInputError(
            "the crop video of a sample is damaged.", reason=Reason.DECODE_ERROR
        ) from error
