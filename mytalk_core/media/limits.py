"""Limits on footage, checked on the headers before anything is decoded."""

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
    """Limits on one file of footage."""

    # Longest stated duration, seconds.
    seconds: int = 8 * 3600
    # Largest picture, width x height; decoders are limited to `container.MOST_PIXELS` anyway.
    pixels: int = MOST_PIXELS
    # Largest number of streams of any kind.
    streams: int = 64
    # Largest file, bytes.
    size: int = 10**12


def check_limits(path: str | Path, limits: MediaLimits) -> None:
    """Check a file's headers against `limits`. Decodes nothing.

    Raises:
        BadInputError: as `open_container`, or OVER_LIMIT.
    """
    path = Path(path)
    with open_undecoded(path) as container:
        _check(path, "bytes", container.size, limits.size)
        _check(path, "streams", len(container.streams), limits.streams)
        for video in container.streams.video:
            if video.codec_context:  # None for a codec unknown to FFmpeg
                _check(path, "pixels a frame", video.width * video.height, limits.pixels)
        seconds = max(
            (stated_duration(container, stream) for stream in container.streams),
            default=Fraction(0),
        )
        if seconds > limits.seconds and clock_may_jump(container):
            # Jumps of the clock count as duration there.
            seconds = _closed_duration(path)
        _check(path, "seconds", seconds, limits.seconds)


def _closed_duration(path: Path) -> Fraction:
    """Return the duration of a file in seconds with the jumps of its clock closed."""
    with open_container(path) as container:
        try:
            video = choose_video(container, path).index
        except BadInputError:
            return Fraction(0)  # without a video stream; reported where it is read
    return film_clock(path, video).seconds or Fraction(0)


def _check(path: Path, unit: str, found: int | Fraction, most: int) -> None:
    if found > most:
        raise BadInputError(
            f"has {int(found)} {unit}, more than the {most} allowed.",
            reason=Reason.OVER_LIMIT,
            where=str(path),
            remedy="Raise the limit if this is the intended file.",
        )
