"""Frames into a film that keeps its source's size, timing and colours; face crops into bytes."""

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

# Of the scaler's matrices and ranges the pair with the least rounding error: 55 dB and no bias from
# RGB and back, where the full range darkens by half a level.
_CROP_COLOUR: Final = ColourTags(matrix=6, primaries=6, transfer=6, range=1)
_CROP_LAYOUT: Final = PlaneLayout(8, 1, 1, 0, 0)

# At 1080x1920 this takes 18 ms of processor time a frame at a crf of 16, for 49.3 dB of luma;
# "veryfast" at 14 takes 52 for 49.0, in a third of the bytes. What a studio gets is encoded once
# more, and the rendering waits for the encoder.
_FILM_PRESET: Final = "ultrafast"

# The place of chroma in 4:2:0 to its tag (ITU-T H.264, figure E-1). The first goes without saying.
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
    """How a stream is to be encoded."""

    width: int  # pixels
    height: int  # pixels
    fps: Fraction  # nominal frames per second
    time_base: Fraction  # seconds per unit of pts
    layout: PlaneLayout
    colour: ColourTags
    hdr: HdrMetadata
    pixel_aspect: Fraction  # width of a pixel over its height
    crf: int  # the encoder's quality, 0 (lossless) to 51
    preset: str  # its trade of time for size
    parameters: tuple[str, ...]  # more of its own
    threads: int  # 0: as many as there are processors

    @property
    def codec(self) -> Literal["libx264", "libx265"]:
        """FFmpeg's name of the encoder. H.264 ends at 10 bits in x264."""
        return "libx264" if self.layout.bits <= 10 else "libx265"

    @property
    def options(self) -> dict[str, str]:
        """The encoder's, as FFmpeg takes them."""
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
            quality = {"qp": "0"}  # beyond 8 bits a crf of 0 loses something
        return {
            "preset": self.preset,
            "x265-params" if h265 else "x264-params": ":".join(parameters),
        } | quality


class _Film:
    """An open MP4 file with one stream, H.264 or, beyond 10 bits, H.265."""

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
            context.codec_tag = "hvc1"  # without it some players show nothing
        context.time_base = encoding.time_base
        context.sample_aspect_ratio = encoding.pixel_aspect
        context.thread_count = encoding.threads
        context.colorspace = encoding.colour.matrix
        context.color_primaries = encoding.colour.primaries
        context.color_trc = encoding.colour.transfer
        context.color_range = encoding.colour.range
        self._stream.time_base = encoding.time_base

    def write(self, frame: av.VideoFrame, pts: int, length: int = 0) -> None:
        """`length`: units for which the frame is shown if it is the last; 0: as the others."""
        frame.pts = pts
        frame.time_base = self._time_base
        self._last, self.end = pts, pts + (length or self._frame_length)
        self._mux(frame)

    def finish(self) -> None:
        """Writes what the encoder still holds."""
        self._mux(None)

    def _mux(self, frame: av.VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            # Between frames the pts decide; the last frame is as long as it says.
            last = packet.pts == self._last
            packet.duration = self.end - self._last if last else self._frame_length
            self.container.mux(packet)


class VideoWriter:
    """Writes a silent MP4 frame by frame; it appears under its name when the block ends well.

    Frames come as `iter_planes` gives them: upright, `info.width` x `info.height`, pts increasing
    from 0 in units of `info.time_base`. They keep their pts, so that footage of variable rate
    keeps its timing. Their samples go to the encoder as they are: the picture is H.264 in
    `info.layout` with the tags `info.colour` and `info.hdr`, or H.265 where samples have 12 bits.
    The file asks players to show `info.aperture` of it.
    Entering, writing and leaving may raise OutputError (DISK_FULL or OUTPUT_NOT_WRITABLE).
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
        """Appends one frame."""
        length = frame_length(frame.duration * self._time_base, self._fps)
        self._film.write(frame_of(frame.planes), frame.pts, max(1, round(length / self._time_base)))

    @property
    def duration(self) -> Fraction:
        """Seconds from the start of the first frame to the end of the last one written."""
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
            layout=_CROP_LAYOUT,
            colour=_CROP_COLOUR,
            hdr=NO_HDR,
            pixel_aspect=Fraction(1),
            crf=crf,
            preset="fast",
            # x264's macroblock tree reads memory that nobody wrote, now and then; and the number
            # of threads shows. Both would make the bytes a matter of chance.
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
