"""The video stream of a container: its frames as FFmpeg decodes them, on one clean clock."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import av.error
import av.stream
from av.container import InputContainer
from av.video.stream import VideoStream

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.container import MOST_PIXELS, open_container
from mytalk_core.media.film_clock import JumpCloser, film_clock
from mytalk_core.media.orientation import orientation_of
from mytalk_core.media.picture_kind import PictureKind, check_same_kind, kind_of
from mytalk_core.media.stream_choice import PLAYERS_CHOICE, StreamChoice, choose_video

# Enough for HD in real time; more would starve the other workers on a shared machine.
DECODER_THREADS = 2


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


def decoded_frames(
    container: InputContainer, stream: VideoStream, path: Path
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Yields (pts, frame) in the order of display.

    pts count in units of `time_base(stream)` from the first frame, which is at 0, and increase
    strictly: jumps of the clock are closed (see `film_clock`), and frames without a timestamp, or
    with one that goes back, follow at the nominal rate.

    Raises:
        BadInputError: DECODE_ERROR where data is damaged, after the frames before it;
            FORMAT_CHANGES or INTERLACED as `check_same_kind`, likewise;
            NO_FRAMES at the end of a stream that had none.
    """
    return with_clean_clock(container.decode(stream), stream, path)


def with_clean_clock(
    frames: Iterable[av.VideoFrame],
    stream: VideoStream,
    path: Path,
    zero: int | None = None,
    jumps: int = 0,
    kind: PictureKind | None = None,
) -> Iterator[tuple[int, av.VideoFrame]]:
    """`decoded_frames` for `frames` of the stream, whose first frame has the timestamp `zero`.

    Without `zero` the stream's first frame is the first of `frames`, without `kind` they are all
    of the kind of that one. Before them are `jumps` of the clock.

    Raises:
        BadInputError: as `decoded_frames`.
    """
    clock = film_clock(path, stream.index)
    closed = JumpCloser(clock.jumps.get(stream.index, ()), jumps)
    step = max(1, round(1 / (clock.rate.fps * time_base(stream))))
    previous: int | None = None
    try:
        for frame in frames:
            if zero is None:
                zero = frame.pts or 0
            pts = None if frame.pts is None else closed(frame.pts) - zero
            if previous is not None and (pts is None or pts <= previous):
                pts = previous + step
            previous = pts or 0
            now = kind_of(frame, stream)
            kind = kind or now
            check_same_kind(kind, now, previous * time_base(stream), path)
            yield previous, frame
    except av.error.FFmpegError as error:
        after = (
            "before its first frame"
            if previous is None
            else f"after {float(previous * time_base(stream)):.2f} s"
        )
        raise BadInputError(
            f"the video is damaged: decoding failed {after}.",
            reason=Reason.DECODE_ERROR,
            where=str(path),
            remedy="Repair the file, or cut it before that point.",
        ) from error
    if previous is None:
        raise BadInputError(
            "the video stream holds no frames.", reason=Reason.NO_FRAMES, where=str(path)
        )
