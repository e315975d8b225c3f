from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.data.samples import SampleClip
from mytalk_core.media.colour import ColourTags
from mytalk_core.media.decode import iter_planes
from mytalk_core.media.planes import PlaneLayout, Planes
from mytalk_core.media.tone import Tone, tone_of
from tests.changed_region import with_region

_SEPIA = "colorchannelmixer=.393:.769:.189:0:.349:.686:.168:0:.272:.534:.131"
# Filter, encoder and options of films without colour or with a single tone.
_NEUTRAL = {
    "h264": ("hue=s=0", "libx264", "-crf", "28"),
    "mpeg": ("hue=s=0", "mpeg2video", "-q:v", "8"),
    "tinted": ("lutyuv=u=140:v=112", "libx264"),
    "grey": ("format=gray", "ffv1"),
    "rgb": ("hue=s=0,format=gbrp", "ffv1"),
    "studio": ("hue=s=0,format=yuv422p10le", "prores_ks"),
}
_TONED = {
    "h264": (_SEPIA, "libx264", "-crf", "28"),
    "mpeg": (_SEPIA, "mpeg2video", "-q:v", "6"),
    "grain": ("hue=s=0,noise=alls=6:allf=t", "libx264", "-crf", "16"),
}


@pytest.fixture
def filmed(
    sample_clips: dict[str, SampleClip], run_ffmpeg: Callable[..., Path], tmp_path: Path
) -> Callable[..., list[Planes]]:
    """Return a function (filter, encoder, *options) -> three frames of real footage."""

    def frames(filters: str, encoder: str, *options: str) -> list[Planes]:
        film = run_ffmpeg(
            tmp_path / "film.mkv",
            *("-i", sample_clips["test_movie"].path, "-an", "-frames:v", "3"),
            *("-vf", filters, "-c:v", encoder, *options),
        )
        return [frame.planes for frame in iter_planes(film)]

    return frames


def mouth(planes: Planes) -> tuple[int, int, int, int]:
    """Return a region within the face."""
    width, height = planes.width, planes.height
    return width * 2 // 5, height * 3 // 8, width * 3 // 5, height * 5 // 8


@pytest.mark.parametrize("name", list(_NEUTRAL))
def test_black_and_white_is_detected(filmed: Callable[..., list[Planes]], name: str) -> None:
    for planes in filmed(*_NEUTRAL[name]):
        assert tone_of(planes, *mouth(planes)) == Tone(0, 0)


@pytest.mark.parametrize("name", list(_TONED))
def test_drawing_keeps_the_film_s_tone(filmed: Callable[..., list[Planes]], name: str) -> None:
    """A green patch blended into the film takes the film's tone."""
    for planes in filmed(*_TONED[name]):
        left, top, right, bottom = mouth(planes)
        tone = tone_of(planes, left, top, right, bottom)
        assert tone is not None
        green = np.zeros((bottom - top, right - left, 3), np.float32)
        green[..., 1] = np.linspace(40, 220, right - left)
        share = np.ones(green.shape[:2], np.float32)
        after = with_region(planes, green, share, left, top, tone)
        for before, now in ((planes.u, after.u), (planes.v, after.v)):
            assert now.min() >= int(before.min()) - 4
            assert now.max() <= int(before.max()) + 4
        assert tone_of(after, left, top, right, bottom) is not None


@pytest.mark.parametrize("filters", ["null", "hue=s=0.4", "eq=brightness=-0.3"])
def test_colour_films_have_no_tone(filmed: Callable[..., list[Planes]], filters: str) -> None:
    for planes in filmed(filters, "libx264"):
        assert tone_of(planes, *mouth(planes)) is None


def test_colour_faces_have_no_tone(grid_clips: list[Path]) -> None:
    for speaker in sorted({clip.parent for clip in grid_clips}):
        clip = next(path for path in grid_clips if path.parent == speaker)
        planes = next(iter_planes(clip)).planes
        assert tone_of(planes, *mouth(planes)) is None, clip


@given(st.sampled_from([8, 10, 12]), st.integers(0, 255), st.integers(0, 255), st.integers(0, 99))
def test_a_flat_tone_keeps_chroma_unchanged(bits: int, u: int, v: int, seed: int) -> None:
    layout = PlaneLayout(bits=bits)
    random = np.random.default_rng(seed)
    luma = random.integers(0, 1 << bits, (16, 20)).astype(layout.dtype)
    tints = (np.full((8, 10), tint << (bits - 8), layout.dtype) for tint in (u, v))
    planes = Planes(luma, *tints, layout, ColourTags(matrix=1, range=1))
    rgb = random.uniform(0, 255, (9, 7, 3)).astype(np.float32)
    share = random.uniform(0, 1, (9, 7)).astype(np.float32)
    after = with_region(planes, rgb, share, 3, 5, tone_of(planes, 3, 5, 10, 14))
    assert np.array_equal(after.u, planes.u)
    assert np.array_equal(after.v, planes.v)
