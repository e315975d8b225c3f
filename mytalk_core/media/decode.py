"""Frames out of a file, one after the other, upright and in RGB, in constant memory."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from mytalk_core.media.clock import frame_time
from mytalk_core.media.colour import to_rgb
from mytalk_core.media.probe import probe_video
from mytalk_core.media.video_stream import decoded_frames, open_video, quarter_turns

# Containers that count in milliseconds put a frame up to one of them off its exact time.
_CLOCK_TOLERANCE = Fraction(1, 1000)


@dataclass(frozen=True)
class Frame:
    """One picture of a film."""

    index: int  # position in the stream, from 0
    pts: int  # start of display in units of `VideoInfo.time_base`; the first frame is at 0
    image: NDArray[np.uint8]  # (H, W, 3) RGB, upright


def iter_frames(path: str | Path) -> Iterator[Frame]:
    """Every frame of the first video stream in the order of display; pts increase strictly.

    A file that merely ends early ends the iteration; one that is damaged yields the frames before
    the damage and then raises.

    Raises:
        BadInputError: as `probe_video`; DECODE_ERROR also after the first frame.
    """
    scaler = VideoReformatter()
    with open_video(Path(path)) as (container, stream):
        for index, (pts, frame) in enumerate(decoded_frames(container, stream, Path(path))):
            image = np.rot90(to_rgb(frame, scaler), quarter_turns(frame))
            yield Frame(index, pts, np.ascontiguousarray(image))


def iter_frames_at(path: str | Path, fps: Fraction) -> Iterator[Frame]:
    """The film resampled to exactly `fps` frames per second.

    Output n is the source frame on screen n/fps seconds after the first frame's start, so frames
    repeat or are left out and none is blended. `Frame.index` is n, `Frame.pts` the source frame's.
    The last source frame counts as 1/(nominal rate) long.

    Raises:
        BadInputError: as `iter_frames`.
    """
    info = probe_video(path)
    index = 0
    shown: Frame | None = None
    for frame in iter_frames(path):
        start = frame.pts * info.time_base - _CLOCK_TOLERANCE
        while shown is not None and frame_time(index, fps) < start:
            yield replace(shown, index=index)
            index += 1
        shown = frame
    assert shown is not None  # iter_frames raises where there is none
    end = shown.pts * info.time_base + 1 / info.fps - _CLOCK_TOLERANCE
    while frame_time(index, fps) < end:
        yield replace(shown, index=index)
        index += 1
