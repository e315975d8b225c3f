"""A film's timestamps are preserved in the output for every container."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from mytalk_core.data.samples import SampleClip
from mytalk_core.media.decode import iter_planes
from mytalk_core.media.encode import VideoWriter
from mytalk_core.media.film_mux import write_film
from mytalk_core.media.probe import probe_audio, probe_video
from mytalk_core.media.sound_track import DubSound
from mytalk_core.media.timestamps import frame_starts

RunFfmpeg = Callable[..., Path]

_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2")
_VARYING = ("-vf", "select='not(mod(n,3))+lt(mod(n,20),7)'", "-fps_mode", "vfr")
_MPEG2 = ("-c:v", "mpeg2video", "-q:v", "3")


@pytest.fixture(scope="module")
def clip(
    tmp_path_factory: pytest.TempPathFactory,
    run_ffmpeg: RunFfmpeg,
    sample_clips: dict[str, SampleClip],
) -> Path:
    """Two seconds of real footage at 29.97 frames a second."""
    out = tmp_path_factory.mktemp("clip") / "clip.mp4"
    small = ("-t", "2", "-vf", "scale=160:90,fps=30000/1001", *_H264, "-c:a", "aac")
    return run_ffmpeg(out, "-i", sample_clips["jwp_intro"].path, *small)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("varying.mkv", (*_VARYING, *_H264)),
        ("varying.mp4", (*_VARYING, *_H264)),
        ("varying.ts", (*_VARYING, *_MPEG2)),
        ("varying.webm", (*_VARYING, "-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus")),
        ("steady.mkv", _H264),
        ("steady.mov", _H264),
        ("steady.avi", ("-c:v", "mpeg4")),
        ("late.mkv", ("-vf", "setpts=PTS+0.7/TB", *_H264)),
        (
            "odd.nut",
            ("-vf", "settb=1/7919,setpts=N*101", "-fps_mode", "passthrough", *_H264, "-bf", "0"),
        ),
        ("film.mxf", (*_MPEG2, "-c:a", "pcm_s16le", "-ar", "48000")),
    ],
)
def test_every_frame_keeps_its_timestamp(
    clip: Path, run_ffmpeg: RunFfmpeg, tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    film = run_ffmpeg(tmp_path / name, "-i", clip, *options)
    info = probe_video(film)
    frames = list(iter_planes(film))
    picture, out = tmp_path / "picture.mp4", tmp_path / "out.mp4"
    with VideoWriter(picture, info, crf=40) as writer:
        for frame in frames:
            writer.write(frame)
    write_film(picture, [DubSound(clip)], None, out, writer.duration, "made")
    expected = [frame.pts * info.time_base for frame in frames]
    assert frame_starts(out) == expected
    if "late" not in name:
        assert [round(start, 3) for start in frame_starts(film)] == [
            round(start, 3) for start in expected
        ]
    made = probe_video(out)
    assert made.start == 0
    assert made.fps == info.fps or not made.steady


def test_a_long_last_frame_keeps_its_duration(
    clip: Path, run_ffmpeg: RunFfmpeg, tmp_path: Path
) -> None:
    film = run_ffmpeg(
        tmp_path / "slides.mkv",
        *("-i", clip, "-an", "-vf", "setpts='if(lt(N,30),PTS,PTS+N*0.5/TB)',fps=30000/1001"),
        *("-frames:v", "60", *_H264),
    )
    slides = run_ffmpeg(
        tmp_path / "slides.mp4",
        *("-i", film, "-vf", "select='lt(n,31)'", "-fps_mode", "vfr", *_H264, "-bf", "0"),
        *("-bsf:v", "setts=duration='if(eq(N,30),3/TB,DURATION)'"),
    )
    info = probe_video(slides)
    picture = tmp_path / "picture.mp4"
    with VideoWriter(picture, info, crf=40) as writer:
        for frame in iter_planes(slides):
            writer.write(frame)
    starts = frame_starts(slides)
    assert writer.duration == pytest.approx(starts[-1] + 3, abs=0.05)
    assert probe_video(picture).duration == writer.duration


def test_audio_is_as_long_as_the_video(clip: Path, run_ffmpeg: RunFfmpeg, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    write_film(clip, [DubSound(clip)], None, out, Fraction(3), "made")
    assert abs(probe_audio(out).duration - 3) < Fraction(1, 40)
