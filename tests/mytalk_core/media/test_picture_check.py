from collections.abc import Callable
from pathlib import Path

import pytest

from mytalk_core.data.samples import SampleClip
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.decode import iter_frames
from mytalk_core.media.picture_check import check_picture
from mytalk_core.media.probe import probe_video

_WOVEN = "scale=360:288,fps=50,interlace=scan=tff:lowpass=off"
_FIELDS = ("-flags", "+ildct+ilme")
# Interlaced files: flagged in the frames only, in the container only, in both.
_KINDS = {
    "mbaff.mp4": (*_FIELDS, "-c:v", "libx264"),
    "discs.mpg": (*_FIELDS, "-c:v", "mpeg2video", "-q:v", "2"),
    "camera.dv": (*_FIELDS, "-s", "720x576", "-c:v", "dvvideo", "-pix_fmt", "yuv420p"),
    "studio.mov": (*_FIELDS, "-c:v", "prores_ks"),
    "container.mov": ("-vf", f"{_WOVEN},setfield=tff", "-c:v", "ffvhuff", "-field_order", "tt"),
}


@pytest.mark.parametrize("name", list(_KINDS))
def test_interlaced_films_are_refused_in_advance(
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: Callable[..., Path],
    tmp_path: Path,
    name: str,
) -> None:
    source = sample_clips["test_movie"].path
    film = run_ffmpeg(tmp_path / name, "-i", source, "-an", "-t", "1", "-vf", _WOVEN, *_KINDS[name])
    with pytest.raises(BadInputError) as caught:
        check_picture(film)
    assert caught.value.reason is Reason.INTERLACED
    assert "send_field" in caught.value.remedy
    # They can still be probed and decoded.
    assert probe_video(film).interlaced
    assert len(list(iter_frames(film))) == 25


def test_the_suggested_remedies_work(
    sample_clips: dict[str, SampleClip], run_ffmpeg: Callable[..., Path], tmp_path: Path
) -> None:
    source = sample_clips["test_movie"].path
    encode = ("-an", "-t", "1", "-vf", _WOVEN, *_FIELDS, "-c:v", "libx264")
    film = run_ffmpeg(tmp_path / "film.mp4", "-i", source, *encode)
    for name, remedy in (("fields.mp4", "bwdif=mode=send_field"), ("psf.mp4", "setfield=prog")):
        mended = run_ffmpeg(tmp_path / name, "-i", film, "-vf", remedy)
        assert not check_picture(mended).interlaced
    assert probe_video(tmp_path / "fields.mp4").fps == 50


@pytest.mark.parametrize("name", ["film.mp4", "film.ts"])
def test_a_late_format_change_is_detected_in_advance(
    make_film: Callable[..., Path], remake: Callable[..., Path], name: str
) -> None:
    scene = "testsrc2=s=96x64:r=25:d=20"
    steady = {"vcodec": "libx264", "g": 50}
    check_picture(make_film(name, scene, **steady))
    parts = [
        make_film(f"{place}.ts", scene, output_ts_offset=20 * place, **steady, **options)
        for place, options in enumerate(({}, {"flags": "+ildct+ilme", "vf": "setfield=tff"}))
    ]
    film = parts[0].with_name("mixed.ts")
    film.write_bytes(b"".join(part.read_bytes() for part in parts))
    with pytest.raises(BadInputError) as caught:
        check_picture(remake(film, f"late-{name}", c="copy"))
    assert caught.value.reason is Reason.INTERLACED


def test_damage_is_left_to_decoding(make_film: Callable[..., Path]) -> None:
    film = make_film("film.mp4", "testsrc2=s=96x64:r=25:d=12", vcodec="libx264", g=25)
    data = bytearray(film.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes(4000)
    film.write_bytes(data)
    assert check_picture(film).width == 96
