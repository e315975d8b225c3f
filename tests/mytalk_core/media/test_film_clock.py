"""Timestamp jumps are closed for picture and audio alike; gaps are kept."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.data.samples import SampleClip
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.audio import read_audio
from mytalk_core.media.decode import iter_frames, iter_frames_at
from mytalk_core.media.film_clock import Jump, JumpCloser, film_clock
from mytalk_core.media.limits import MediaLimits, check_limits
from mytalk_core.media.probe import probe_video

RunFfmpeg = Callable[..., Path]
FPS = Fraction(25)
FIRST, SECOND = 30, 25  # frames before and after the jump

_PICTURE = ("-vf", "scale=160:90,fps=25", "-c:v", "mpeg2video", "-q:v", "2", "-g", "12")
_SOUND = ("-c:a", "mp2", "-b:a", "192k", "-ar", "44100")
_AT_ONCE = ("-muxdelay", "0", "-muxpreload", "0")


@given(
    st.lists(
        st.tuples(
            st.integers(3, 60), st.one_of(st.integers(30, 10_000), st.integers(-10_000, -20))
        ),
        min_size=1,
        max_size=6,
    )
)
def test_closed_timestamps_are_continuous(parts: list[tuple[int, int]]) -> None:
    """Parts of several frames, each followed by a jump of several frames."""
    raw: list[int] = []
    jumps: list[Jump] = []
    at = shift = 0
    for frames, step in parts:
        raw += range(at, at + frames)
        shift += step
        jumps.append(Jump(raw[-1], raw[-1] + 1 + step, shift))
        at = raw[-1] + 1 + step
    raw.append(at)
    closer = JumpCloser(jumps)
    assert [closer(pts) for pts in raw] == list(range(len(raw)))
    for passed, jump in enumerate(jumps, 1):
        begin = raw.index(jump.after) if raw.count(jump.after) == 1 else None
        if begin is not None:
            part = JumpCloser(jumps, passed)
            assert [part(pts) for pts in raw[begin:]] == list(range(begin, len(raw)))


@pytest.fixture(scope="module")
def steady(
    tmp_path_factory: pytest.TempPathFactory,
    run_ffmpeg: RunFfmpeg,
    sample_clips: dict[str, SampleClip],
) -> Path:
    """Two seconds of real footage, stored losslessly."""
    out = tmp_path_factory.mktemp("clock") / "steady.mov"
    return run_ffmpeg(
        out,
        *("-ss", "1", "-i", sample_clips["jwp_intro"].path, "-t", f"{(FIRST + SECOND) / 25}"),
        *("-vf", "scale=160:90,fps=25", "-c:v", "libx264", "-qp", "0", "-g", "1"),
        *("-c:a", "pcm_s16le", "-ar", "44100", "-ac", "1"),
    )


def joined(run_ffmpeg: RunFfmpeg, steady: Path, name: str, at: float, begin: float = 0) -> Path:
    """Return a transport stream that starts at `begin`; its second part starts at `at` seconds."""
    cut = str(FIRST / 25)
    parts = []
    for number, (before, after, start) in enumerate(
        (((), ("-t", cut), begin), (("-ss", cut), (), at))
    ):
        part = run_ffmpeg(
            steady.with_name(f"part{number}{Path(name).suffix}"),
            *(*before, "-i", steady, *after, *_PICTURE, *_SOUND, *_AT_ONCE),
            *("-output_ts_offset", str(start)),
        )
        parts.append(part.read_bytes())
    film = steady.with_name(name)
    film.write_bytes(b"".join(parts))
    return film


def lag(sound: np.ndarray, reference: np.ndarray) -> float:
    """Return the offset in seconds of a part of a recording from its place in the reference."""
    room = 1600
    inner = sound[room:-room]
    scores = [
        float(inner @ reference[room + offset : room + offset + len(inner)])
        for offset in range(-room, room)
        if room + offset + len(inner) <= len(reference)
    ]
    return (int(np.argmax(scores)) - room) / 16_000


@pytest.mark.parametrize(
    ("name", "at", "begin"),
    [
        ("far.ts", 3600, 0),
        ("near.ts", 30, 0),
        ("short.ts", 4, 0),
        ("restart.ts", 0, 0),
        ("back.ts", 20, 1000),
        ("wrapped.ts", 20, 95_000),
        ("wrapping.ts", 30, 95_443),
        ("disc.vob", 30, 0),
        ("restart.vob", 0, 0),
    ],
)
def test_a_jump_is_closed_for_picture_and_sound(
    run_ffmpeg: RunFfmpeg, steady: Path, name: str, at: float, begin: float
) -> None:
    film = joined(run_ffmpeg, steady, name, at, begin)
    info = probe_video(film)
    assert (info.fps, info.frame_estimate) == (FPS, FIRST + SECOND)
    assert info.duration == Fraction(FIRST + SECOND) / FPS
    frames = list(iter_frames(film))
    assert [frame.pts * info.time_base for frame in frames] == [
        n / FPS for n in range(FIRST + SECOND)
    ]
    assert sum(1 for _ in iter_frames_at(film, FPS)) == FIRST + SECOND
    own, reference = read_audio(film), read_audio(steady)
    assert len(own) == pytest.approx(len(reference), abs=1200)
    cut = FIRST * 640
    assert abs(lag(own[: cut - 800], reference)) < 0.02
    assert abs(lag(own[cut + 800 : len(reference)], reference[cut + 800 :])) < 0.02


def test_parts_of_a_film_with_jumps_equal_slices_of_the_whole(
    run_ffmpeg: RunFfmpeg, steady: Path
) -> None:
    long = run_ffmpeg(steady.with_name("long.mov"), "-stream_loop", "3", "-i", steady, "-c", "copy")
    film = joined(run_ffmpeg, long, "long.ts", 500, 100)
    whole = [(frame.index, frame.pts, frame.image.tobytes()) for frame in iter_frames_at(film, FPS)]
    assert len(whole) == 4 * (FIRST + SECOND)
    for first in (10, FIRST - 3, 60, 100, 180):
        part = [
            (frame.index, frame.pts, frame.image.tobytes())
            for frame in iter_frames_at(film, FPS, first, first + 9)
        ]
        assert part == whole[first : first + 9]
    sound = read_audio(film)
    for second in (1, 3, 5):
        part = read_audio(film, 16_000, Fraction(second), Fraction(1))
        assert np.array_equal(part, sound[second * 16_000 : (second + 1) * 16_000])


def test_limits_apply_to_the_closed_clock(run_ffmpeg: RunFfmpeg, steady: Path) -> None:
    film = joined(run_ffmpeg, steady, "days.ts", 50_000, 100)
    check_limits(film, MediaLimits(seconds=3))
    with pytest.raises(BadInputError) as caught:
        check_limits(film, MediaLimits(seconds=2))
    assert caught.value.reason is Reason.OVER_LIMIT


def test_a_long_slide_is_no_jump(run_ffmpeg: RunFfmpeg, steady: Path) -> None:
    """The audio continues; the same without audio in a container whose clock does not jump."""
    varying = ("-vf", "select='lt(n,10)+gt(n,50)',scale=160:90", "-fps_mode", "vfr")
    for name, codec in (("slides.ts", "mpeg2video"), ("slides.mkv", "libx264")):
        film = run_ffmpeg(
            steady.with_name(name), "-i", steady, *varying, "-c:v", codec, *_SOUND, *_AT_ONCE
        )
        info = probe_video(film)
        starts = [frame.pts * info.time_base for frame in iter_frames(film)]
        assert [round(start * 25) for start in starts] == [*range(10), *range(51, 55)]
        assert not info.steady
    far = run_ffmpeg(
        steady.with_name("far.mkv"),
        *("-i", steady, "-an", "-vf", "setpts='PTS+gt(N,9)*20/TB',scale=160:90"),
        *("-fps_mode", "passthrough", "-c:v", "libx264"),
    )
    times = [frame.pts * probe_video(far).time_base for frame in iter_frames(far)]
    assert times[10] - times[9] == pytest.approx(20.04, abs=0.01)


def test_a_gap_in_the_audio_alone_is_kept(run_ffmpeg: RunFfmpeg, steady: Path) -> None:
    """The picture continues, so the gap is one of the audio alone."""
    film = run_ffmpeg(
        steady.with_name("lost.ts"),
        *("-stream_loop", "7", "-i", steady, "-af", "aselect='lt(t,1)+gt(t,13)'"),
        *(*_PICTURE, *_SOUND, *_AT_ONCE),
    )
    sound = read_audio(film)
    assert not np.any(sound[int(1.2 * 16_000) : int(12.8 * 16_000)])
    reference = np.tile(read_audio(steady), 8)
    part = slice(int(13.5 * 16_000), int(15.5 * 16_000))
    assert abs(lag(sound[part], reference[part])) < 0.02


def test_a_wrong_stated_rate_is_corrected(run_ffmpeg: RunFfmpeg, steady: Path) -> None:
    """DV states the rate of its clock, Matroska the rate that the muxer was given."""
    tape = run_ffmpeg(
        steady.with_name("tape.dv"),
        *("-i", steady, "-vf", "scale=720:576,setsar=16/15", "-c:v", "dvvideo"),
        *("-pix_fmt", "yuv420p", "-c:a", "pcm_s16le", "-ar", "48000", "-ac", "2"),
    )
    assert probe_video(tape).fps == FPS
    assert probe_video(tape).frame_estimate == FIRST + SECOND
    film = run_ffmpeg(steady.with_name("film.mkv"), "-i", steady, "-c", "copy")
    content = film.read_bytes()
    default_duration = b"\x23\xe3\x83\x84" + (40_000_000).to_bytes(4)
    assert content.count(default_duration) == 1
    for wrong in (20_000_000, 16_667, 41_666_667):
        changed = steady.with_name(f"wrong{wrong}.mkv")
        changed.write_bytes(
            content.replace(default_duration, default_duration[:4] + wrong.to_bytes(4))
        )
        assert probe_video(changed).fps == FPS


def test_the_clock_of_a_file_is_read_once(run_ffmpeg: RunFfmpeg, steady: Path) -> None:
    film = run_ffmpeg(steady.with_name("once.ts"), "-i", steady, *_PICTURE, *_SOUND)
    first = film_clock(film, 0)
    assert film_clock(film, 0) is first
    film.write_bytes(film.read_bytes()[: 188 * 400])
    assert film_clock(film, 0) != first
