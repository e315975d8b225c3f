import os
import socket
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.probe import probe_audio, probe_video

NTSC = Fraction(30000, 1001)


def test_probe_reports_the_properties_of_a_film(make_film: Callable[..., Path]) -> None:
    film = make_film("film.mp4", "testsrc=s=160x120:r=30000/1001:d=2", "sine=d=2:r=44100")
    info = probe_video(film)
    assert info.path == str(film)
    assert (info.width, info.height) == (160, 120)
    assert info.fps == NTSC
    assert info.duration == 60 / NTSC
    assert info.frame_estimate == 60
    assert info.has_audio
    assert (info.codec, info.pixel_format) == ("h264", "yuv420p")
    assert info.start == 0
    sound = probe_audio(str(film))
    assert (sound.sample_rate, sound.channels, sound.codec) == (44100, 1, "aac")
    assert sound.duration == 2


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "flv"])
def test_the_rate_is_exact_in_every_container(make_film: Callable[..., Path], suffix: str) -> None:
    film = make_film(f"film.{suffix}", "testsrc=s=160x120:r=30000/1001:d=2", vcodec="libx264")
    assert probe_video(film).fps == NTSC


def test_a_missing_duration_is_measured(make_film: Callable[..., Path]) -> None:
    film = make_film("live.webm", vcodec="libvpx", live=1)
    info = probe_video(film)
    assert info.duration == 1
    assert info.frame_estimate == 25


def test_a_rotated_film_is_described_as_displayed(
    make_film: Callable[..., Path], remake: Callable[..., Path]
) -> None:
    upright = make_film("upright.mp4", "testsrc=s=160x120:r=25:d=1,setsar=4/3")
    turned = remake(upright, "turned.mp4", {"display_rotation": 90}, c="copy")
    info = probe_video(turned)
    assert (info.width, info.height, info.pixel_aspect) == (120, 160, Fraction(3, 4))


def test_attached_pictures_are_no_video(
    make_film: Callable[..., Path], remake: Callable[..., Path]
) -> None:
    song = make_film(
        "song.mp3",
        "color=s=32x32:r=1:d=1",
        "sine=d=1",
        vcodec="mjpeg",
        pix_fmt="yuvj420p",
        **{"disposition:v": "attached_pic"},
    )
    with pytest.raises(BadInputError) as caught:
        probe_video(song)
    assert caught.value.reason is Reason.NO_VIDEO_STREAM
    assert probe_audio(song).codec.startswith("mp3")


def test_files_with_audio_or_video_only(make_film: Callable[..., Path]) -> None:
    with pytest.raises(BadInputError) as caught:
        probe_video(make_film("sound.wav", None, "sine=d=1"))
    assert caught.value.reason is Reason.NO_VIDEO_STREAM
    film = make_film("picture.mp4")
    assert not probe_video(film).has_audio
    with pytest.raises(BadInputError) as caught:
        probe_audio(film)
    assert caught.value.reason is Reason.NO_AUDIO_STREAM


@pytest.mark.parametrize("probe", [probe_video, probe_audio])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.mp4", b"not a film\n" * 100),
        ("notes.txt", b"a text that would play as a terminal's film\n" * 100),
        ("noise.mkv", bytes(range(256)) * 50),
    ],
)
def test_non_media_files_are_refused(
    tmp_path: Path, probe: Callable[[Path], object], name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadInputError) as caught:
        probe(path)
    assert caught.value.reason is Reason.NOT_MEDIA
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("probe", [probe_video, probe_audio])
def test_unreadable_paths_are_refused(tmp_path: Path, probe: Callable[[Path], object]) -> None:
    (tmp_path / "empty.mp4").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe.mp4")
    for path, reason in {
        tmp_path / "missing.mp4": Reason.NOT_FOUND,
        tmp_path / "empty.mp4" / "below.mp4": Reason.NOT_FOUND,
        tmp_path / "empty.mp4": Reason.EMPTY_FILE,
        tmp_path: Reason.UNREADABLE,
        tmp_path / "pipe.mp4": Reason.UNREADABLE,
        tmp_path / ("long" * 100): Reason.UNREADABLE,
    }.items():
        with pytest.raises(BadInputError) as caught:
            probe(path)
        assert caught.value.reason is reason, path
        assert "\n" not in str(caught.value)


def test_files_without_read_permission_are_refused(make_film: Callable[..., Path]) -> None:
    film = make_film("film.mp4")
    film.chmod(0)
    user = os.geteuid()
    if user == 0:  # root is not restricted
        os.seteuid(65534)
    try:
        with pytest.raises(BadInputError) as caught:
            probe_video(film)
    finally:
        os.seteuid(user)
    assert caught.value.reason is Reason.UNREADABLE


def test_a_film_truncated_before_its_index_is_refused(make_film: Callable[..., Path]) -> None:
    film = make_film("film.mp4")
    film.write_bytes(film.read_bytes()[:2000])
    with pytest.raises(BadInputError) as caught:
        probe_video(film)
    assert caught.value.reason is Reason.NOT_MEDIA


def test_file_names_are_never_parsed_as_options_or_urls(
    make_film: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = make_film("film.mp4", sound="sine=d=1")
    monkeypatch.chdir(tmp_path)
    for name in ("-y", "concat:a|b", "http:x.mp4", "with space & 'quote'.mp4", "50%d.mp4"):
        Path(name).write_bytes(film.read_bytes())
        assert probe_video(name).width == 160


def test_a_playlist_opens_no_connection(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/part.ts"
        playlist = tmp_path / "list.m3u8"
        playlist.write_text(
            f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{address}\n#EXT-X-ENDLIST\n"
        )
        for probe in (probe_video, probe_audio):
            with pytest.raises(BadInputError):
                probe(playlist)
        with pytest.raises(TimeoutError):
            server.accept()


def test_real_footage(grid_clips: list[Path]) -> None:
    info = probe_video(grid_clips[0])
    assert (info.width, info.height, info.fps) == (360, 288, 25)
    assert info.has_audio
