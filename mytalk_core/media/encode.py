"""Encode frames to a film with its source's size, timing and colours, and face crops to bytes."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Literal, Self

import av
import av.error
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.clean_aperture import CleanAperture, write_clean_aperture
from mytalk_core.media.colour import ColourTags, ToYuv, to_rgb
from mytalk_core.media.decode import PlaneFrame
from mytalk_core.media.frame_rate import frame_length
from mytalk_core.media.hdr import NO_HDR, HdrMetadata
from mytalk_core.media.output import atomic_path
from mytalk_core.media.planes import PlaneLayout, frame_of
from mytalk_core.media.probe import VideoInfo

# The matrix and range with the least rounding error: 55 dB and no bias from RGB and back. Full
# range darkens by half a level.
_CROP_COLOUR: Final = ColourTags(matrix=6, primaries=6, transfer=6, range=1)
_CROP_LAYOUT: Final = PlaneLayout(8, 1, 1, 0, 0)

# For 1080x1920 "ultrafast" at crf 16 takes 18 ms of CPU time a frame for 49.3 dB of luma;
# "veryfast" at crf 14 takes 52 ms for 49.0 dB in a third of the bytes. Studios encode the delivery
# again, and rendering waits for the encoder.
_FILM_PRESET: Final = "ultrafast"

# Chroma position in 4:2:0 to its tag (ITU-T H.264, figure E-1). The first is the default.
_CHROMA_TAGS: Final = {
    (0.0, 0.5): "0",
    (0.5, 0.5): "1",
    (0.0, 0.0): "2",
    (0.5, 0.0): "3",
    (0.0, 1.0): "4",
    (0.5, 1.0): "5",
}


@dataclass(frozen=True)
class _Encoding:
    """Encoder settings of a stream."""

    width: int  # pixels
    height: int  # pixels
    fps: Fraction  # nominal frames per second
    time_base: Fraction  # seconds per unit of pts
    layout: PlaneLayout
    colour: ColourTags
    hdr: HdrMetadata
    pixel_aspect: Fraction  # width of a pixel over its height
    crf: int  # 0 (lossless) to 51
    preset: str  # encoder preset
    parameters: tuple[str, ...]  # further encoder parameters
    threads: int  # 0: one per processor

    @property
    def codec(self) -> Literal["libx264", "libx265"]:
        """Return FFmpeg's name of the encoder. x264 supports H.264 up to 10 bits."""
        return "libx264" if self.layout.bits <= 10 else "libx265"

    @property
    def options(self) -> dict[str, str]:
        """Return the encoder options in FFmpeg's form."""
        h265 = self.codec == "libx265"
        parameters = [*self.parameters, *self.hdr.encoder_parameters(h265)]
        layout = self.layout
        place = _CHROMA_TAGS.get((layout.chroma_x, layout.chroma_y), "0")
        if (layout.step_x, layout.step_y) == (2, 2) and place != "0":
            parameters.append(f"chromaloc={place}")
        quality = {"crf": str(self.crf)}
        if h265:
            parameters.append("log-level=none")
            if self.crf == 0:
                parameters.append("lossless=1")
        elif self.crf == 0:
            quality = {"qp": "0"}  # above 8 bits, crf 0 is not lossless
        return {
            "preset": self.preset,
            "x265-params" if h265 else "x264-params": ":".join(parameters),
        } | quality


class _Film:
    """An open MP4 file with one stream: H.264, or H.265 above 10 bits."""

    def __init__(self, target: str | IO[bytes], encoding: _Encoding) -> None:
        self._time_base = encoding.time_base
        self._frame_length = max(1, round(1 / (encoding.fps * encoding.time_base)))
        self._last = self.end = 0  # pts units
        self.container: OutputContainer = av.open(
            target, mode="w", format="mp4", options={"fflags": "bitexact"}
        )
        self._stream: VideoStream = self.container.add_stream(
            encoding.codec, rate=encoding.fps, options=encoding.options
        )
        context = self._stream.codec_context
        context.width, context.height = encoding.width, encoding.height
        context.pix_fmt = encoding.layout.name
        if encoding.codec == "libx265":
            context.codec_tag = "hvc1"  # some players require it
        context.time_base = encoding.time_base
        context.sample_aspect_ratio = encoding.pixel_aspect
        context.thread_count = encoding.threads
        context.colorspace = encoding.colour.matrix
        context.color_primaries = encoding.colour.primaries
        context.color_trc = encoding.colour.transfer
        context.color_range = encoding.colour.range
        self._stream.time_base = encoding.time_base

    def write(self, frame: av.VideoFrame, pts: int, length: int = 0) -> None:
        """Append a frame; `length` is its duration if it is the last, 0 for the nominal one."""
        frame.pts = pts
        frame.time_base = self._time_base
        self._last, self.end = pts, pts + (length or self._frame_length)
        self._mux(frame)

    def finish(self) -> None:
        """Flush the encoder."""
        self._mux(None)

    def _mux(self, frame: av.VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            # Between frames the pts decide; only the last frame's duration counts.
            last = packet.pts == self._last
            packet.duration = self.end - self._last if last else self._frame_length
            self.container.mux(packet)


class VideoWriter:
    """Write a silent MP4 frame by frame; the file appears under its name when the block succeeds.

    Frames are those of `iter_planes`: upright, `info.width` x `info.height`, pts increasing from 0
    in units of `info.time_base`. They keep their pts, so variable frame rates keep their timing,
    and their samples are not converted: the stream is H.264 in `info.layout` with the tags
    `info.colour` and `info.hdr`, or H.265 for 12-bit samples. `info.aperture` becomes the clean
    aperture. Entering, writing and leaving raise OutputError (DISK_FULL or OUTPUT_NOT_WRITABLE).
    """

    def __init__(self, path: Path, info: VideoInfo, crf: int = 16) -> None:
        self._opening = _film_at(
            path,
            _Encoding(
                width=info.width,
                height=info.height,
                fps=info.fps,
                time_base=info.time_base,
                layout=info.layout,
                colour=info.colour,
                hdr=info.hdr,
                pixel_aspect=info.pixel_aspect,
                crf=crf,
                preset=_FILM_PRESET,
                parameters=(),
                threads=0,
            ),
            info.aperture,
        )
        self._time_base = info.time_base
        self._fps = info.fps

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
    def duration(self) -> Fraction:
        """Return the seconds from the start of the first frame to the end of the last written."""
        return self._film.end * self._time_base


@contextmanager
def _film_at(path: Path, encoding: _Encoding, aperture: CleanAperture | None) -> Iterator[_Film]:
    with atomic_path(path) as temporary:
        film = _Film(str(temporary.absolute()), encoding)
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
    film = _Film(
        buffer,
        _Encoding(
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
