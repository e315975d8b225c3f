"""Decode a film frame by frame, upright, in constant memory: as RGB or as its own YUV planes."""

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
from mytalk_core.media.frame_rate import TIMESTAMP_ROUNDING
from mytalk_core.media.orientation import orientation_of
from mytalk_core.media.plane_reader import PlaneReader, extended, missing_pixels
from mytalk_core.media.planes import Planes
from mytalk_core.media.seek import video_from
from mytalk_core.media.stream_choice import PLAYERS_CHOICE, StreamChoice
from mytalk_core.media.video_stream import (
    DECODER_THREADS,
    pixel_aspect,
    time_base,
)


@dataclass(frozen=True)
class Frame:
    """One decoded picture in RGB."""

    index: int  # position in the stream, from 0
    pts: int  # start of display in units of `VideoInfo.time_base`; the first frame is at 0
    image: NDArray[np.uint8]  # (H, W, 3) RGB, upright
    duration: int = 0  # as stated by the file, in units of `VideoInfo.time_base`; 0: not stated
    pixel_aspect: Fraction = Fraction(1)  # width of a pixel over its height
    damaged: bool = False  # decoded with errors, or repeated in place of missing frames


@dataclass(frozen=True)
class PlaneFrame:
    """One decoded picture in the film's own planes."""

    index: int  # position in the stream, from 0
    pts: int  # start of display in units of `VideoInfo.time_base`; the first frame is at 0
    planes: Planes  # upright
    duration: int = 0  # as stated by the file, in units of `VideoInfo.time_base`; 0: not stated


def iter_frames(
    path: str | Path,
    exact: bool = True,
    choice: StreamChoice = PLAYERS_CHOICE,
    damage: DamageLog | None = None,
    even: bool = False,
    begin: Fraction = Fraction(0),
) -> Iterator[Frame]:
    """Yield every frame of the video stream in display order; pts increase strictly.

    A truncated file ends the iteration. Damage is concealed as by `decoded_frames`.

    Args:
        exact: as in `to_rgb`.
        damage: collects the damage that was concealed.
        even: as in `PlaneReader`.
        begin: seconds after the first frame's start. Iteration starts with a frame at or before
            it, and `Frame.index` counts from there.

    Raises:
        BadInputError: as `probe_video`; DECODE_ERROR as `decoded_frames`.
    """
    scaler = VideoReformatter()
    with video_from(Path(path), begin, DECODER_THREADS, choice, damage) as (stream, shown):
        for index, (pts, frame, damaged, _) in enumerate(shown):
            image = _upright(frame, scaler, exact, even)
            aspect = pixel_aspect(stream, frame)
            yield Frame(index, pts, image, frame.duration or 0, aspect, damaged)


def iter_planes(
    path: str | Path,
    threads: int = DECODER_THREADS,
    choice: StreamChoice = PLAYERS_CHOICE,
    even: bool = False,
    begin: Fraction = Fraction(0),
) -> Iterator[PlaneFrame]:
    """Yield the frames of `iter_frames` as planes of `VideoInfo.layout` and `VideoInfo.colour`.

    `begin` is as of `iter_frames`; `PlaneFrame.index` counts from the first frame yielded. Where
    `PlaneReader` need not convert, the planes are views of the decoder's memory and keep it alive.

    Raises:
        BadInputError: as `iter_frames`; DECODE_ERROR also as `PlaneReader`.
    """
    with video_from(Path(path), begin, threads, choice) as (stream, shown):
        reader = PlaneReader(Path(path), stream.codec_context.name, even)
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
    """Yield the film resampled to exactly `fps` frames per second: frames `first` <= n < `end`.

    Output n is the source frame on screen n/fps seconds after the first frame's start, so frames
    repeat or are dropped and none is blended. `Frame.index` is n, `Frame.pts` the source frame's.
    The last source frame lasts 1/(nominal rate). A part equals the same frames of the whole. Where
    the file allows, decoding starts near the part.

    Raises:
        BadInputError: as `iter_frames`.
    """
    scaler = VideoReformatter()
    index = first
    shown: _SourceFrame | None = None
    begin = frame_time(first, fps) + TIMESTAMP_ROUNDING
    with video_from(Path(path), begin, threads, choice) as (stream, frames):
        unit = time_base(stream)
        length = 1 / film_clock(Path(path), stream.index).rate.fps
        for pts, frame, damaged, missing in frames:
            start = pts * unit - TIMESTAMP_ROUNDING
            while shown is not None and frame_time(index, fps) < start:
                if index == end:
                    return
                over = shown.pts * unit + length - TIMESTAMP_ROUNDING
                stands_in = missing > 0 and frame_time(index, fps) >= over
                yield shown.as_frame(index, stands_in)
                index += 1
            aspect = pixel_aspect(stream, frame)
            shown = _SourceFrame(pts, frame, scaler, aspect, damaged)
        assert shown is not None  # decoding raises where there is no frame
        over = shown.pts * unit + length - TIMESTAMP_ROUNDING
        while frame_time(index, fps) < over and index != end:
            yield shown.as_frame(index)
            index += 1


class _SourceFrame:
    """The source frame on screen, converted at most once and only when it is output."""

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
