from collections.abc import Callable
from pathlib import Path

import pytest

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.decode import iter_frames
from mytalk_core.media.limits import MediaLimits, check_limits
from mytalk_core.media.probe import probe_video


@pytest.fixture
def film(make_film: Callable[..., Path]) -> Path:
    return make_film("film.mp4", "testsrc=s=160x120:r=25:d=2", "sine=d=2")


def test_a_film_within_the_limits_passes(film: Path) -> None:
    exact = MediaLimits(seconds=2, pixels=160 * 120, streams=2, size=film.stat().st_size)
    check_limits(film, exact)
    check_limits(str(film), MediaLimits())


@pytest.mark.parametrize(
    "limits",
    [
        MediaLimits(seconds=1),
        MediaLimits(pixels=160 * 120 - 1),
        MediaLimits(streams=1),
        MediaLimits(size=1000),
    ],
)
def test_each_limit_is_enforced(film: Path, limits: MediaLimits) -> None:
    with pytest.raises(BadInputError) as caught:
        check_limits(film, limits)
    assert caught.value.reason is Reason.OVER_LIMIT
    assert str(film) in str(caught.value)


def test_non_media_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("text")
    for name, reason in {"text.mp4": Reason.NOT_MEDIA, "missing.mp4": Reason.NOT_FOUND}.items():
        with pytest.raises(BadInputError) as caught:
            check_limits(tmp_path / name, MediaLimits())
        assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("size", "fits"), [("7680x4320", True), ("8192x4320", True), ("8192x8192", False)]
)
def test_8k_is_the_largest_picture(make_film: Callable[..., Path], size: str, fits: bool) -> None:
    film = make_film("film.mkv", f"color=gray:s={size}:r=1:d=1", vcodec="mjpeg", pix_fmt="yuvj420p")
    if fits:
        check_limits(film, MediaLimits())
        assert f"{probe_video(film).width}x{probe_video(film).height}" == size
        return
    with pytest.raises(BadInputError) as caught:
        check_limits(film, MediaLimits())
    assert caught.value.reason is Reason.OVER_LIMIT
    with pytest.raises(BadInputError) as caught:  # without `check_limits` before
        next(iter_frames(film))
    assert caught.value.reason is Reason.DECODE_ERROR


@pytest.mark.parametrize("suffix", ["ts", "mpg", "mkv"])
def test_elementary_streams_are_checked_too(make_film: Callable[..., Path], suffix: str) -> None:
    codec = {} if suffix == "mpg" else {"vcodec": "libx264"}
    film = make_film(f"film.{suffix}", "testsrc=s=160x120:r=25:d=1", **codec)
    check_limits(film, MediaLimits(pixels=160 * 128))  # some codecs round up to blocks of 16
    with pytest.raises(BadInputError) as caught:
        check_limits(film, MediaLimits(pixels=160 * 120 - 1))
    assert caught.value.reason is Reason.OVER_LIMIT
