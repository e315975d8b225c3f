from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.data.samples import SampleClip
from mytalk_core.errors import BadInputError, OutputError, Reason
from mytalk_core.media.decode import Frame, iter_frames
from mytalk_core.media.encode import VideoWriter, read_crop_video, write_crop_video
from mytalk_core.media.probe import VideoInfo, probe_video

# Smooth colours that move: what a camera sees, rather than the hard edges of a test chart.
_SMOOTH = (
    "gradients=s={size}:r={rate}:d={seconds}:c0=0xC08060:c1=0x304878:c2=0x88B070:nb_colors=3:seed=1"
)


def smooth(size: str = "160x120", rate: str = "25", seconds: float = 1.0) -> str:
    return _SMOOTH.format(size=size, rate=rate, seconds=seconds)


def copied(film: Path, out: Path) -> tuple[VideoInfo, VideoInfo]:
    """Writes the untouched frames of `film` to `out`: what both are."""
    info = probe_video(film)
    with VideoWriter(out, info) as writer:
        for frame in iter_frames(film):
            writer.write(frame)
    return info, probe_video(out)


def times(film: Path, info: VideoInfo) -> list[Fraction]:
    return [frame.pts * info.time_base for frame in iter_frames(film)]


def errors(film: Path, other: Path) -> np.ndarray:
    """Differences (T, H, W, 3) between the frames of two films."""
    pairs = zip(iter_frames(film), iter_frames(other), strict=True)
    return np.stack([ours.image.astype(int) - theirs.image for ours, theirs in pairs])


@pytest.mark.parametrize("rate", ["30000/1001", "24000/1001", "25", "60"])
def test_count_rate_size_and_times_are_the_source_s(
    make_film: Callable[..., Path], tmp_path: Path, rate: str
) -> None:
    film = make_film("film.mp4", smooth(rate=rate))
    before, after = copied(film, tmp_path / "out.mp4")
    assert after.fps == before.fps == Fraction(rate)
    assert (after.width, after.height) == (160, 120)
    assert after.frame_estimate == before.frame_estimate
    assert after.duration == before.frame_estimate / Fraction(rate)
    assert times(tmp_path / "out.mp4", after) == times(film, before)


def test_the_sample_clip_survives(sample_clips: dict[str, SampleClip], tmp_path: Path) -> None:
    film, out = sample_clips["jwp_intro"].path, tmp_path / "out.mp4"
    before, after = copied(film, out)
    assert (after.width, after.height, after.fps) == (640, 480, before.fps)
    for ours, theirs in zip(iter_frames(out), iter_frames(film), strict=True):
        assert ours.pts * after.time_base == theirs.pts * before.time_base
        if ours.index % 20 == 0:
            difference = ours.image.astype(int) - theirs.image
            assert abs(difference.mean()) < 0.3
            assert np.abs(difference).mean() < 1.5


def test_variable_rate_stays_variable(
    make_film: Callable[..., Path], remake: Callable[..., Path], tmp_path: Path
) -> None:
    steady = make_film("steady.mp4", smooth(seconds=2))
    film = remake(steady, "varying.mp4", vf="select='lt(n,20)+not(mod(n,7))'", fps_mode="vfr")
    before, after = copied(film, tmp_path / "out.mp4")
    expected = [Fraction(n, 25) for n in [*range(20), 21, 28, 35, 42, 49]]
    assert times(film, before) == expected
    assert times(tmp_path / "out.mp4", after) == expected


@pytest.mark.parametrize("size", ["161x120", "160x121", "353x289"])
def test_odd_sizes_keep_their_size(
    make_film: Callable[..., Path], tmp_path: Path, size: str
) -> None:
    film = make_film("film.mkv", smooth(size, seconds=0.2), vcodec="ffv1", pix_fmt="yuv444p")
    before, after = copied(film, tmp_path / "out.mp4")
    assert f"{after.width}x{after.height}" == f"{before.width}x{before.height}" == size
    assert np.abs(errors(film, tmp_path / "out.mp4")).mean() < 1.5


def test_turned_and_stretched_films(
    make_film: Callable[..., Path], remake: Callable[..., Path], tmp_path: Path
) -> None:
    upright = make_film("upright.mp4", smooth() + ",setsar=4/3")
    film = remake(upright, "turned.mp4", {"display_rotation": 90}, c="copy")
    _, after = copied(film, tmp_path / "out.mp4")
    assert (after.width, after.height, after.pixel_aspect) == (120, 160, Fraction(3, 4))
    assert np.abs(errors(film, tmp_path / "out.mp4")).mean() < 1.5


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m", "bt2020nc", None])
@pytest.mark.parametrize("colour_range", ["tv", "pc", None])
def test_colours_do_not_shift(
    make_film: Callable[..., Path], tmp_path: Path, matrix: str | None, colour_range: str | None
) -> None:
    tags = {"colorspace": matrix, "color_range": colour_range}
    to = f":out_color_matrix={matrix}" if matrix else ""
    to += f":out_range={colour_range}" if colour_range else ""
    film = make_film(
        "film.mp4",
        f"{smooth(seconds=0.4)},scale=sws_flags=accurate_rnd{to}",
        crf=4,
        **{name: tag for name, tag in tags.items() if tag},
    )
    before, after = copied(film, tmp_path / "out.mp4")
    assert after.colour == before.colour
    difference = errors(film, tmp_path / "out.mp4")
    assert abs(difference.mean(axis=(0, 1, 2))).max() < 0.8
    assert np.abs(difference).mean() < 1.5
    assert np.abs(difference).max() <= 16


@pytest.mark.parametrize("kept_as", ["gbrp", "gray", "yuv422p10le", "yuv444p"])
def test_footage_of_any_kind_keeps_its_colours(
    make_film: Callable[..., Path], tmp_path: Path, kept_as: str
) -> None:
    film = make_film("film.mkv", smooth(seconds=0.2), vcodec="ffv1", pix_fmt=kept_as)
    copied(film, tmp_path / "out.mp4")
    assert np.abs(errors(film, tmp_path / "out.mp4")).mean() < 1.5


def test_two_passes_do_not_darken(make_film: Callable[..., Path], tmp_path: Path) -> None:
    film = make_film("film.mp4", smooth(seconds=0.4), crf=4)
    copied(film, tmp_path / "first.mp4")
    copied(tmp_path / "first.mp4", tmp_path / "second.mp4")
    assert abs(errors(film, tmp_path / "second.mp4").mean()) < 0.3


def test_how_long_the_film_has_become(make_film: Callable[..., Path], tmp_path: Path) -> None:
    film = make_film("film.mp4", smooth(rate="30000/1001"))
    with VideoWriter(tmp_path / "out.mp4", probe_video(film)) as writer:
        assert writer.duration == 0
        for frame in iter_frames(film):
            writer.write(frame)
            assert writer.duration == (frame.index + 1) * Fraction(1001, 30000)


def test_a_failure_leaves_nothing(make_film: Callable[..., Path], tmp_path: Path) -> None:
    film = make_film("film.mp4")
    with (
        pytest.raises(BadInputError),
        VideoWriter(tmp_path / "out.mp4", probe_video(film)) as writer,
    ):
        for frame in iter_frames(film):
            writer.write(frame)
        raise BadInputError("no face", reason=Reason.NO_FACE)
    assert list(tmp_path.iterdir()) == [film]


def test_a_full_disk(make_film: Callable[..., Path], tiny_disk: Path) -> None:
    info = probe_video(make_film("film.mp4"))
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    with (
        pytest.raises(OutputError) as caught,
        VideoWriter(tiny_disk / "out.mp4", info) as writer,
    ):
        for index in range(100):
            writer.write(Frame(index, index * 512, np.roll(noise, index * 7)))
    assert caught.value.reason is Reason.DISK_FULL
    assert list(tiny_disk.iterdir()) == []


def test_no_folder_to_write_to(make_film: Callable[..., Path], tmp_path: Path) -> None:
    info = probe_video(make_film("film.mp4"))
    with pytest.raises(OutputError) as caught, VideoWriter(tmp_path / "no" / "out.mp4", info):
        pytest.fail("the block must not run")
    assert caught.value.reason is Reason.OUTPUT_NOT_WRITABLE


@pytest.fixture
def crops(make_film: Callable[..., Path]) -> np.ndarray:
    film = make_film("film.mp4", smooth("96x96"), crf=4)
    return np.stack([frame.image for frame in iter_frames(film)])


def test_crops_come_back_visually_the_same(crops: np.ndarray) -> None:
    back = read_crop_video(write_crop_video(crops, Fraction(25)))
    assert back.shape == crops.shape
    assert back.dtype == np.uint8
    difference = crops.astype(float) - back
    assert 10 * np.log10(255**2 / np.mean(difference**2)) > 42
    assert abs(difference.mean()) < 0.1


def test_crop_bytes_depend_on_the_frames_alone(crops: np.ndarray) -> None:
    once = write_crop_video(crops, Fraction(30000, 1001))
    assert write_crop_video(crops.copy(), Fraction(30000, 1001)) == once
    assert write_crop_video(crops[:-1], Fraction(30000, 1001)) != once


@pytest.mark.parametrize("shape", [(1, 64, 64, 3), (3, 33, 33, 3)])
def test_one_crop_and_odd_crops(shape: tuple[int, ...]) -> None:
    frames = np.full(shape, 90, np.uint8)
    back = read_crop_video(write_crop_video(frames, Fraction(25)))
    assert back.shape == shape
    assert np.abs(back.astype(int) - 90).max() <= 2


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[:200], lambda data: data[::-1]]
)
def test_damaged_crops(crops: np.ndarray, damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(BadInputError) as caught:
        read_crop_video(damage(write_crop_video(crops, Fraction(25))))
    assert caught.value.reason is Reason.DECODE_ERROR
