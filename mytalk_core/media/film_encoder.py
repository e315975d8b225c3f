"""Encoders of films: settings that give a stream its source's size, timing and colours."""

from dataclasses import dataclass
from fractions import Fraction
from typing import IO, Final, Literal

import av
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from mytalk_core.media.colour import ColourTags
from mytalk_core.media.hdr import HdrMetadata
from mytalk_core.media.planes import PlaneLayout
from mytalk_core.media.probe import VideoInfo

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
class Encoding:
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


def film_encoding(info: VideoInfo, crf: int) -> Encoding:
    """Return the settings that keep a film's size, timing, samples and tags.

    The number of threads is one per processor, and changes the bytes.
    """
    return Encoding(
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
    )


class EncodedFile:
    """An open file with one stream: H.264, or H.265 above 10 bits."""

    def __init__(
        self, target: str | IO[bytes], encoding: Encoding, kind: Literal["mp4", "nut"] = "mp4"
    ) -> None:
        """`kind` is FFmpeg's name of the container."""
        self._time_base = encoding.time_base
        self._frame_length = max(1, round(1 / (encoding.fps * encoding.time_base)))
        self._last = self.end = 0  # pts units
        # NUT needs no decoding timestamps, which may be negative, and keeps the others as they are.
        shift = {"avoid_negative_ts": "disabled"} if kind == "nut" else {}
        self.container: OutputContainer = av.open(
            target, mode="w", format=kind, options={"fflags": "bitexact"} | shift
        )
        self._stream: VideoStream = self.container.add_stream(
            encoding.codec, rate=encoding.fps, options=encoding.options
        )
        context = self._stream.codec_context
        context.width, context.height = encoding.width, encoding.height
        context.pix_fmt = encoding.layout.name
        if encoding.codec == "libx265" and kind == "mp4":
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
        for packet in self._stream.encode(frame):
            self._mux(packet)

    def copy(self, packet: "Packet[VideoStream]", end: int | None = None) -> None:
        """Append an encoded frame; its timestamps are in units of the encoding's time base.

        Args:
            end: end of the film's last displayed frame, if this packet is that frame.
        """
        packet.stream = self._stream
        packet.time_base = self._time_base
        if end is not None and packet.pts is not None:
            self._last, self.end = packet.pts, end
        self._mux(packet)

    def parameter_sets(self) -> bytes:
        """Return the parameter sets of the stream; opens the encoder and writes the header."""
        self.container.start_encoding()
        return self._stream.codec_context.extradata or b""

    def finish(self) -> None:
        """Flush the encoder."""
        for packet in self._stream.encode(None):
            self._mux(packet)

    def _mux(self, packet: "Packet[VideoStream]") -> None:
        # Between frames the pts decide; only the last frame's duration counts.
        last = self.end > self._last and packet.pts == self._last
        packet.duration = self.end - self._last if last else self._frame_length
        self.container.mux(packet)
