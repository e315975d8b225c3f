"""Frames out of a file, one after the other and upright, in constant memory.

In RGB for looking at a film, as the film's own planes for changing it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from mytalk_core.media.clock import frame_time
from mytalk_core.media.colour import to_rgb
from mytalk_core.media.damage import DamageLog
from mytalk_core.media.film_clock import film_clock
from mytalk_core.media.orientation import orientation_of
from mytalk_core.media.plane_reader import PlaneReader, extended, missing_pixels
from mytalk_core.media.planes import Planes
from mytalk_core.media.seek import video_from
from mytalk_core.media.stream_choice import PLAYERS_CHOICE, StreamChoice
from mytalk_core.media.video_stream import (
    DECODER_THREADS,
    decoded_frames,
    open_video,
    pixel_aspect,
    time_base,
)

# Containers that count in milliseconds put a frame up to one of them off its exact time.
_CLOCK_TOLERANCE = Fraction(1, 1000)


@dataclass(frozen=True)
class Frame:
    """One picture of a film."""

    index: int  # position in the stream, from 0
    pts: int  # start of display in units of `VideoInfo.time_base`; the first frame is at 0
    image: NDArray[np.uint8]  # (H, W, 3) RGB, upright
    duration: int = 0  # as the file states it, in units of `VideoInfo.time_base`; 0: not at all
    pixel_aspect: Fraction = Fraction(1)  # width of a pixel over its height
    damaged: bool = False  # it was decoded with errors, or stands in for frames that are missing


@dataclass(frozen=True)
class PlaneFrame:
    """One picture of a film as the film keeps it."""

    index: int  # position in the stream, from 0
    pts: int  # start of display in units of `VideoInfo.time_base`; the first frame is at 0
    planes: Planes  # upright
    duration: int = 0  # as the file states it, in units of `VideoInfo.time_base`; 0: not at all


def iter_frames(
    path: str | Path,
    threads: int = DECODER_THREADS,
    exact: bool = True,
    choice: StreamChoice = PLAYERS_CHOICE,
    damage: DamageLog | None = None,
    even: bool = False,
) -> Iterator[Frame]:
    """Every frame of the video stream in the order of display; pts increase strictly.

    `threads` decode, which changes no picture; `exact` is as of `to_rgb`, `even` as of
    `PlaneReader`. A file that merely ends
    early ends the iteration. Damage is concealed as of `decoded_frames`, and added to `damage`.

    Raises:
        BadInputError: as `probe_video`; DECODE_ERROR as `decoded_frames`.
    """
    scaler = VideoReformatter()
    with open_video(Path(path), threads, choice) as (container, stream):
        shown = decoded_frames(container, stream, Path(path), damage)
        for index, (pts, frame, damaged, _) in enumerate(shown):
            image = _upright(frame, scaler, exact, even)
            aspect = pixel_aspect(stream, frame)
            yield Frame(index, pts, image, frame.duration or 0, aspect, damaged)


def iter_planes(
    path: str | Path,
    threads: int = DECODER_THREADS,
    choice: StreamChoice = PLAYERS_CHOICE,
    even: bool = False,
) -> Iterator[PlaneFrame]:
    """The frames of `iter_frames` in planes of `VideoInfo.layout` and tags of `VideoInfo.colour`.

    The planes are the decoder's own samples where `PlaneReader` need not convert them, and keep
    its memory for as long as they are kept.

    Raises:
        BadInputError: as `iter_frames`; DECODE_ERROR also as `PlaneReader`.
    """
    with open_video(Path(path), threads, choice) as (container, stream):
        reader = PlaneReader(Path(path), stream.codec_context.name, even)
        shown = decoded_frames(container, stream, Path(path))
        for index, (pts, frame, _, _) in enumerate(shown):
            yield PlaneFrame(index, pts, reader(frame), frame.duration or 0)


def iter_frames_at(
    path: str | Path,
    fps: Fraction,
    first: int = 0,
    end: int | None = None,
    threads: int = DECODER_THREADS,
    choice: StreamChoice = PLAYERS_CHOICE,
) -> Iterator[Frame]:
    """The film resampled to exactly `fps` frames per second, or frames `first` <= n < `end` of it.

    Output n is the source frame on screen n/fps seconds after the first frame's start, so frames
    repeat or are left out and none is blended. `Frame.index` is n, `Frame.pts` the source frame's.
    The last source frame counts as 1/(nominal rate) long. A part holds exactly the frames that the
    whole would give for it, and is reached without decoding all before it where the file allows.

    Raises:
        BadInputError: as `iter_frames`.
    """
    scaler = VideoReformatter()
    index = first
    shown: _Shown | None = None
    begin = frame_time(first, fps) + _CLOCK_TOLERANCE
    with video_from(Path(path), begin, threads, choice) as (stream, frames):
        unit = time_base(stream)
        length = 1 / film_clock(Path(path), stream.index).rate.fps
        for pts, frame, damaged, missing in frames:
            start = pts * unit - _CLOCK_TOLERANCE
            while shown is not None and frame_time(index, fps) < start:
                if index == end:
                    return
                over = shown.pts * unit + length - _CLOCK_TOLERANCE
                stands_in = missing > 0 and frame_time(index, fps) >= over
                yield shown.as_frame(index, stands_in)
                index += 1
            aspect = pixel_aspect(stream, frame)
            shown = _Shown(pts, frame, scaler, aspect, damaged)
        assert shown is not None  # decoding raises where there is none
        over = shown.pts * unit + length - _CLOCK_TOLERANCE
        while frame_time(index, fps) < over and index != end:
            yield shown.as_frame(index)
            index += 1


class _Shown:
    """The source frame on screen, converted once and only if it is shown at all."""

    def __init__(
        self,
        pts: int,
        frame: av.VideoFrame,
        scaler: VideoReformatter,
        aspect: Fraction,
        damaged: bool,
    ) -> None:
        self.pts = pts
        self._aspect = aspect
        self._damaged = damaged
        self._frame = frame
        self._scaler = scaler
        self._image: NDArray[np.uint8] | None = None

    def as_frame(self, index: int, stands_in: bool = False) -> Frame:
        if self._image is None:
            self._image = _upright(self._frame, self._scaler)
        damaged = self._damaged or stands_in
        return Frame(index, self.pts, self._image, pixel_aspect=self._aspect, damaged=damaged)


def _upright(
    frame: av.VideoFrame, scaler: VideoReformatter, exact: bool = True, even: bool = False
) -> NDArray[np.uint8]:
    stored = extended(to_rgb(frame, scaler, exact), *missing_pixels(frame, even))
    return orientation_of(frame).upright(stored)
