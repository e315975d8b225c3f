"""The video stream of a container: its frames as FFmpeg decodes them, on one clean clock."""

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
from mytalk_core.media.orientation import orientation_of
from mytalk_core.media.picture_kind import PictureKind, check_same_kind, kind_of
from mytalk_core.media.stream_choice import PLAYERS_CHOICE, StreamChoice, choose_video

# Enough for HD in real time; more would starve the other workers on a shared machine.
DECODER_THREADS = 2

# Most frames that a decoder holds back at the end of a stream.
_HELD = 64


@contextmanager
def open_video(
    path: Path, threads: int = DECODER_THREADS, choice: StreamChoice = PLAYERS_CHOICE
) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The opened file and its video stream.

    `threads` will decode it. No picture beyond `MOST_PIXELS` is decoded.

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
    """Seconds per unit of the stream's timestamps."""
    return stream.time_base or Fraction(1, 1_000_000)


def pixel_aspect(stream: VideoStream, frame: av.VideoFrame) -> Fraction:
    """Width of an upright pixel over its height; 1 where the file does not state it."""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    return 1 / aspect if aspect != 1 and orientation_of(frame).swaps_sides else aspect


class TimedFrame(NamedTuple):
    """A decoded frame, and when it is shown."""

    pts: int  # in units of `time_base(stream)`; the stream's first frame is at 0
    frame: av.VideoFrame
    damaged: bool = False  # it was decoded with errors, or leans on one that was
    missing: int = 0  # frames that could not be decoded between it and the one before


@dataclass(frozen=True)
class StreamEntry:
    """Where decoding begins that does not begin with the stream's first frame."""

    zero: int  # timestamp of the first frame
    kind: PictureKind  # of the first frame
    jumps: int = 0  # of the clock, that come before


Decoded = av.VideoFrame | av.error.FFmpegError
"""A frame, or why a packet gave none."""


def decoded_frames(
    container: InputContainer, stream: VideoStream, path: Path, damage: DamageLog | None = None
) -> Iterator[TimedFrame]:
    """Yields the frames of the stream in the order of display.

    pts increase strictly: jumps of the clock are closed (see `film_clock`), and frames without a
    timestamp, or with one that goes back, follow at the nominal rate.

    Damage is concealed as players do: what the decoder mends is shown, what it cannot decode is
    left out, so that the frame before is shown for longer.

    Args:
        damage: collects what was concealed.

    Raises:
        BadInputError: DECODE_ERROR where too much is damaged, or, if `damage` is strict, anything;
            FORMAT_CHANGES or INTERLACED as `check_same_kind`, after the frames before it;
            NO_FRAMES at the end of a stream that had none.
    """
    return with_clean_clock(decoded_packets(container.demux(stream)), stream, path, damage=damage)


def decoded_packets(packets: Iterable["Packet[VideoStream]"]) -> Iterator[Decoded]:
    """The frames of consecutive packets, and in place of those that cannot be decoded the error."""
    reading = iter(packets)
    while True:
        try:
            packet = next(reading)
        except StopIteration:
            return
        except av.error.FFmpegError as error:
            yield error
            return
        # At the end, threads still hold frames after the one that failed.
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
    """`decoded_frames` for `frames` of the stream; without `entry` they begin with its first one.

    Raises:
        BadInputError: as `decoded_frames`.
    """
    clock, unit = film_clock(path, stream.index), time_base(stream)
    closed = JumpCloser(clock.jumps.get(stream.index, ()), entry.jumps if entry else 0)
    step = max(1, round(1 / (clock.rate.fps * unit)))
    finder = DamageFinder(path, clock, unit, damage or DamageLog())
    zero, kind = (entry.zero, entry.kind) if entry else (None, None)
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
        now = kind_of(frame, stream)
        kind = kind or now
        damaged, missing = finder.frame(pts, frame)
        if damaged and now != kind:
            finder.failed()  # a damaged header
            continue
        check_same_kind(kind, now, pts * unit, path)
        previous = pts
        yield TimedFrame(pts, frame, damaged, missing)
    if previous is None:
        finder.refuse_empty()
        raise BadInputError(
            "the video stream holds no frames.", reason=Reason.NO_FRAMES, where=str(path)
        )
    finder.finish()
