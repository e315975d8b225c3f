"""What footage may be at most, looked at before anything is decoded."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.container import (
    MOST_PIXELS,
    clock_may_jump,
    open_container,
    open_undecoded,
)
from mytalk_core.media.film_clock import film_clock
from mytalk_core.media.probe import stated_duration
from mytalk_core.media.stream_choice import choose_video


@dataclass(frozen=True)
class MediaLimits:
    """Bounds on one file of footage."""

    # Longest duration that a file may state, seconds.
    seconds: int = 8 * 3600
    # Largest picture, width x height; never more than decoders take (`container.MOST_PIXELS`).
    pixels: int = MOST_PIXELS
    # Most streams of any kind.
    streams: int = 64
    # Largest file, bytes.
    size: int = 10**12


def check_limits(path: str | Path, limits: MediaLimits) -> None:
    """Returns where the file keeps within `limits`, as far as its headers tell. Decodes nothing.

    Raises:
        BadInputError: as `open_container`, or OVER_LIMIT.
    """
    path = Path(path)
    with open_undecoded(path) as container:
        _check(path, "bytes", container.size, limits.size)
        _check(path, "streams", len(container.streams), limits.streams)
        for video in container.streams.video:
            if video.codec_context:  # a codec that FFmpeg does not know has none
                _check(path, "pixels a frame", video.width * video.height, limits.pixels)
        seconds = max(
            (stated_duration(container, stream) for stream in container.streams),
            default=Fraction(0),
        )
        if seconds > limits.seconds and clock_may_jump(container):
            # It is the difference of the first and the last timestamp.
            seconds = _closed_duration(path)
        _check(path, "seconds", seconds, limits.seconds)


def _closed_duration(path: Path) -> Fraction:
    """Seconds that a file lasts once jumps of its clock are closed."""
    with open_container(path) as container:
        try:
            video = choose_video(container, path).index
        except BadInputError:
            return Fraction(0)  # it is of no use as footage, which is found in its place
    return film_clock(path, video).seconds or Fraction(0)


def _check(path: Path, unit: str, found: int | Fraction, most: int) -> None:
    if found > most:
        raise BadInputError(
            f"has {int(found)} {unit}, more than the {most} allowed.",
            reason=Reason.OVER_LIMIT,
            where=str(path),
            remedy="Raise the limit if the file is what you think it is.",
        )
