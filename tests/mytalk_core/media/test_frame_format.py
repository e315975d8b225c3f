from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.decode import iter_frames, iter_frames_at, iter_planes
from mytalk_core.media.probe import probe_video

_SCENE = "testsrc2=s={size}:r=25:d=2"
_TAGS = {"colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709"}
# Format changes between the parts of a film: their options and the message.
_CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "size": ({}, {"size": "128x96"}, "size from 160x120 to 128x96"),
    "format": ({}, {"pix_fmt": "yuv422p"}, "pixel format from yuv420p to yuv422p"),
    "aspect": ({}, {"aspect": "16:9"}, "pixel aspect ratio from 1 to 4/3"),
    "matrix": (_TAGS, _TAGS | {"colorspace": "smpte170m"}, "colour tags from"),
    "range": ({"color_range": "tv"}, {"color_range": "pc"}, "colour tags from"),
}


@pytest.fixture
def joined(make_film: Callable[..., Path]) -> Callable[..., Path]:
    """Return a function (first options, second options) -> transport stream of both, 2 s each."""

    def join(*parts: dict[str, Any]) -> Path:
        files = []
        for number, options in enumerate(parts):
            given = {"vcodec": "libx264", "g": 25} | options
            scene = _SCENE.format(size=given.pop("size", "160x120"))
            shift = {"output_ts_offset": 2 * number, "muxdelay": 0}
            files.append(make_film(f"part{number}.ts", scene, **given, **shift))
        film = files[0].with_name("film.ts")
        film.write_bytes(b"".join(file.read_bytes() for file in files))
        return film

    return join


@pytest.mark.parametrize("name", list(_CHANGES))
@pytest.mark.parametrize("read", [iter_frames, iter_planes])
def test_a_format_change_is_refused_at_its_frame(
    joined: Callable[..., Path], name: str, read: Callable[..., Any]
) -> None:
    first, second, words = _CHANGES[name]
    film = joined(first, second)
    seen = []
    with pytest.raises(BadInputError) as caught:
        seen.extend(frame.index for frame in read(film))
    # Decoders apply new tags and aspect up to their delay before the frame.
    assert 47 <= len(seen) <= 50
    assert caught.value.reason is Reason.FORMAT_CHANGES
    assert words in caught.value.what
    assert f"about {len(seen) / 25:.2f} s" in caught.value.what
    assert caught.value.where == str(film)


def test_a_part_after_the_change_is_refused_too(joined: Callable[..., Path]) -> None:
    film = joined({}, {}, {"size": "128x96"}, {"size": "128x96"})
    assert len(list(iter_frames_at(film, Fraction(25), 0, 90))) == 90
    with pytest.raises(BadInputError) as caught:
        next(iter_frames_at(film, Fraction(25), 160))
    assert caught.value.reason is Reason.FORMAT_CHANGES


def test_equivalent_tags_are_no_change(joined: Callable[..., Path]) -> None:
    """A default may be tagged in one part and omitted in the other."""
    film = joined({}, {"colorspace": "smpte170m", "color_range": "tv", "color_trc": "smpte170m"})
    assert len(list(iter_planes(film))) == 100


def test_a_film_that_becomes_interlaced_is_refused(joined: Callable[..., Path]) -> None:
    film = joined({}, {"flags": "+ildct+ilme", "vf": "setfield=tff"})
    assert not probe_video(film).interlaced
    with pytest.raises(BadInputError) as caught:
        list(iter_frames(film))
    assert caught.value.reason is Reason.INTERLACED
    assert "from about 2.00 s on" in caught.value.what
    assert "bwdif" in caught.value.remedy
