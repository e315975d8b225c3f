"""The video stream of a container: decoded frames on a clean, strictly increasing clock."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import av.error
import av.stream
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.container import MOST_PIXELS, open_container
from mytalk_core.media.damage import DamageFinder, DamageLog
from mytalk_core.media.film_clock import JumpCloser, film_clock
from mytalk_core.media.frame_format import FrameFormat, check_same_format, format_of
from mytalk_core.media.orientation import orientation_of
from mytalk_core.media.stream_choice import PLAYERS_CHOICE, StreamChoice, choose_video

# Real time for HD; more would take processors from other workers.
DECODER_THREADS = 2

# Most frames that a decoder may hold at the end of a stream.
_HELD = 64


@contextmanager
def open_video(
    path: Path, threads: int = DECODER_THREADS, choice: StreamChoice = PLAYERS_CHOICE
) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a file and provide its container and video stream.

    `threads` decode it. Pictures beyond `MOST_PIXELS` are not decoded.

    Raises:
        BadInputError: as `open_container` and `choose_video`.
    """
    with open_container(path) as container:
        stream = choose_video(container, path, choice)
        stream.thread_type = "AUTO"
        stream.thread_count = threads
        stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
        yield container, stream


def time_base(stream: av.stream.Stream) -> Fraction:
    """Return the seconds per unit of the stream's timestamps."""
    return stream.time_base or Fraction(1, 1_000_000)


def pixel_aspect(stream: VideoStream, frame: av.VideoFrame) -> Fraction:
    """Return the width of an upright pixel over its height; 1 where the file does not state it."""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    return 1 / aspect if aspect != 1 and orientation_of(frame).swaps_sides else aspect


class TimedFrame(NamedTuple):
    """A decoded frame with its display time."""

    pts: int  # in units of `time_base(stream)`; the stream's first frame is at 0
    frame: av.VideoFrame
    damaged: bool = False  # decoded with errors, or references a frame that was
    missing: int = 0  # undecodable frames between it and the one before


@dataclass(frozen=True)
class StreamEntry:
    """State of the stream where decoding starts, if not at its first frame."""

    zero: int  # timestamp of the first frame
    frame_format: FrameFormat  # of the first frame
    jumps: int = 0  # jumps of the clock before the entry


Decoded = av.VideoFrame | av.error.FFmpegError
"""A frame, or the error of a packet that gave none."""


def decoded_frames(
    container: InputContainer, stream: VideoStream, path: Path, damage: DamageLog | None = None
) -> Iterator[TimedFrame]:
    """Yield the frames of the stream in display order.

    pts increase strictly: jumps of the clock are closed (see `film_clock`), and frames without a
    timestamp, or with one that goes back, follow at the nominal rate.

    Damage is concealed as players do: what the decoder conceals is shown; what it cannot decode is
    dropped, so that the frame before is shown for longer.

    Args:
        damage: collects what was concealed.

    Raises:
        BadInputError: DECODE_ERROR where too much is damaged, or, if `damage` is strict, anything;
            FORMAT_CHANGES or INTERLACED as `check_same_format`, after the frames before it;
            NO_FRAMES at the end of a stream without frames.
    """
    return with_clean_clock(decoded_packets(container.demux(stream)), stream, path, damage=damage)


def decoded_packets(packets: Iterable["Packet[VideoStream]"]) -> Iterator[Decoded]:
    """Yield the frames of consecutive packets, and for packets that do not decode the error."""
    reading = iter(packets)
    while True:
        try:
            packet = next(reading)
        except StopIteration:
            return
        except av.error.FFmpegError as error:
            yield error
            return
        # At the end, decoder threads still hold frames after the one that failed.
        for _ in range(1 if packet.size else _HELD):
            try:
                yield from packet.decode()
            except av.error.EOFError:
                pass
            except av.error.FFmpegError as error:
                yield error
                continue
            break


def with_clean_clock(
    frames: Iterable[Decoded],
    stream: VideoStream,
    path: Path,
    entry: StreamEntry | None = None,
    damage: DamageLog | None = None,
) -> Iterator[TimedFrame]:
    """Yield `decoded_frames` for `frames` of the stream, which start at `entry` or at its start.

    Raises:
        BadInputError: as `decoded_frames`.
    """
    clock, unit = film_clock(path, stream.index), time_base(stream)
    closed = JumpCloser(clock.jumps.get(stream.index, ()), entry.jumps if entry else 0)
    step = max(1, round(1 / (clock.rate.fps * unit)))
    finder = DamageFinder(path, clock, unit, damage or DamageLog())
    zero, frame_format = (entry.zero, entry.frame_format) if entry else (None, None)
    previous: int | None = None
    for frame in frames:
        if isinstance(frame, av.error.FFmpegError):
            finder.failed(frame)
            continue
        if zero is None:
            zero = frame.pts or 0
        pts = None if frame.pts is None else closed(frame.pts) - zero
        if previous is not None and (pts is None or pts <= previous):
            pts = previous + step
        pts = pts or 0
        now = format_of(frame, stream)
        frame_format = frame_format or now
        damaged, missing = finder.frame(pts, frame)
        if damaged and now != frame_format:
            finder.failed()  # a damaged header
            continue
        check_same_format(frame_format, now, pts * unit, path)
        previous = pts
        yield TimedFrame(pts, frame, damaged, missing)
    if previous is None:
        finder.refuse_empty()
        raise BadInputError(
            "the video stream has no frames.", reason=Reason.NO_FRAMES, where=str(path)
        )
    finder.finish()
