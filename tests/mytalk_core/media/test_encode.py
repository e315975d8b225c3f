import subprocess
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from mytalk_core.data.samples import SampleClip
from mytalk_core.errors import BadInputError, OutputError, Reason
from mytalk_core.media.decode import PlaneFrame, iter_frames, iter_planes
from mytalk_core.media.encode import VideoWriter, read_crop_video, write_crop_video
from mytalk_core.media.hdr import HdrMetadata
from mytalk_core.media.plane_regions import largest_outside_change, region_rgb
from mytalk_core.media.planes import Planes
from mytalk_core.media.probe import VideoInfo, probe_video
from tests.changed_region import with_region

# Moving gradients, closer to camera footage than the hard edges of a test chart.
_SMOOTH = (
    "gradients=s={size}:r={rate}:d={seconds}:c0=0xC08060:c1=0x304878:c2=0x88B070:nb_colors=3:seed=1"
)


def smooth(size: str = "160x120", rate: str = "25", seconds: float = 1.0) -> str:
    return _SMOOTH.format(size=size, rate=rate, seconds=seconds)


def copied(film: Path, out: Path) -> tuple[VideoInfo, VideoInfo]:
    """Write the unchanged frames of `film` to `out` and return the info of both."""
    info = probe_video(film)
    with VideoWriter(out, info) as writer:
        for frame in iter_planes(film):
            writer.write(frame)
    return info, probe_video(out)


def equal(one: PlaneFrame, other: PlaneFrame) -> bool:
    """Return whether two frames have the same samples and tags."""
    ours, theirs = one.planes, other.planes
    return ours.tags == theirs.tags and all(
        np.array_equal(getattr(ours, name), getattr(theirs, name)) for name in ("y", "u", "v")
    )


def times(film: Path, info: VideoInfo) -> list[Fraction]:
    return [frame.pts * info.time_base for frame in iter_frames(film)]


def errors(film: Path, other: Path) -> np.ndarray:
    """Return the differences (T, H, W, 3) between the frames of two films."""
    pairs = zip(iter_frames(film), iter_frames(other), strict=True)
    return np.stack([ours.image.astype(int) - theirs.image for ours, theirs in pairs])


@pytest.mark.parametrize("rate", ["30000/1001", "24000/1001", "25", "60"])
def test_frame_count_rate_size_and_times_equal_the_source_s(
    make_film: Callable[..., Path], tmp_path: Path, rate: str
) -> None:
    film = make_film("film.mp4", smooth(rate=rate))
    before, after = copied(film, tmp_path / "out.mp4")
    assert after.fps == before.fps == Fraction(rate)
    assert (after.width, after.height) == (160, 120)
    assert after.frame_estimate == before.frame_estimate
    assert after.duration == before.frame_estimate / Fraction(rate)
    assert times(tmp_path / "out.mp4", after) == times(film, before)


def test_the_sample_clip_is_encoded_with_little_loss(
    sample_clips: dict[str, SampleClip], tmp_path: Path
) -> None:
    film, out = sample_clips["jwp_intro"].path, tmp_path / "out.mp4"
    before, after = copied(film, out)
    assert (after.width, after.height, after.fps) == (640, 480, before.fps)
    for ours, theirs in zip(iter_frames(out), iter_frames(film), strict=True):
        assert ours.pts * after.time_base == theirs.pts * before.time_base
        if ours.index % 20 == 0:
            difference = ours.image.astype(int) - theirs.image
            assert abs(difference.mean()) < 0.3
            assert np.abs(difference).mean() < 1.5


def test_variable_frame_rates_are_preserved(
    make_film: Callable[..., Path], remake: Callable[..., Path], tmp_path: Path
) -> None:
    steady = make_film("steady.mp4", smooth(seconds=2))
    film = remake(steady, "varying.mp4", vf="select='lt(n,20)+not(mod(n,7))'", fps_mode="vfr")
    before, after = copied(film, tmp_path / "out.mp4")
    expected = [Fraction(n, 25) for n in [*range(20), 21, 28, 35, 42, 49]]
    assert times(film, before) == expected
    assert times(tmp_path / "out.mp4", after) == expected


@pytest.mark.parametrize("size", ["161x120", "160x121", "353x289"])
def test_odd_sizes_are_preserved(make_film: Callable[..., Path], tmp_path: Path, size: str) -> None:
    film = make_film("film.mkv", smooth(size, seconds=0.2), vcodec="ffv1", pix_fmt="yuv444p")
    before, after = copied(film, tmp_path / "out.mp4")
    assert f"{after.width}x{after.height}" == f"{before.width}x{before.height}" == size
    assert np.abs(errors(film, tmp_path / "out.mp4")).mean() < 1.5


def test_rotated_and_anamorphic_films_are_preserved(
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
def test_every_pixel_format_keeps_its_colours(
    make_film: Callable[..., Path], tmp_path: Path, kept_as: str
) -> None:
    film = make_film("film.mkv", smooth(seconds=0.2), vcodec="ffv1", pix_fmt=kept_as)
    copied(film, tmp_path / "out.mp4")
    assert np.abs(errors(film, tmp_path / "out.mp4")).mean() < 1.5


_BT709 = "colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
_BT601 = "colorspace=smpte170m:color_primaries=smpte170m:color_trc=smpte170m:range=tv"
_FULL = "colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=pc"
_PQ = "colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084:range=tv"
_HLG = "colorspace=bt2020nc:color_primaries=bt2020:color_trc=arib-std-b67:range=tv"


@pytest.mark.parametrize(
    ("pixel_format", "tags", "codec"),
    [
        ("yuv420p", _BT709, "h264"),
        ("yuv420p", _FULL, "h264"),
        ("yuv420p10le", _BT601, "h264"),
        ("yuv420p10le", _PQ, "h264"),
        ("yuv422p", _BT601, "h264"),
        ("yuv422p10le", _PQ, "h264"),
        ("yuv444p10le", _HLG, "h264"),
        ("yuv444p12le", _PQ, "hevc"),
    ],
)
def test_samples_and_tags_pass_unchanged(
    make_film: Callable[..., Path], tmp_path: Path, pixel_format: str, tags: str, codec: str
) -> None:
    picture = f"testsrc2=s=96x64:r=25:d=0.4,format={pixel_format},noise=alls=20,setparams={tags}"
    film = make_film("film.mkv", picture, vcodec="ffv1", pix_fmt=pixel_format)
    before, out = probe_video(film), tmp_path / "out.mp4"
    with VideoWriter(out, before, crf=0) as writer:
        for frame in iter_planes(film):
            writer.write(frame)
    after = probe_video(out)
    assert (after.colour, after.layout, after.codec) == (before.colour, before.layout, codec)
    assert before.colour.transfer != 2
    pairs = list(zip(iter_planes(film), iter_planes(out), strict=True))
    assert len(pairs) == 10
    assert all(equal(ours, theirs) for ours, theirs in pairs)


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "yuv422p10le", "yuv444p12le"])
def test_high_bit_depth_films_are_encoded_with_little_loss(
    make_film: Callable[..., Path], tmp_path: Path, pixel_format: str
) -> None:
    film = make_film("film.mkv", smooth(seconds=0.2), vcodec="ffv1", pix_fmt=pixel_format)
    before, _ = copied(film, tmp_path / "out.mp4")
    for ours, theirs in zip(iter_planes(film), iter_planes(tmp_path / "out.mp4"), strict=True):
        error = (ours.planes.y.astype(float) - theirs.planes.y) / (1 << before.layout.bits)
        assert np.sqrt(np.mean(error**2)) < 10 ** (-45 / 20)


def test_changing_a_region_keeps_the_rest_of_a_ten_bit_film(
    make_film: Callable[..., Path], tmp_path: Path
) -> None:
    picture = f"testsrc2=s=160x120:r=25:d=0.2,format=yuv420p10le,noise=alls=20,setparams={_PQ}"
    film = make_film("film.mkv", picture, vcodec="ffv1", pix_fmt="yuv420p10le")
    out = tmp_path / "out.mp4"
    share = np.zeros((41, 53), np.float32)
    share[3:-3, 3:-3] = 0.3
    share[10:-10, 10:-10] = 1
    inside = np.zeros((120, 160), bool)
    inside[17 + 3 : 17 + 38, 31 + 3 : 31 + 50] = True
    new = np.full((41, 53, 3), (180.0, 90.0, 80.0), np.float32)
    with VideoWriter(out, probe_video(film), crf=0) as writer:
        for frame in iter_planes(film):
            planes = with_region(frame.planes, new, share, 31, 17)
            assert largest_outside_change(frame.planes, planes, inside) == 0
            assert largest_outside_change(frame.planes, planes, np.zeros_like(inside)) > 100
            writer.write(PlaneFrame(frame.index, frame.pts, planes))
    for ours, theirs in zip(iter_planes(film), iter_planes(out), strict=True):
        assert largest_outside_change(ours.planes, theirs.planes, inside) == 0
        # With share 1 the new picture is exact up to rounding to ten bits.
        middle = region_rgb(theirs.planes, 31 + 14, 17 + 14, 31 + 53 - 14, 17 + 41 - 14)
        assert np.abs(middle - new[0, 0]).max() < 1


@pytest.mark.parametrize(
    ("pixel_format", "codec"), [("yuv420p10le", "libx264"), ("yuv444p12le", "libx265")]
)
def test_hdr_metadata_is_preserved(
    make_film: Callable[..., Path], tmp_path: Path, pixel_format: str, codec: str
) -> None:
    name = {"libx264": "mastering-display", "libx265": "master-display"}[codec]
    light = {"libx264": "cll", "libx265": "max-cll"}[codec]
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    film = make_film(
        "film.mp4",
        f"{smooth(seconds=0.2)},format={pixel_format},setparams={_PQ}",
        vcodec=codec,
        pix_fmt=pixel_format,
        **{f"{codec[3:]}-params": f"{name}={display}:{light}=1000,400"},
    )
    before, after = copied(film, tmp_path / "out.mp4")
    display = (34000, 16000, 13250, 34500, 7500, 3000, 15635, 16450, 10000000, 50)
    assert before.hdr == after.hdr == HdrMetadata(display, (1000, 400))


def test_films_without_hdr_have_no_hdr_metadata(
    make_film: Callable[..., Path], tmp_path: Path
) -> None:
    _, after = copied(make_film("film.mp4"), tmp_path / "out.mp4")
    assert after.hdr == HdrMetadata(None, None)


@pytest.mark.parametrize("place", [(0.0, 0.5), (0.5, 0.5), (0.5, 1.0), (1.0, 0.5)])
def test_the_chroma_position_is_tagged(
    make_film: Callable[..., Path], tmp_path: Path, place: tuple[float, float]
) -> None:
    film, out = make_film("film.mp4"), tmp_path / "out.mp4"
    info = probe_video(film)
    layout = replace(info.layout, chroma_x=place[0], chroma_y=place[1])
    with VideoWriter(out, replace(info, layout=layout)) as writer:
        for frame in iter_planes(film):
            writer.write(frame)
    # PyAV does not expose the chroma position; the program prints it.
    log = subprocess.run(
        [get_ffmpeg_exe(), "-nostdin", "-v", "verbose", "-i", str(out)],
        capture_output=True,
        text=True,
        check=False,
    ).stderr
    name = {(0.5, 0.5): "center", (0.5, 1.0): "bottom"}.get(place, "left")
    stream = next(line for line in log.splitlines() if "Video: h264" in line)
    assert f", {name})" in stream


def test_repeated_encoding_does_not_darken(make_film: Callable[..., Path], tmp_path: Path) -> None:
    film = make_film("film.mp4", smooth(seconds=0.4), crf=4)
    copied(film, tmp_path / "first.mp4")
    copied(tmp_path / "first.mp4", tmp_path / "second.mp4")
    assert abs(errors(film, tmp_path / "second.mp4").mean()) < 0.3


def test_the_writer_reports_the_duration(make_film: Callable[..., Path], tmp_path: Path) -> None:
    film = make_film("film.mp4", smooth(rate="30000/1001"))
    with VideoWriter(tmp_path / "out.mp4", probe_video(film)) as writer:
        assert writer.duration == 0
        for frame in iter_planes(film):
            writer.write(frame)
            assert writer.duration == (frame.index + 1) * Fraction(1001, 30000)


def test_a_failed_block_leaves_no_file(make_film: Callable[..., Path], tmp_path: Path) -> None:
    film = make_film("film.mp4")
    with (
        pytest.raises(BadInputError),
        VideoWriter(tmp_path / "out.mp4", probe_video(film)) as writer,
    ):
        for frame in iter_planes(film):
            writer.write(frame)
        raise BadInputError("no face", reason=Reason.NO_FACE)
    assert list(tmp_path.iterdir()) == [film]


def test_a_full_disk_raises_disk_full(make_film: Callable[..., Path], tiny_disk: Path) -> None:
    info = probe_video(make_film("film.mp4"))
    noise = np.random.default_rng(0).integers(0, 256, (120, 160), np.uint8)
    grey = np.full((60, 80), 128, np.uint8)
    with (
        pytest.raises(OutputError) as caught,
        VideoWriter(tiny_disk / "out.mp4", info) as writer,
    ):
        for index in range(100):
            planes = Planes(np.roll(noise, index * 7), grey, grey, info.layout, info.colour)
            writer.write(PlaneFrame(index, index * 512, planes))
    assert caught.value.reason is Reason.DISK_FULL
    assert list(tiny_disk.iterdir()) == []


def test_a_missing_folder_is_reported_before_the_block_runs(
    make_film: Callable[..., Path], tmp_path: Path
) -> None:
    info = probe_video(make_film("film.mp4"))
    with pytest.raises(OutputError) as caught, VideoWriter(tmp_path / "no" / "out.mp4", info):
        pytest.fail("the block must not run")
    assert caught.value.reason is Reason.OUTPUT_NOT_WRITABLE


@pytest.fixture
def crops(make_film: Callable[..., Path]) -> np.ndarray:
    film = make_film("film.mp4", smooth("96x96"), crf=4)
    return np.stack([frame.image for frame in iter_frames(film)])


def test_crop_video_is_visually_lossless(crops: np.ndarray) -> None:
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
def test_single_and_odd_sized_crops_are_supported(shape: tuple[int, ...]) -> None:
    frames = np.full(shape, 90, np.uint8)
    back = read_crop_video(write_crop_video(frames, Fraction(25)))
    assert back.shape == shape
    assert np.abs(back.astype(int) - 90).max() <= 2


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[:200], lambda data: data[::-1]]
)
def test_damaged_crop_videos_raise_decode_error(
    crops: np.ndarray, damage: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(BadInputError) as caught:
        read_crop_video(damage(write_crop_video(crops, Fraction(25))))
    assert caught.value.reason is Reason.DECODE_ERROR
