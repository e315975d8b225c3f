from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.decode import iter_frames, iter_frames_at
from mytalk_core.media.probe import probe_video

NTSC = Fraction(30000, 1001)

# Frame n is a plain grey of level 2n, so that a picture tells its number.
_NUMBERED = "color=s=64x64:r={rate}:d={seconds},geq=lum='16+2*N':cb=128:cr=128"


def numbered(rate: Fraction, frames: int) -> str:
    return _NUMBERED.format(rate=rate, seconds=float(frames / rate))


def number(image: np.ndarray) -> int:
    """The number that a picture of `numbered` shows: luma 16 + 2n, stretched to RGB."""
    return round(float(image.mean()) * 219 / 255 / 2)


def test_every_frame_once_in_order(make_film: Callable[..., Path]) -> None:
    film = make_film("film.mp4", numbered(NTSC, 60), crf=1)
    info = probe_video(film)
    frames = list(iter_frames(film))
    assert [frame.index for frame in frames] == list(range(60))
    assert [frame.pts * info.time_base for frame in frames] == [n / NTSC for n in range(60)]
    assert [number(frame.image) for frame in frames] == list(range(60))
    assert frames[0].image.shape == (64, 64, 3)
    assert frames[0].image.dtype == np.uint8


def test_black_white_and_primaries(make_film: Callable[..., Path]) -> None:
    for colour, rgb in {
        "black": (0, 0, 0),
        "white": (255, 255, 255),
        "red": (255, 0, 0),
        "0x00ff00": (0, 255, 0),
        "blue": (0, 0, 255),
    }.items():
        for matrix in ("bt709", "smpte170m"):
            film = make_film(
                "film.mp4",
                f"color={colour}:s=64x64:r=25:d=0.1,scale=out_color_matrix={matrix}",
                colorspace=matrix,
                crf=1,
            )
            image = next(iter_frames(film)).image
            assert np.abs(image.astype(int) - rgb).max() <= 4, (colour, matrix)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_turned_films_stand_upright(
    make_film: Callable[..., Path], remake: Callable[..., Path], degrees: int
) -> None:
    upright = make_film("upright.mp4")
    turned = remake(upright, "turned.mp4", {"display_rotation": degrees}, c="copy")
    expected = remake(turned, "expected.mp4", crf=1)  # the program turns the pictures themselves
    ours, theirs = next(iter_frames(turned)).image, next(iter_frames(expected)).image
    assert ours.shape == theirs.shape
    assert ours.flags.c_contiguous
    # Sharp edges differ where colours are sampled on the other side; the wrong way up much more.
    assert np.abs(ours.astype(int) - theirs).mean() < 10
    assert np.abs(np.rot90(ours, 2).astype(int) - theirs).mean() > 40


def test_variable_rate_keeps_its_times(
    make_film: Callable[..., Path], remake: Callable[..., Path]
) -> None:
    steady = make_film("steady.mp4", numbered(Fraction(25), 40), crf=1)
    film = remake(
        steady, "varying.mp4", vf="select='lt(n,10)+not(mod(n,4))'", fps_mode="vfr", crf=1
    )
    shown = [*range(10), *range(12, 40, 4)]
    info = probe_video(film)
    frames = list(iter_frames(film))
    assert [number(frame.image) for frame in frames] == shown
    assert [frame.pts * info.time_base for frame in frames] == [Fraction(n, 25) for n in shown]


def test_time_starts_at_the_first_frame(make_film: Callable[..., Path]) -> None:
    film = make_film("film.ts", output_ts_offset=1000, vcodec="libx264")
    frames = list(iter_frames(film))
    assert [frame.pts for frame in frames] == [n * 3600 for n in range(25)]


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(24000, 1001), Fraction(50), NTSC])
def test_resampling_shows_what_was_on_screen(make_film: Callable[..., Path], fps: Fraction) -> None:
    film = make_film("film.mp4", numbered(NTSC, 60), crf=1)
    frames = list(iter_frames_at(film, fps))
    count = -(-60 * fps // NTSC)  # that start within the film
    assert [frame.index for frame in frames] == list(range(count))
    assert [number(frame.image) for frame in frames] == [
        int((n / fps + Fraction(1, 1000)) * NTSC) for n in range(count)
    ]


def test_a_clock_of_milliseconds_drops_and_repeats_nothing(make_film: Callable[..., Path]) -> None:
    film = make_film("film.mkv", numbered(NTSC, 60), vcodec="libx264", crf=1)
    assert [number(frame.image) for frame in iter_frames_at(film, NTSC)] == list(range(60))


def test_a_damaged_film_yields_what_comes_before(
    make_film: Callable[..., Path],
) -> None:
    film = make_film("film.mp4", movflags="+faststart", bf=0)
    content = bytearray(film.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 500] = b"\xff" * 500
    film.write_bytes(content)
    seen = []
    with pytest.raises(BadInputError) as caught:
        for frame in iter_frames(film):
            seen.append(frame.index)
    assert caught.value.reason is Reason.DECODE_ERROR
    assert 0 < len(seen) < 25


def test_a_film_that_ends_early_just_ends(make_film: Callable[..., Path]) -> None:
    film = make_film("film.mkv", "testsrc2=s=160x120:r=25:d=1", vcodec="libx264")
    content = film.read_bytes()
    film.write_bytes(content[: len(content) * 3 // 4])
    assert 0 < len(list(iter_frames(film))) < 25


def test_bad_input_is_found_out_by_the_first_frame(tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as caught:
        next(iter_frames(tmp_path / "missing.mp4"))
    assert caught.value.reason is Reason.NOT_FOUND


def test_real_footage(grid_clips: list[Path]) -> None:
    frames = list(iter_frames(grid_clips[0]))
    assert len(frames) == 75
    assert [frame.pts for frame in frames] == [n * 3600 for n in range(75)]
