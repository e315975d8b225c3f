from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media import seek
from mytalk_core.media.decode import iter_frames, iter_frames_at
from mytalk_core.media.probe import probe_video
from mytalk_core.media.video_stream import decoded_frames

NTSC = Fraction(30000, 1001)

# Frame n is uniform grey of level 2n, which identifies it.
_NUMBERED = "color=s=64x64:r={rate}:d={seconds},geq=lum='16+2*N':cb=128:cr=128"


def numbered(rate: Fraction, frames: int) -> str:
    return _NUMBERED.format(rate=rate, seconds=float(frames / rate))


def number(image: np.ndarray) -> int:
    """Return the index of a picture of `numbered`: luma 16 + 2n, stretched to RGB."""
    return round(float(image.mean()) * 219 / 255 / 2)


def test_every_frame_is_decoded_once_in_order(make_film: Callable[..., Path]) -> None:
    film = make_film("film.mp4", numbered(NTSC, 60), crf=1)
    info = probe_video(film)
    frames = list(iter_frames(film))
    assert [frame.index for frame in frames] == list(range(60))
    assert [frame.pts * info.time_base for frame in frames] == [n / NTSC for n in range(60)]
    assert [number(frame.image) for frame in frames] == list(range(60))
    assert frames[0].image.shape == (64, 64, 3)
    assert frames[0].image.dtype == np.uint8


def test_black_white_and_primaries_are_exact(make_film: Callable[..., Path]) -> None:
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
def test_rotated_films_are_decoded_upright(
    make_film: Callable[..., Path], remake: Callable[..., Path], degrees: int
) -> None:
    upright = make_film("upright.mp4")
    turned = remake(upright, "turned.mp4", {"display_rotation": degrees}, c="copy")
    expected = remake(turned, "expected.mp4", crf=1)  # the program rotates the pictures
    ours, theirs = next(iter_frames(turned)).image, next(iter_frames(expected)).image
    assert ours.shape == theirs.shape
    assert ours.flags.c_contiguous
    # Sharp edges differ by the chroma position; a wrong orientation differs much more.
    assert np.abs(ours.astype(int) - theirs).mean() < 10
    assert np.abs(np.rot90(ours, 2).astype(int) - theirs).mean() > 40


def test_variable_frame_rates_keep_their_timestamps(
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
def test_resampling_selects_the_frame_on_screen(
    make_film: Callable[..., Path], fps: Fraction
) -> None:
    film = make_film("film.mp4", numbered(NTSC, 60), crf=1)
    frames = list(iter_frames_at(film, fps))
    count = -(-60 * fps // NTSC)  # frames that start within the film
    assert [frame.index for frame in frames] == list(range(count))
    assert [number(frame.image) for frame in frames] == [
        int((n / fps + Fraction(1, 1000)) * NTSC) for n in range(count)
    ]


def test_millisecond_timestamps_neither_drop_nor_repeat_frames(
    make_film: Callable[..., Path],
) -> None:
    film = make_film("film.mkv", numbered(NTSC, 60), vcodec="libx264", crf=1)
    assert [number(frame.image) for frame in iter_frames_at(film, NTSC)] == list(range(60))


# Sixteen seconds of distinct pictures in every kind of file with its own way of seeking.
_LONG = "testsrc2=s=96x64:r={rate}:d=16"
_H264 = {"vcodec": "libx264", "g": 50, "bf": 3}
_SOME_FRAMES = {"vf": "select='not(mod(n,3))+lt(mod(n,50),10)'", "fps_mode": "vfr"}


@pytest.mark.parametrize(
    ("name", "rate", "options", "sought"),
    [
        ("b_frames.mp4", "25", _H264, True),
        ("open.mp4", "25", _H264 | {"x264-params": "open-gop=1"}, True),
        ("refreshed.mp4", "25", _H264 | {"x264-params": "intra-refresh=1:bframes=0"}, True),
        ("fragments.mp4", "25", _H264 | {"movflags": "frag_keyframe+empty_moov"}, True),
        ("varying.mp4", "25", _H264 | _SOME_FRAMES, True),
        ("negative.mp4", "25", _H264 | {"ss": 0.5}, True),
        ("film.mkv", "30000/1001", _H264, True),
        ("varying.mkv", "25", _H264 | _SOME_FRAMES, True),
        ("film.webm", "25", {"vcodec": "libvpx", "deadline": "realtime", "g": 60}, True),
        ("film.avi", "25", {"vcodec": "mpeg4", "bf": 2, "g": 40}, True),
        ("film.mpg", "25", {"vcodec": "mpeg1video", "g": 15, "bf": 2}, True),
        ("film.vob", "30000/1001", {"vcodec": "mpeg2video", "g": 15, "bf": 2}, True),
        ("film.ts", "25", _H264 | {"output_ts_offset": 1000}, True),
        ("wrapping.ts", "25", _H264 | {"output_ts_offset": 95_435}, True),
        ("bare.h264", "25", _H264, False),
    ],
)
def test_decoding_a_part_equals_slicing_the_whole(
    make_film: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    rate: str,
    options: dict[str, object],
    sought: bool,
) -> None:
    film = make_film(name, _LONG.format(rate=rate), threads=1, **options)

    def frames(fps: Fraction, *part: int) -> list[tuple[int, int, bool, bytes]]:
        return [
            (frame.index, frame.pts, frame.damaged, frame.image.tobytes())
            for frame in iter_frames_at(film, fps, *part, threads=1)
        ]

    whole_decodes: list[Path] = []

    def watched(*arguments: Any) -> Any:
        whole_decodes.append(film)
        return decoded_frames(*arguments)

    monkeypatch.setattr(seek, "decoded_frames", watched)
    for fps in (Fraction(25), NTSC):
        whole = frames(fps)
        starts = [0, 30, 99, 150, 201, 283, len(whole) - 1, len(whole), len(whole) + 50]
        whole_decodes.clear()
        for first in starts:
            assert frames(fps, first, first + 7) == whole[first : first + 7], (fps, first)
        assert frames(fps, 300) == whole[300:]
        # Near the start, and in transport streams after the last indexed keyframe.
        assert (len(whole_decodes) <= 5) is sought
    assert frames(Fraction(25), 10, 10) == []


def test_a_clock_that_restarts_is_closed(make_film: Callable[..., Path]) -> None:
    first = make_film("first.ts", numbered(Fraction(25), 80), vcodec="libx264", crf=1, bf=0, g=20)
    film = make_film("film.ts", numbered(Fraction(25), 60), vcodec="libx264", crf=1, bf=0, g=20)
    film.write_bytes(first.read_bytes() + film.read_bytes())
    shown = [*range(80), *range(60)]
    assert [number(frame.image) for frame in iter_frames_at(film, Fraction(25))] == shown
    for begin in (60, 75, 100):
        part = iter_frames_at(film, Fraction(25), begin, begin + 20)
        assert [number(frame.image) for frame in part] == shown[begin : begin + 20]


def test_a_truncated_film_ends_the_iteration(make_film: Callable[..., Path]) -> None:
    film = make_film("film.mkv", "testsrc2=s=160x120:r=25:d=1", vcodec="libx264")
    content = film.read_bytes()
    film.write_bytes(content[: len(content) * 3 // 4])
    assert 0 < len(list(iter_frames(film))) < 25


def test_bad_input_is_detected_at_the_first_frame(tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as caught:
        next(iter_frames(tmp_path / "missing.mp4"))
    assert caught.value.reason is Reason.NOT_FOUND


def test_real_footage(grid_clips: list[Path]) -> None:
    frames = list(iter_frames(grid_clips[0]))
    assert len(frames) == 75
    assert [frame.pts for frame in frames] == [n * 3600 for n in range(75)]
