from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.colour import ColourTags, tags_of, to_rgb
from mytalk_core.media.decode import iter_frames, iter_planes
from mytalk_core.media.plane_reader import PlaneReader, upright_layout
from mytalk_core.media.plane_regions import as_rgb
from mytalk_core.media.planes import PlaneLayout, Planes, frame_of
from mytalk_core.media.probe import probe_video

_LIMITED, _FULL = 1, 2
_YUV420 = PlaneLayout()
_YUV422 = PlaneLayout(8, 2, 1, 0, 0)
_YUV444 = PlaneLayout(8, 1, 1, 0, 0)


_SMOOTH = "gradients=r=25:c0=0xC08060:c1=0x304878:c2=0x88B070:nb_colors=3:seed=1"


def decoded(pixel_format: str, width: int = 96, height: int = 64) -> av.VideoFrame:
    """Return a frame as from a decoder: a colour gradient over the whole picture."""
    columns, rows = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    slope = np.stack([60 + 120 * columns, 200 - 100 * rows, 80 + 50 * columns * rows], axis=2)
    picture = av.VideoFrame.from_ndarray(slope.astype(np.uint8), format="rgb24")
    return picture if pixel_format == "rgb24" else picture.reformat(format=pixel_format)


def read(frame: av.VideoFrame) -> Planes:
    return PlaneReader(Path("film"), "rawvideo")(frame)


def stored(frame: av.VideoFrame) -> list[np.ndarray]:
    """Return copies of a frame's planes in storage orientation."""
    kind = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    return [
        np.frombuffer(plane, kind).reshape(plane.height, -1)[:, : plane.width].copy()
        for plane in frame.planes
    ]


def decode(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


@pytest.mark.parametrize(
    ("pixel_format", "layout"),
    [
        ("yuv420p", _YUV420),
        ("yuv422p", _YUV422),
        ("yuv444p", _YUV444),
        ("yuv420p10le", replace(_YUV420, bits=10)),
        ("yuv422p10le", replace(_YUV422, bits=10)),
        ("yuv444p10le", replace(_YUV444, bits=10)),
        ("yuv420p12le", replace(_YUV420, bits=12)),
        ("yuvj422p", _YUV422),
        ("yuva420p", _YUV420),
        ("yuva444p10le", replace(_YUV444, bits=10)),
    ],
)
def test_planar_pictures_are_not_converted(pixel_format: str, layout: PlaneLayout) -> None:
    frame = decoded(pixel_format)
    planes = read(frame)
    assert planes.layout == layout == upright_layout(frame, "rawvideo")
    assert layout.name == pixel_format.replace("yuva", "yuv").replace("yuvj", "yuv")
    assert (planes.width, planes.height) == (96, 64)
    assert (planes.tags.range == _FULL) is pixel_format.startswith("yuvj")
    for ours, theirs, plane in zip(
        (planes.y, planes.u, planes.v), stored(frame), frame.planes, strict=False
    ):
        assert ours.dtype == layout.dtype
        assert np.array_equal(ours, theirs)
        assert ours.__array_interface__["data"] == (plane.buffer_ptr, True)  # a read-only view


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "yuv422p10le", "yuv444p10le", "yuv420p"])
def test_films_keep_their_samples(make_film: Callable[..., Path], pixel_format: str) -> None:
    film = make_film("film.mkv", "testsrc2=s=96x64:r=25:d=0.4", pix_fmt=pixel_format, bf=2)
    info = probe_video(film)
    assert info.layout.name == pixel_format
    kept = list(iter_planes(film))
    assert len(kept) == 10
    for ours, seen, theirs in zip(kept, iter_frames(film), decode(film), strict=True):
        assert (ours.index, ours.pts) == (seen.index, seen.pts)
        assert ours.planes.layout == info.layout
        assert ours.planes.tags == info.colour
        for own, its in zip(
            (ours.planes.y, ours.planes.u, ours.planes.v), stored(theirs), strict=True
        ):
            assert np.array_equal(own, its)


@pytest.mark.parametrize(
    ("pixel_format", "layout"),
    [
        ("bgra", _YUV444),
        ("gbrp", _YUV444),
        ("pal8", _YUV444),
        ("gbrp10le", replace(_YUV444, bits=10)),
        ("rgb48le", replace(_YUV444, bits=12)),
        ("yuyv422", _YUV422),
        ("yuv411p", _YUV422),
        ("yuv410p", _YUV420),
        ("yuv440p", _YUV444),
        ("yuv420p9le", replace(_YUV420, bits=10)),
        ("yuv420p10be", replace(_YUV420, bits=10)),
        ("yuv422p14le", replace(_YUV422, bits=12)),
    ],
)
def test_other_formats_are_converted_to_the_nearest_planar_format(
    pixel_format: str, layout: PlaneLayout
) -> None:
    frame = decoded(pixel_format) if pixel_format != "pal8" else palette()
    planes = read(frame)
    assert planes.layout == layout
    error = as_rgb(planes).astype(int) - to_rgb(frame, VideoReformatter())
    assert np.abs(error).mean() < 1
    assert np.abs(error.mean(axis=(0, 1))).max() < 0.6


def palette() -> av.VideoFrame:
    frame = av.VideoFrame(96, 64, "pal8")
    colours = np.random.default_rng(0).integers(0, 256, 256 * 4, np.uint8)
    for plane, content in zip(frame.planes, (np.arange(96 * 64) // 96, colours), strict=True):
        plane.update(content.astype(np.uint8).tobytes())
    return frame


def test_interleaved_chroma_is_split() -> None:
    for pixel_format, unused_bits in (("nv12", 0), ("p010le", 6)):
        frame = decoded(pixel_format)
        planes = read(frame)
        luma, chroma = (
            np.frombuffer(plane, planes.layout.dtype).reshape(plane.height, -1)[:, :96]
            >> unused_bits
            for plane in frame.planes
        )
        assert planes.layout == replace(_YUV420, bits=10 if unused_bits else 8)
        assert np.array_equal(planes.y, luma)
        assert np.array_equal(planes.u, chroma[:, ::2])
        assert np.array_equal(planes.v, chroma[:, 1::2])


@pytest.mark.parametrize(("pixel_format", "bits"), [("gray", 8), ("gray10le", 10), ("ya8", 8)])
def test_grey_keeps_its_luma_in_full_range(pixel_format: str, bits: int) -> None:
    frame = decoded(pixel_format)
    planes = read(frame)
    assert planes.layout == replace(_YUV420, bits=bits)
    assert planes.tags.range == _FULL
    assert (planes.u == 1 << (bits - 1)).all()
    assert (planes.v == 1 << (bits - 1)).all()
    if pixel_format != "ya8":
        assert np.array_equal(planes.y, stored(frame)[0])
    assert np.abs(as_rgb(planes).astype(int) - to_rgb(frame, VideoReformatter())).max() <= 1


def test_rgb_is_converted_to_limited_range_yuv() -> None:
    for pixel_format in ("bgra", "gbrp", "rgb48le"):
        tags = read(decoded(pixel_format)).tags
        assert (tags.matrix, tags.range) == (2, _LIMITED)


@pytest.mark.parametrize(
    ("width", "height", "pixel_format", "layout"),
    [
        (97, 64, "yuv420p", _YUV444),
        (96, 65, "yuv420p10le", replace(_YUV444, bits=10)),
        (97, 64, "yuv422p", _YUV444),
        (96, 65, "yuv422p", _YUV422),
        (97, 65, "gray", _YUV444),
    ],
)
def test_odd_sides_are_extended_or_upsampled(
    width: int, height: int, pixel_format: str, layout: PlaneLayout
) -> None:
    frame = decoded(pixel_format, width, height)
    planes = read(frame)
    assert planes.layout == layout
    assert np.array_equal(planes.y, stored(frame)[0])
    assert np.abs(as_rgb(planes).astype(int) - to_rgb(frame, VideoReformatter())).mean() < 1


@pytest.mark.parametrize("degrees", [90, 180, 270])
@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "yuv422p"])
def test_rotated_films_are_read_upright(
    make_film: Callable[..., Path], remake: Callable[..., Path], degrees: int, pixel_format: str
) -> None:
    upright = make_film("upright.mp4", f"{_SMOOTH}:s=96x64:d=0.08", pix_fmt=pixel_format)
    film = remake(upright, "turned.mp4", {"display_rotation": degrees}, c="copy")
    info = probe_video(film)
    for ours, theirs, frame in zip(iter_planes(film), iter_frames(film), decode(film), strict=True):
        planes, (y, u, v) = ours.planes, stored(frame)
        assert (planes.width, planes.height) == (info.width, info.height)
        assert planes.layout == info.layout
        assert np.array_equal(planes.y, np.rot90(y, degrees // 90))
        if pixel_format == "yuv422p" and degrees != 180:
            assert planes.layout == _YUV444
        else:
            assert np.array_equal(planes.u, np.rot90(u, degrees // 90))
            assert np.array_equal(planes.v, np.rot90(v, degrees // 90))
        assert np.abs(as_rgb(planes).astype(int) - theirs.image).mean() < 1


def test_chroma_positions_rotate_with_the_film(
    make_film: Callable[..., Path], remake: Callable[..., Path]
) -> None:
    upright = make_film("upright.mp4")
    places = []
    for degrees in (0, 90, 180, 270):
        film = remake(upright, f"{degrees}.mp4", {"display_rotation": degrees}, c="copy")
        layout = probe_video(film).layout
        places.append((layout.chroma_x, layout.chroma_y))
    assert places == [(0, 0.5), (0.5, 1), (1, 0.5), (0.5, 0)]


def test_mpeg_1_chroma_is_sited_between_columns(make_film: Callable[..., Path]) -> None:
    layout = probe_video(make_film("film.mpg", vcodec="mpeg1video")).layout
    assert (layout.chroma_x, layout.chroma_y) == (0.5, 0.5)


_TAGS = {
    "bt709": ColourTags(1, 1, 1, _LIMITED),
    "smpte170m": ColourTags(6, 6, 6, _LIMITED),
    "bt2020": ColourTags(9, 9, 16, _LIMITED),
    "full": ColourTags(1, 1, 1, _FULL),
}
_PARAMETERS = {
    "bt709": "bt709:color_primaries=bt709:color_trc=bt709:range=tv",
    "smpte170m": "smpte170m:color_primaries=smpte170m:color_trc=smpte170m:range=tv",
    "bt2020": "bt2020nc:color_primaries=bt2020:color_trc=smpte2084:range=tv",
    "full": "bt709:color_primaries=bt709:color_trc=bt709:range=pc",
}


@pytest.mark.parametrize("name", list(_TAGS))
def test_tags_equal_the_film_s(make_film: Callable[..., Path], name: str) -> None:
    picture = f"{_SMOOTH}:s=96x64:d=0.08,format=yuv420p10le,setparams=colorspace="
    film = make_film("film.mp4", picture + _PARAMETERS[name], pix_fmt="yuv420p10le")
    assert probe_video(film).colour == _TAGS[name]
    planes = next(iter_planes(film)).planes
    assert planes.tags == _TAGS[name]
    assert planes.layout == replace(_YUV420, bits=10)
    assert tags_of(frame_of(planes)) == _TAGS[name]
    seen = next(iter_frames(film)).image
    assert np.abs(as_rgb(planes).astype(int) - seen).mean() < 0.6


def test_bottom_up_rows_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.extradata = b"---BottomUp\0"
        frame = av.VideoFrame(64, 48, "yuv420p")
        frame.pts = 0
        container.mux([*stream.encode(frame), *stream.encode(None)])
    with pytest.raises(BadInputError) as caught:
        next(iter_planes(path))
    assert caught.value.reason is Reason.DECODE_ERROR
    assert caught.value.where == str(path)
