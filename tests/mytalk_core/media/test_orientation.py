from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.data.samples import SampleClip
from mytalk_core.media.decode import iter_frames, iter_frames_at, iter_planes
from mytalk_core.media.orientation import UPRIGHT, Orientation, orientation_from_matrix
from mytalk_core.media.plane_reader import displayed_layout
from mytalk_core.media.plane_regions import as_rgb
from mytalk_core.media.planes import PlaneLayout
from mytalk_core.media.probe import probe_video

_EVERY = [(turns * 90, mirrored) for turns in range(4) for mirrored in (False, True)]


@pytest.mark.parametrize(("degrees", "mirrored"), _EVERY)
def test_films_are_displayed_as_ffmpeg_displays_them(
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: Callable[..., Path],
    tmp_path: Path,
    degrees: int,
    mirrored: bool,
) -> None:
    source = sample_clips["test_movie"].path
    scale = ("-vf", "scale=160:120:out_range=tv,format=yuv420p,setsar=4/3", "-frames:v", "3")
    stored = run_ffmpeg(tmp_path / "stored.mp4", "-i", source, *scale, "-an", "-crf", "1")
    flags = ["-display_rotation", str(degrees), *(["-display_hflip"] if mirrored else [])]
    film = run_ffmpeg(tmp_path / "film.mp4", *flags, "-i", stored, "-c", "copy")
    expected = run_ffmpeg(tmp_path / "expected.mkv", "-i", film, "-c:v", "ffv1")
    info, displayed = probe_video(film), probe_video(expected)
    assert (info.width, info.height) == (displayed.width, displayed.height)
    assert info.pixel_aspect == displayed.pixel_aspect
    theirs = [frame.image.astype(int) for frame in iter_frames(expected)]
    shown = (
        [frame.image for frame in iter_frames(film)],
        [frame.image for frame in iter_frames_at(film, info.fps)],
        [as_rgb(frame.planes) for frame in iter_planes(film)],
    )
    # FFmpeg moves the chroma position without tagging it, which shifts colours by a pixel.
    for ours in shown:
        assert len(ours) == len(theirs) == 3
        assert max(np.abs(a - b).mean() for a, b in zip(ours, theirs, strict=True)) < 1.5
        assert np.abs(ours[0][::-1].astype(int) - theirs[0]).mean() > 15
    with av.open(str(expected)) as container:
        luma = next(container.decode(video=0)).to_ndarray()[: displayed.height]
    assert np.array_equal(next(iter_planes(film)).planes.y, luma)


@given(st.integers(0, 3), st.booleans(), st.integers(1, 1 << 20), st.integers(-20, 20))
def test_the_orientation_matches_the_matrix(
    turns: int, mirrored: bool, scale: int, degrees: int
) -> None:
    """Any scale and small angles map to the nearest of the eight orientations."""
    wanted = Orientation(turns, mirrored)
    # Displayed positions of the first pixel of a square picture, its right and lower neighbour.
    places = wanted.upright(np.arange(9).reshape(3, 3))
    first, right, below = (np.argwhere(places == n)[0][::-1] for n in (0, 1, 3))
    angle = np.deg2rad(degrees)
    tilt = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    (a, b), (c, d) = (scale * (tilt @ (place - first)) for place in (right, below))
    matrix = np.rint([a, b, 0, c, d, 0, 0, 0, 1 << 30]).astype(np.int32)
    assert orientation_from_matrix(matrix) == wanted


def test_a_matrix_without_directions_changes_nothing() -> None:
    assert orientation_from_matrix(np.zeros(9, np.int32)) == UPRIGHT


@given(st.integers(0, 3), st.booleans(), st.sampled_from([0.0, 0.5]), st.sampled_from([0.0, 0.5]))
def test_chroma_positions_move_with_their_pixels(
    turns: int, mirrored: bool, chroma_x: float, chroma_y: float
) -> None:
    orientation = Orientation(turns, mirrored)
    stored = PlaneLayout(8, 2, 2, chroma_x, chroma_y)
    layout = displayed_layout(stored, orientation)
    # The four pixels of a chroma sample and their positions; the sample is at their mean.
    columns, rows = np.meshgrid([0, 1], [0, 1])
    weight = np.abs(1 - abs(columns - chroma_x)) * np.abs(1 - abs(rows - chroma_y))
    upright = orientation.upright(weight)
    assert layout.chroma_x == pytest.approx((upright * columns).sum() / upright.sum())
    assert layout.chroma_y == pytest.approx((upright * rows).sum() / upright.sum())
    assert replace(layout, chroma_x=0, chroma_y=0) == PlaneLayout(8, 2, 2, 0, 0)
