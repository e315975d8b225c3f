"""Audio of a file on the clock of its video, whole or from a given time, for the ffmpeg program.

The program resamples and fills gaps with silence. Timestamps here are in samples at the stream's
own rate, counted from the container's start, which need not be the stream's.
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

# Seconds decoded before the resampler starts, and resampled before the part starts, so that the
# state of neither depends on where it started.
_DECODER_RUN_UP = 2
_RESAMPLER_RUN_UP = 1

# Seconds by which joined streams may overlap or be apart before samples are cut or added.
_LEAST_CUT = 0.01

# The resampler does not correct a start offset below this (libswresample).
_LEFT_ALONE = Fraction(1, 1000)


@dataclass(frozen=True)
class _Stream:
    """Position of an audio stream on the container's clock, in samples at its own rate."""

    unit: Fraction  # time base of the container's timestamps, seconds
    sample_rate: int  # Hz
    zero: int  # the container's start on its own clock
    late_for_program: int  # by which the program's clock starts later than the container's
    first: int  # position of the first sample; negative: before the container's start
    second_frame: int  # position of the second decoded frame
    frame_samples: int  # length of frames from the second on, from the first two
    rounding: int  # largest error of a frame's position due to the time base
    whole_seconds: int  # fewest seconds that are a multiple of the time base


@dataclass(frozen=True)
class _Seek:
    """Where to enter a stream so that the samples equal those of a full decode."""

    seek: int  # seconds from the container's start, passed to the program
    begin: int  # first sample for the resampler, at the stream's rate after `seek`
    skip: int  # samples at the new rate before the part


def audio_from_first_frame(
    path: Path,
    sample_rate: int,
    start: Fraction = Fraction(0),
    choice: StreamChoice = PLAYERS_CHOICE,
) -> Any:
    """Return the audio stream of `path` as an ffmpeg-python node, resampled to `sample_rate` Hz.

    It starts `start` seconds after the first video frame's start or, in a file without video,
    after the first sample. Gaps are filled with silence; earlier samples are dropped.

    The samples from a later start equal those from 0: bit-exact for PCM and nearly so for most
    codecs, but with different noise where a decoder adds some (AC-3, AAC). They may be off by half
    a millisecond where a container counts in milliseconds and frames vary in length (Vorbis in
    WebM), and by a tenth of a second where timestamps drift against the sampling clock.

    Raises:
        BadInputError: as `probe_audio`.
    """
    index = probe_audio(path, choice).index
    stream = _inspect(path, index)
    picture = _picture(path, choice)
    first_picture = picture.start if picture else Fraction(0)
    skip = sample_at(start, sample_rate) + sample_at(first_picture, sample_rate)
    clock = film_clock(path, picture.index if picture else None)
    jumping = any(clock.jumps.values())
    seek = _plan_seek(stream, skip, sample_rate) if stream and not jumping else None
    resampling: dict[str, Any] = {"first_pts": 0, "async": 1}
    if stream is not None and jumping:
        # With the file's own timestamps: the program closes jumps of single streams only.
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
    """Return the film that the audio belongs to; None for audio without readable video."""
    try:
        return probe_video(path, choice)
    except BadInputError:
        return None


def _inspect(path: Path, index: int) -> _Stream | None:
    """Return the audio stream `index` of `path`; None where its first frames do not decode."""
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
    """Return by how many samples the program's clock starts after the container's.

    In formats whose clock may jump, the program starts its clock with the first stream that it
    reads, which loses the delay of the audio against the video.
    """
    if not clock_may_jump(container) or audio.start_time is None:
        return 0
    return _nearest((audio.start_time - zero) * time_base(audio) * sample_rate)


def _nearest(number: Fraction) -> int:
    """Round to the nearest integer, halves away from zero, as the program does."""
    return int(abs(number) + Fraction(1, 2)) * (1 if number >= 0 else -1)


def _plan_seek(stream: _Stream, skip: int, sample_rate: int) -> _Seek | None:
    """Plan how to reach sample `skip` at `sample_rate`; None where it is too near the start.

    The resampler starts whole seconds after its starting sample in a full decode, so that its
    phase is the same.
    """
    origin, origin_out = stream.first, 0
    if Fraction(stream.first, stream.sample_rate) >= _LEFT_ALONE:
        origin = 0  # the program pads with silence up to the first sample
    elif Fraction(stream.first, stream.sample_rate) <= -_LEFT_ALONE:
        origin_out = -(-stream.first * sample_rate // stream.sample_rate)  # dropped by it
    seconds = (skip - origin_out) // sample_rate - _RESAMPLER_RUN_UP
    seek = seconds - _DECODER_RUN_UP
    # The program would round other times, and shift all samples.
    seek -= seek % stream.whole_seconds
    if seek <= abs(stream.first) / stream.sample_rate:
        return None
    return _Seek(
        seek=seek,
        begin=origin + (seconds - seek) * stream.sample_rate,
        skip=skip - origin_out - seconds * sample_rate,
    )


def _closed(stream: _Stream, jumps: Sequence[Jump]) -> str:
    """Return an expression for a frame's first sample, counted from the container's start.

    Variable 0 counts the jumps, variable 1 holds the expected start of the next frame.
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
    """Return an expression for a frame's first sample, `seek` seconds after the container's start.

    The container rounds times to its time base, up to a millisecond; frames of constant length
    allow restoring them.
    """
    if stream.frame_samples <= 4 * stream.rounding:
        return "PTS"
    grid, length = stream.second_frame - seek * stream.sample_rate, stream.frame_samples
    near = f"({grid}+{length}*round((PTS-({grid}))/{length}))"
    return f"if(lte(abs(PTS-{near}),{stream.rounding + 1}),{near},PTS)"
