import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from mytalk_core.media.clean_aperture import (
    CleanAperture,
    read_clean_aperture,
    write_clean_aperture,
)
from mytalk_core.media.decode import iter_frames, iter_planes
from mytalk_core.media.encode import VideoWriter
from mytalk_core.media.film_mux import write_film
from mytalk_core.media.orientation import Orientation
from mytalk_core.media.probe import probe_video
from mytalk_core.media.sound_track import DubSound

_ODD = "testsrc2=s=180x140:r=25:d=0.4,format=yuv444p,crop=161:119,format=yuv420p"
_HALF = Fraction(1, 2)


def cropping(film: Path) -> list[int]:
    """Return the pixels cropped at left, right, top and bottom, as parsed by FFmpeg."""
    log = subprocess.run(
        [get_ffmpeg_exe(), "-hide_banner", "-i", film], check=False, capture_output=True, text=True
    ).stderr
    (line,) = (line for line in log.splitlines() if "Frame Cropping" in line)
    return [int(number) for number in line.split(":")[1].split("/")]


@pytest.mark.parametrize(("degrees", "mirrored"), [(0, False), (0, True), (90, False), (180, True)])
def test_a_film_of_odd_size_is_extended_to_an_even_one_losslessly(
    make_film: Callable[..., Path],
    run_ffmpeg: Callable[..., Path],
    tmp_path: Path,
    degrees: int,
    mirrored: bool,
) -> None:
    stored = make_film("stored.mkv", _ODD, vcodec="ffv1")
    flags = ["-display_rotation", str(degrees), *(["-display_hflip"] if mirrored else [])]
    film = run_ffmpeg(tmp_path / "film.mkv", *flags, "-i", stored, "-c", "copy")
    info = probe_video(film, even=True)
    assert {info.width, info.height} == {162, 120}
    assert (info.layout.step_x, info.layout.step_y) == (2, 2)
    assert probe_video(film).loses_subsampling
    assert not info.loses_subsampling
    sound = make_film("sound.wav", None, "sine=d=1")
    silent, out = tmp_path / "silent.mp4", tmp_path / "out.mp4"
    with VideoWriter(silent, info, 0) as writer:
        for frame in iter_planes(film, even=True):
            writer.write(frame)
    write_film(silent, [DubSound(sound)], None, out, writer.duration, "")
    made = probe_video(out)
    assert info.aperture is not None
    assert (made.width, made.height, made.aperture) == (info.width, info.height, info.aperture)
    assert made.layout.name == "yuv420p"
    upright = (119, 161) if degrees == 90 else (161, 119)
    x, y = int(info.aperture.right > 0), int(info.aperture.down > 0)
    assert cropping(out) == [x, 1 - x, y, 1 - y]
    pairs = zip(iter_planes(film, even=True), iter_planes(out), strict=True)
    assert all(np.array_equal(a.planes.y, b.planes.y) for a, b in pairs)
    # Landmarks are found in pictures of the size in which lips are drawn.
    seen = next(iter_frames(film, even=True)).image
    assert seen.shape[:2] == (info.height, info.width)
    shown = next(iter_frames(film)).image
    assert np.array_equal(seen[y : y + upright[1], x : x + upright[0]], shown)


def test_films_of_even_size_are_not_extended(make_film: Callable[..., Path]) -> None:
    film = make_film("film.mp4")
    assert probe_video(film, even=True).aperture is None
    assert probe_video(film, even=True).layout == probe_video(film).layout


def test_the_source_s_aperture_is_preserved(make_film: Callable[..., Path], tmp_path: Path) -> None:
    """As written by cameras and editing systems."""
    film = make_film("film.mp4", "testsrc2=s=720x576:r=25:d=0.2")
    part = CleanAperture(Fraction(703), Fraction(576), Fraction(-1, 2), Fraction(0))
    write_clean_aperture(film, part)
    info = probe_video(film)
    assert (info.width, info.aperture) == (720, part)
    with VideoWriter(tmp_path / "out.mp4", info) as writer:
        for frame in iter_planes(film):
            writer.write(frame)
    assert probe_video(tmp_path / "out.mp4").aperture == part


def test_ffmpeg_crops_to_the_written_aperture(
    make_film: Callable[..., Path], tmp_path: Path
) -> None:
    film = make_film("film.mp4", crf=1)
    whole = next(iter_planes(film)).planes.y
    write_clean_aperture(
        film, CleanAperture(Fraction(140), Fraction(110), Fraction(8), Fraction(-3))
    )
    command = [get_ffmpeg_exe(), "-v", "error", "-i", film, "-frames:v", "1", "-f", "rawvideo", "-"]
    data = subprocess.run(command, check=True, capture_output=True).stdout
    shown = np.frombuffer(data, np.uint8)[: 140 * 110].reshape(110, 140)
    assert np.array_equal(shown, whole[2:112, 18:158])


def test_a_file_without_an_index_at_its_end_is_not_changed(make_film: Callable[..., Path]) -> None:
    film = make_film("film.mp4", movflags="+faststart")
    before = film.read_bytes()
    with pytest.raises(ValueError, match="end"):
        write_clean_aperture(film, CleanAperture(Fraction(9), Fraction(9)))
    assert film.read_bytes() == before
    assert read_clean_aperture(film) is None


def test_garbage_has_no_aperture(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for length in (0, 7, 8, 100, 4000):
        (tmp_path / "film.mp4").write_bytes(b"\0\0\x0f\xa0moov" + random.bytes(length))
        assert read_clean_aperture(tmp_path / "film.mp4") is None


def test_the_aperture_rotates_with_the_picture() -> None:
    part = CleanAperture(Fraction(9), Fraction(5), _HALF, Fraction(2))
    assert part.upright(Orientation(1)) == CleanAperture(
        Fraction(5), Fraction(9), Fraction(2), -_HALF
    )
    assert part.upright(Orientation(0, True)).right == -_HALF
    assert part.upright(Orientation(2)).upright(Orientation(2)) == part
