from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from mytalk_core.dubbing.delivery_checks import check_film
from mytalk_core.dubbing.track_checks import check_tracks
from mytalk_core.media.decode import iter_planes
from mytalk_core.media.encode import VideoWriter
from mytalk_core.media.film_container import film_container
from mytalk_core.media.film_mux import write_film
from mytalk_core.media.probe import VideoInfo, probe_video
from mytalk_core.media.sound_track import DubSound
from mytalk_core.media.timestamps import frame_starts
from tests.cases import RunFfmpeg

_LENGTH = Fraction(24 * 1001, 24000)


@pytest.fixture
def speech(run_ffmpeg: RunFfmpeg, tmp_path: Path) -> Path:
    return run_ffmpeg(tmp_path / "speech.wav", "-f", "lavfi", "-i", "sine=500:d=1")


def made_film(run_ffmpeg: RunFfmpeg, out: Path, *codec: str) -> Path:
    lavfi = ("-f", "lavfi", "-i")
    sources = (*lavfi, "testsrc=s=96x64:r=24000/1001:d=1", *lavfi, "anoisesrc=r=48000:d=1:seed=1")
    names = ("-metadata:s:a:0", "language=eng", "-pix_fmt", "yuv420p")
    return run_ffmpeg(out, *sources, *codec, *names)


def dubbed(film: Path, sounds: list[DubSound], out: Path) -> VideoInfo:
    info, picture = probe_video(film), film.with_name("picture.mp4")
    with VideoWriter(picture, info) as writer:
        for frame in iter_planes(film):
            writer.write(frame)
    write_film(picture, sounds, info, out, writer.duration, "mark")
    return info


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize(
    ("source", "codec"),
    [
        ("film.mov", ("-c:v", "libx264", "-c:a", "pcm_s24le")),
        ("film.ts", ("-c:v", "mpeg2video", "-c:a", "aac")),
        ("film.mkv", ("-c:v", "libx264", "-c:a", "ac3")),
    ],
)
def test_films_pass(
    run_ffmpeg: RunFfmpeg,
    speech: Path,
    tmp_path: Path,
    suffix: str,
    source: str,
    codec: tuple[str, ...],
) -> None:
    film, out = made_film(run_ffmpeg, tmp_path / source, *codec), tmp_path / f"out{suffix}"
    sounds = [DubSound(speech, "de", "Deutsch")]
    info = dubbed(film, sounds, out)
    rounding = film_container(out).rounding
    found = check_tracks(info, sounds, out, _LENGTH)
    found |= check_film(info, frame_starts(film), out, 0, "mark", rounding)
    assert [f"{name}: {check.text}" for name, check in found.items() if not check.ok] == []


def test_differences_are_found(run_ffmpeg: RunFfmpeg, speech: Path, tmp_path: Path) -> None:
    codec = ("-c:v", "libx264", "-c:a", "ac3")
    film, out = made_film(run_ffmpeg, tmp_path / "film.mkv", *codec), tmp_path / "out.mp4"
    sounds = [DubSound(speech, "de", "Deutsch")]
    info = dubbed(film, sounds, out)

    def failed(source: VideoInfo, given: list[DubSound], length: Fraction = _LENGTH) -> list[str]:
        found = check_tracks(source, given, out, length)
        return [name for name, check in found.items() if not check.ok]

    assert failed(info, sounds) == []
    assert failed(info, []) == ["sound tracks"]
    assert failed(info, [replace(sounds[0], language="fr")]) == ["languages and titles"]
    assert failed(info, sounds, _LENGTH * 2) == ["length of the dub"]
    graph = ("-af", "volume=0.9", "-c:v", "copy", "-c:a", "ac3")
    other = run_ffmpeg(tmp_path / "other.mkv", "-i", film, *graph)
    assert failed(replace(info, path=str(other)), sounds) == ["own sound"]
    late = run_ffmpeg(
        tmp_path / "late.mkv", "-i", film, "-itsoffset", "0.1", "-i", film,
        "-map", "0:v", "-map", "1:a", "-c", "copy",
    )  # fmt: skip
    assert failed(probe_video(late), sounds) == ["own sound"]
