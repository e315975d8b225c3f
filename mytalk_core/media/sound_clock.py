"""A file's sound on the clock of its pictures, whole or from a moment on, for the ffmpeg program.

The program resamples, and fills with silence what the recording lacks. It works on samples at the
stream's own rate, counted here from the container's start, which need not be the stream's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, cast

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer

from mytalk_core.errors import BadInputError
from mytalk_core.media.clock import sample_at
from mytalk_core.media.container import clock_may_jump, open_container
from mytalk_core.media.ffmpeg_program import local_input
from mytalk_core.media.film_clock import BACKWARD, FORWARD, Jump, film_clock
from mytalk_core.media.probe import VideoInfo, probe_audio, probe_video
from mytalk_core.media.stream_choice import PLAYERS_CHOICE, StreamChoice
from mytalk_core.media.video_stream import time_base

# Seconds that are decoded before the resampler starts, and resampled before the part starts, so
# that neither remembers that it did not begin at the beginning.
_DECODER_RUN_UP = 2
_RESAMPLER_RUN_UP = 1

# Seconds by which joined streams may overlap or lie apart before samples are cut or added.
_LEAST_CUT = 0.01

# The resampler leaves a stream that begins by less off its clock as it is. (FFmpeg, libswresample)
_LEFT_ALONE = Fraction(1, 1000)


@dataclass(frozen=True)
class _Stream:
    """How an audio stream lies on the container's clock, in samples at its own rate."""

    unit: Fraction  # seconds, of the container's timestamps
    sample_rate: int  # Hz
    zero: int  # the container's start on its own clock
    late_for_program: int  # by which the program's clock starts later than the container's
    first: int  # where the first sample lies; negative: before the container's start
    second_frame: int  # where the second decoded frame lies
    frame_samples: int  # of each frame from the second on, as far as two tell
    rounding: int  # by which the container's unit of time may misplace a frame
    whole_seconds: int  # fewest seconds that are a whole number of that unit


@dataclass(frozen=True)
class _Seek:
    """Where to enter a stream so that what comes is what decoding all would give."""

    seek: int  # seconds from the container's start, asked of the program
    begin: int  # sample at the stream's rate, after `seek`, that the resampler begins with
    skip: int  # samples at the new rate that come before the part


def sound_from_first_picture(
    path: Path,
    sample_rate: int,
    start: Fraction = Fraction(0),
    choice: StreamChoice = PLAYERS_CHOICE,
) -> Any:
    """The audio stream of `path` as an ffmpeg-python node, resampled to `sample_rate` Hz.

    It begins `start` seconds after the first video frame's start, or, in a file without video,
    after the first sample; silence fills what the recording lacks, and what sounds before is left
    out.

    What comes from a later start is the rest of what comes from 0: to the bit for PCM, as good as
    that for most codecs, but with other noise where a decoder adds some (AC-3, AAC). It may lie
    half a millisecond off where a container counts in milliseconds and frames differ in length
    (Vorbis in WebM), and a tenth of a second where a recording's clock is not its sampling clock.

    Raises:
        BadInputError: as `probe_audio`.
    """
    index = probe_audio(path, choice).index
    stream = _look(path, index)
    picture = _picture(path, choice)
    first_picture = picture.start if picture else Fraction(0)
    skip = sample_at(start, sample_rate) + sample_at(first_picture, sample_rate)
    clock = film_clock(path, picture.index if picture else None)
    jumping = any(clock.jumps.values())
    seek = _plan_seek(stream, skip, sample_rate) if stream and not jumping else None
    resampling: dict[str, Any] = {"first_pts": 0, "async": 1}
    if stream is not None and jumping:
        # With its own timestamps: the program closes jumps of one stream alone, and some of them.
        sound = local_input(path, threads=1, copyts=None)[str(index)].filter(
            "asetpts", _closed(stream, clock.jumps[index])
        )
        resampling["min_hard_comp"] = _LEAST_CUT
    elif stream is None or seek is None:
        sound = local_input(path, threads=1)[str(index)]
        if stream is not None and stream.late_for_program:
            sound = sound.filter("asetpts", f"PTS+{stream.late_for_program}")
    else:
        skip = seek.skip
        sound = (
            local_input(path, threads=1, ss=seek.seek)[str(index)]
            .filter("asetpts", _on_grid(stream, seek.seek))
            .filter("atrim", start_pts=seek.begin)
            .filter("asetpts", f"PTS-{seek.begin}")
        )
    return (
        sound.filter("aresample", sample_rate, **resampling)
        .filter("atrim", start_sample=skip)
        .filter("asetpts", "PTS-STARTPTS")
    )


def _picture(path: Path, choice: StreamChoice) -> VideoInfo | None:
    """The film that the sound belongs to; None where there is none."""
    try:
        return probe_video(path, choice)
    except BadInputError:  # songs, and films of which only the sound is sound
        return None


def _look(path: Path, index: int) -> _Stream | None:
    """The audio stream `index` of `path`; None where its first frames tell nothing."""
    with open_container(path) as container:
        audio = cast(AudioStream, container.streams[index])
        try:
            frames = list(islice(container.decode(audio), 2))
        except av.error.FFmpegError:
            return None
        if len(frames) < 2 or frames[0].pts is None:
            return None
        rate = frames[0].sample_rate
        unit = time_base(audio)
        zero = _nearest((container.start_time or 0) * Fraction(1, av.time_base) / unit)
        first = _nearest((frames[0].pts - zero) * unit * rate)
        return _Stream(
            unit=unit,
            sample_rate=rate,
            zero=_nearest(zero * unit * rate),
            late_for_program=_late_for_program(container, audio, zero, rate),
            first=first,
            second_frame=first + frames[0].samples,
            frame_samples=frames[1].samples,
            rounding=math.ceil(unit * rate),
            whole_seconds=unit.numerator,
        )


def _late_for_program(
    container: InputContainer, audio: AudioStream, zero: int, sample_rate: int
) -> int:
    """By how many samples the program's clock starts after the container's.

    In formats whose clock may jump, it starts the clock with the first stream that it is asked
    for, and so forgets how much later than the picture the sound begins.
    """
    if not clock_may_jump(container) or audio.start_time is None:
        return 0
    return _nearest((audio.start_time - zero) * time_base(audio) * sample_rate)


def _nearest(number: Fraction) -> int:
    """The nearest whole number; halves go away from zero, as the program rounds."""
    return int(abs(number) + Fraction(1, 2)) * (1 if number >= 0 else -1)


def _plan_seek(stream: _Stream, skip: int, sample_rate: int) -> _Seek | None:
    """How to reach sample `skip` at `sample_rate`; None where that is too near the beginning.

    The resampler begins whole seconds after the sample with which it begins when it is given all,
    so that its phase is the same.
    """
    origin, origin_out = stream.first, 0
    if Fraction(stream.first, stream.sample_rate) >= _LEFT_ALONE:
        origin = 0  # it is given silence up to the first sample
    elif Fraction(stream.first, stream.sample_rate) <= -_LEFT_ALONE:
        origin_out = -(-stream.first * sample_rate // stream.sample_rate)  # which it throws away
    seconds = (skip - origin_out) // sample_rate - _RESAMPLER_RUN_UP
    seek = seconds - _DECODER_RUN_UP
    # Other moments the program would round, and all that follows with them.
    seek -= seek % stream.whole_seconds
    if seek <= abs(stream.first) / stream.sample_rate:
        return None
    return _Seek(
        seek=seek,
        begin=origin + (seconds - seek) * stream.sample_rate,
        skip=skip - origin_out - seconds * sample_rate,
    )


def _closed(stream: _Stream, jumps: Sequence[Jump]) -> str:
    """An expression for a frame's first sample, counted from the container's start.

    Variable 0 counts the jumps, variable 1 holds where the next frame is to begin.
    """
    rate = stream.sample_rate
    gap = "(PTS-ld(1))"
    jumped = f"gt({gap},{int(FORWARD * rate)})+lt({gap},{-int(BACKWARD * rate)})"
    count = f"st(0,if(isnan(PREV_INPTS),0,ld(0)+{jumped}))"
    shifts = [0, *(_nearest(jump.shift * stream.unit * rate) for jump in jumps)]
    steps = [
        f"gte(ld(0),{number})*({after - before})"
        for number, (before, after) in enumerate(pairwise(shifts), 1)
    ]
    shift = "+".join([str(stream.zero), *steps])
    return f"{count};st(1,PTS+NB_SAMPLES);PTS-({shift})"


def _on_grid(stream: _Stream, seek: int) -> str:
    """An expression for a frame's first sample, `seek` seconds after the container's start.

    The container rounds times to its unit, up to a millisecond; frames of a constant length show
    what they were.
    """
    if stream.frame_samples <= 4 * stream.rounding:
        return "PTS"
    grid, length = stream.second_frame - seek * stream.sample_rate, stream.frame_samples
    near = f"({grid}+{length}*round((PTS-({grid}))/{length}))"
    return f"if(lte(abs(PTS-{near}),{stream.rounding + 1}),{near},PTS)"
