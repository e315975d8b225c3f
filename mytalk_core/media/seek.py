"""Decode a film from a given time on without decoding everything before it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from mytalk_core.media.container import clock_may_jump
from mytalk_core.media.damage import DamageLog
from mytalk_core.media.film_clock import Keyframe, film_clock
from mytalk_core.media.frame_format import FrameFormat, format_of
from mytalk_core.media.stream_choice import PLAYERS_CHOICE, StreamChoice
from mytalk_core.media.video_stream import (
    Decoded,
    StreamEntry,
    TimedFrame,
    decoded_frames,
    decoded_packets,
    open_video,
    time_base,
    with_clean_clock,
)

TimedFrames = Iterator[TimedFrame]

# Seconds that are decoded faster than sought.
_WORTH_SEEKING = 2

# Seconds before the target at which to search for a keyframe, tried in turn. With an index the
# first succeeds; byte-based seeking can end some frames late.
_RUN_UPS = (0, 2, 12)


@contextmanager
def video_from(
    path: Path,
    begin: Fraction,
    threads: int,
    choice: StreamChoice = PLAYERS_CHOICE,
    damage: DamageLog | None = None,
) -> Iterator[tuple[VideoStream, TimedFrames]]:
    """Provide the video stream and its `decoded_frames` from a frame at or before `begin`.

    `begin` is in seconds after the first frame's start; damage is added to `damage`. Where seeking
    is not certain to give the pictures and times of a full decode, everything is decoded.

    Raises:
        BadInputError: as `open_video`; the frames as `decoded_frames`.
    """
    entry: _Entry | None = None
    if begin > _WORTH_SEEKING:
        with open_video(path, threads, choice) as (container, stream):
            entry = _entry(container, stream, path, begin)
            frames = _sought(container, stream, path, entry, damage) if entry else None
            if frames is not None:
                yield stream, frames
                return
    with open_video(path, threads, choice) as (container, stream):
        if entry is not None and entry.known is not None and entry.jumping:
            # The packets before it are read but not decoded.
            after = _frames_after(container, stream, entry.known)
            start = StreamEntry(entry.zero, entry.frame_format, entry.known.jumps)
            yield stream, with_clean_clock(after, stream, path, start, damage)
        else:
            yield stream, decoded_frames(container, stream, path, damage)


@dataclass(frozen=True)
class _Entry:
    """Where decoding starts; timestamps in the stream's units."""

    zero: int  # timestamp of the first frame
    frame_format: FrameFormat  # of the first frame
    begin: int  # timestamp of the target frame, or of the keyframe before it
    known: Keyframe | None  # that keyframe, in formats whose clock may jump
    jumping: bool  # whether the clock jumps: then seeking by time is impossible


def _entry(
    container: InputContainer, stream: VideoStream, path: Path, begin: Fraction
) -> _Entry | None:
    """Return the entry for `begin`; None where everything must be decoded."""
    try:
        first = next(container.decode(stream))
    except (av.error.FFmpegError, StopIteration):
        return None  # a full decode reports it
    zero, frame_format = first.pts, format_of(first, stream)
    if zero is None:
        return None
    target = zero + int(begin / time_base(stream))
    if not clock_may_jump(container):
        return _Entry(zero, frame_format, target, None, jumping=False)
    clock = film_clock(path, stream.index)
    known = clock.keyframe_before(target)
    if known is None:
        return None
    return _Entry(zero, frame_format, known.pts, known, jumping=bool(clock.jumps[stream.index]))


def _sought(
    container: InputContainer,
    stream: VideoStream,
    path: Path,
    entry: _Entry,
    damage: DamageLog | None,
) -> TimedFrames | None:
    """Yield frames from a keyframe at or before the entry; None where none is found."""
    if entry.jumping:
        return None
    try:
        for run_up in _RUN_UPS:
            target = entry.begin - int(run_up / time_base(stream))
            if target <= entry.zero:
                return None
            container.seek(target, stream=stream, backward=True)
            frames = _frames_after(container, stream, entry.known)
            head = next(frames, None)
            if not isinstance(head, av.VideoFrame) or head.pts is None:
                continue
            if head.pts <= entry.begin:
                start = StreamEntry(entry.zero, entry.frame_format)
                return with_clean_clock(chain([head], frames), stream, path, start, damage)
    except (av.error.FFmpegError, StopIteration):
        pass  # a full decode reports it
    return None


def _frames_after(
    container: InputContainer, stream: VideoStream, known: Keyframe | None
) -> Iterator[Decoded]:
    """Yield frames from the next keyframe, or from the `known` one; nothing if it is not found.

    Frames displayed before that keyframe but stored after it reference skipped ones and are left
    out.
    """
    packets = iter(container.demux(stream))
    for first in packets:
        if first.is_keyframe and first.pts is not None:
            start = first.pts
            if known is None or (start, first.pos) == (known.pts, known.position):
                break
    else:
        return
    reached = False
    for decoded in decoded_packets(chain([first], packets)):
        if isinstance(decoded, av.VideoFrame):
            reached = reached or decoded.pts is None or decoded.pts >= start
        if reached:
            yield decoded
