"""Frames into a film that keeps its source's size, timing and colours; face crops into bytes."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import av
import av.error
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.colour import ColourTags, ToYuv, tags_for_yuv, to_rgb
from mytalk_core.media.decode import Frame
from mytalk_core.media.output import atomic_path
from mytalk_core.media.probe import VideoInfo

# Of the scaler's matrices and ranges the pair with the least rounding error: 55 dB and no bias from
# RGB and back, where the full range darkens by half a level.
_CROP_COLOUR: Final = ColourTags(matrix=6, primaries=6, transfer=6, range=1)


@dataclass(frozen=True)
class _Encoding:
    """How a stream is to be encoded."""

    width: int  # pixels
    height: int  # pixels
    fps: Fraction  # nominal frames per second
    time_base: Fraction  # seconds per unit of pts
    pixel_format: str  # FFmpeg's name
    colour: ColourTags
    pixel_aspect: Fraction  # width of a pixel over its height
    crf: int  # x264's quality, 0 (lossless) to 51
    preset: str  # x264's trade of time for size
    options: dict[str, str]  # more of x264's
    threads: int  # 0: as many as there are processors


class _Film:
    """An open MP4 file with one H.264 stream."""

    def __init__(self, target: str | IO[bytes], encoding: _Encoding) -> None:
        self._time_base = encoding.time_base
        self._frame_length = max(1, round(1 / (encoding.fps * encoding.time_base)))
        self._to_yuv = ToYuv(encoding.colour, encoding.pixel_format)
        self.end = 0  # pts units
        self.container: OutputContainer = av.open(
            target, mode="w", format="mp4", options={"fflags": "bitexact"}
        )
        self._stream: VideoStream = self.container.add_stream(
            "libx264",
            rate=encoding.fps,
            options={"crf": str(encoding.crf), "preset": encoding.preset} | encoding.options,
        )
        context = self._stream.codec_context
        context.width, context.height = encoding.width, encoding.height
        context.pix_fmt = encoding.pixel_format
        context.time_base = encoding.time_base
        context.sample_aspect_ratio = encoding.pixel_aspect
        context.thread_count = encoding.threads
        tags = tags_for_yuv(encoding.colour)
        context.colorspace = tags.matrix
        context.color_primaries = tags.primaries
        context.color_trc = tags.transfer
        context.color_range = tags.range
        self._stream.time_base = encoding.time_base

    def write(self, image: NDArray[np.uint8], pts: int) -> None:
        frame = self._to_yuv(image)
        frame.pts = pts
        frame.time_base = self._time_base
        self.end = pts + self._frame_length
        self._mux(frame)

    def finish(self) -> None:
        """Writes what the encoder still holds."""
        self._mux(None)

    def _mux(self, frame: av.VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            # Between frames the pts decide; this makes the last frame as long as the others.
            packet.duration = self._frame_length
            self.container.mux(packet)


class VideoWriter:
    """Writes a silent MP4 frame by frame; it appears under its name when the block ends well.

    Frames come as `iter_frames` gives them: upright, `info.width` x `info.height`, pts increasing
    from 0 in units of `info.time_base`. They keep their pts, so that footage of variable rate
    keeps its timing. The picture is H.264, 8-bit 4:2:0, or 4:4:4 where a side is odd, which 4:2:0
    cannot hold. Entering, writing and leaving may raise OutputError (DISK_FULL or
    OUTPUT_NOT_WRITABLE).
    """

    def __init__(self, path: Path, info: VideoInfo, crf: int = 16) -> None:
        odd = info.width % 2 or info.height % 2
        self._opening = _film_at(
            path,
            _Encoding(
                width=info.width,
                height=info.height,
                fps=info.fps,
                time_base=info.time_base,
                pixel_format="yuv444p" if odd else "yuv420p",
                colour=info.colour,
                pixel_aspect=info.pixel_aspect,
                crf=crf,
                preset="fast",
                options={},
                threads=0,
            ),
        )
        self._time_base = info.time_base

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

    def write(self, frame: Frame) -> None:
        """Appends one frame."""
        self._film.write(frame.image, frame.pts)

    @property
    def duration(self) -> Fraction:
        """Seconds from the start of the first frame to the end of the last one written."""
        return self._film.end * self._time_base


@contextmanager
def _film_at(path: Path, encoding: _Encoding) -> Iterator[_Film]:
    with atomic_path(path) as temporary:
        film = _Film(str(temporary.absolute()), encoding)
        with film.container:
            yield film
            film.finish()


def write_crop_video(frames: NDArray[np.uint8], fps: Fraction, crf: int = 12) -> bytes:
    """The member `crop.mp4` of a sample: visually lossless H.264 4:4:4 of uint8 (T, H, W, 3) RGB.

    T is at least 1. The same frames give the same bytes.
    """
    count, height, width = frames.shape[:3]
    buffer = io.BytesIO()
    film = _Film(
        buffer,
        _Encoding(
            width=width,
            height=height,
            fps=fps,
            time_base=1 / fps,
            pixel_format="yuv444p",
            colour=_CROP_COLOUR,
            pixel_aspect=Fraction(1),
            crf=crf,
            preset="fast",
            # x264's macroblock tree reads memory that nobody wrote, now and then; and the number
            # of threads shows. Both would make the bytes a matter of chance.
            options={"x264-params": "mbtree=0"},
            threads=1,
        ),
    )
    with film.container:
        for index in range(count):
            film.write(frames[index], index)
        film.finish()
    return buffer.getvalue()


def read_crop_video(data: bytes) -> NDArray[np.uint8]:
    """The frames uint8 (T, H, W, 3) RGB of a file that `write_crop_video` made.

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
