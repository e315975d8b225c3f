"""Reaching a moment of a film without decoding all that comes before it."""

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

from mytalk_core.media.container import clock_may_jump, open_container
from mytalk_core.media.stream_choice import PLAYERS_CHOICE, StreamChoice
from mytalk_core.media.video_stream import (
    decoded_frames,
    open_video,
    time_base,
    with_clean_clock,
)

TimedFrames = Iterator[tuple[int, av.VideoFrame]]

# Seconds that are decoded sooner than sought.
_WORTH_SEEKING = 2

# Seconds before the moment to look for a keyframe, tried in turn: an index finds the right one at
# once; where bytes are searched for a time, the place found may lie some frames late.
_RUN_UPS = (0, 2, 12)


@contextmanager
def video_from(
    path: Path, begin: Fraction, threads: int, choice: StreamChoice = PLAYERS_CHOICE
) -> Iterator[tuple[VideoStream, TimedFrames]]:
    """The video stream and `decoded_frames` of it, from a frame at or before `begin`.

    `begin` is in seconds after the first frame's start. Where the way there is not certain to
    give the pictures and times that decoding everything gives, everything is decoded.

    Raises:
        BadInputError: as `open_video`; the frames as `decoded_frames`.
    """
    if begin > _WORTH_SEEKING:
        with open_video(path, threads, choice) as (container, stream):
            frames = _sought(container, stream, path, begin)
            if frames is not None:
                yield stream, frames
                return
    with open_video(path, threads, choice) as (container, stream):
        yield stream, decoded_frames(container, stream, path)


@dataclass(frozen=True)
class _Keyframe:
    """Where decoding can begin."""

    pts: int
    position: int | None  # byte in the file


def _sought(
    container: InputContainer, stream: VideoStream, path: Path, begin: Fraction
) -> TimedFrames | None:
    """The stream's frames from a keyframe at or before `begin`; None where it cannot be reached."""
    try:
        zero = next(container.decode(stream)).pts
        if zero is None:
            return None
        moment = zero + int(begin / time_base(stream))
        known: _Keyframe | None = None
        if clock_may_jump(container):
            known = _last_keyframe(path, stream.index, moment)
            if known is None:
                return None
            moment = known.pts
        for run_up in _RUN_UPS:
            target = moment - int(run_up / time_base(stream))
            if target <= zero:
                return None
            container.seek(target, stream=stream, backward=True)
            frames = _frames_after(container, stream, known)
            head = next(frames, None)
            if head is not None and head.pts is not None and head.pts <= moment:
                return with_clean_clock(chain([head], frames), stream, path, zero)
    except (av.error.FFmpegError, StopIteration):
        pass  # whatever it is, decoding from the start meets it, and says it, in its place
    return None


def _frames_after(
    container: InputContainer, stream: VideoStream, known: _Keyframe | None
) -> Iterator[av.VideoFrame]:
    """Frames from the next keyframe on, or from the `known` one; nothing where that is not met.

    Pictures shown before that keyframe but stored after it lean on others that were skipped.
    """
    start: int | None = None
    reached = False
    for packet in container.demux(stream):
        if start is None:
            if not packet.is_keyframe or packet.pts is None:
                continue
            if known is not None and _Keyframe(packet.pts, packet.pos) != known:
                continue
            start = packet.pts
        for frame in packet.decode():
            reached = reached or frame.pts is None or frame.pts >= start
            if reached:
                yield frame


def _last_keyframe(path: Path, index: int, moment: int) -> _Keyframe | None:
    """The last keyframe at or before `moment`; None where the times before it do not just grow.

    Transmissions and discs may begin to count anew in the middle. Only who has read them up to
    the moment knows when it is; that takes no decoding.
    """
    found: _Keyframe | None = None
    previous: int | None = None
    with open_container(path) as container:
        for packet in container.demux(container.streams[index]):
            if packet.dts is None or packet.pts is None:
                if packet.size:
                    return None
                continue
            if previous is not None and packet.dts <= previous:
                return None
            previous = packet.dts
            if packet.dts > moment:
                break
            if packet.is_keyframe and packet.pts <= moment:
                found = _Keyframe(packet.pts, packet.pos)
    return found
