"""Stretches of a film are read as if each were read alone."""

import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from mytalk_core.data.media_file import MediaFile
from mytalk_core.dubbing import film_source
from mytalk_core.dubbing.film_source import FilmFrames, FilmSource, planes_of
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.decode import iter_planes

FPS = 25


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> FilmSource:
    """Twelve seconds with one key frame, whose every frame differs."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    source = ["-f", "lavfi", "-i", f"testsrc2=size=160x120:rate={FPS}:duration=12"]
    encoding = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "1000"]
    program = [get_ffmpeg_exe(), "-nostdin", "-v", "error"]
    subprocess.run([*program, *source, *encoding, str(path)], check=True)
    return FilmSource(MediaFile(path, ""))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Fraction]:
    """Times at which a decoder was started."""
    begun: list[Fraction] = []

    def begin(path: Path, *, begin: Fraction, **options: object) -> object:
        begun.append(begin)
        return iter_planes(path, begin=begin, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(film_source, "iter_planes", begin)
    return begun


def starts(first: int, end: int) -> tuple[Fraction, ...]:
    return tuple(Fraction(number, FPS) for number in range(first, end))


def test_stretches_that_follow_are_read_in_one_go(film: FilmSource, opened: list[Fraction]) -> None:
    frames = FilmFrames()
    for first, end in ((10, 20), (20, 22), (60, 65), (40, 45), (280, 290)):
        found = list(frames.planes(film, first, starts(first, end)))
        alone = list(planes_of(film, first, starts(first, end)))
        assert [each.index for each in found] == [*range(first, end)]
        for one, other in zip(found, alone, strict=True):
            np.testing.assert_array_equal(one.planes.y, other.planes.y)
    # Those alone, and the first one, the one before the last, and the one far behind it.
    own = [begin for begin in opened if opened.count(begin) == 2]
    assert sorted({*own}) == [Fraction(10, FPS), Fraction(40, FPS), Fraction(280, FPS)]


def test_a_stretch_that_was_left_is_not_gone_on_from(
    film: FilmSource, opened: list[Fraction]
) -> None:
    frames = FilmFrames()
    next(frames.planes(film, 10, starts(10, 20)))
    assert [each.index for each in frames.planes(film, 20, starts(20, 22))] == [20, 21]
    assert len(opened) == 2


def test_frames_that_the_film_does_not_have_are_an_error(film: FilmSource) -> None:
    between = (Fraction(1, FPS), Fraction(3, 2 * FPS))
    with pytest.raises(BadInputError, match="frame 2 cannot be decoded again") as error:
        list(FilmFrames().planes(film, 1, between))
    assert error.value.reason is Reason.DECODE_ERROR
