"""Detection of mouths outside the picture and on letterbox bars."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.data.samples import SampleClip
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.faces.occlusion_sample import occlusion_sample
from mytalk_core.faces.plausibility import mouth_outside, on_flat_colour
from mytalk_core.media.decode import iter_frames
from tests.largest_face import track_largest_face

Film = tuple[list[NDArray[np.uint8]], NDArray[np.float32]]
"""Pictures and the landmarks of the face in each."""

MOUTH_TOP = 212  # pixels, upper edge of the mouth in `jwp_intro`


@pytest.fixture(scope="module")
def filtered(
    sample_clips: dict[str, SampleClip],
    landmarker_model: Path,
    run_ffmpeg: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], Film]:
    """Return a function that applies an ffmpeg filter to 20 frames of a speaker."""

    def run(video_filter: str) -> Film:
        path = tmp_path_factory.mktemp("film") / "film.mp4"
        cut = ("-frames:v", "20", "-vf", video_filter, "-qp", "10", "-an")
        run_ffmpeg(path, "-i", sample_clips["jwp_intro"].path, *cut)
        images = [frame.image for frame in iter_frames(path)]
        with MeshLandmarker(landmarker_model) as landmarker:
            return images, np.stack(list(track_largest_face(images, landmarker)))

    return run


def outside(film: Film) -> NDArray[np.bool_]:
    images, landmarks = film
    height, width = images[0].shape[:2]
    return mouth_outside(landmarks, width, height, MESH478)


def on_bar(film: Film) -> NDArray[np.bool_]:
    samples = [occlusion_sample(*each, MESH478) for each in zip(*film, strict=True)]
    return on_flat_colour(np.stack(samples), MESH478)


def test_a_mouth_in_the_picture_is_not_flagged(filtered: Callable[[str], Film]) -> None:
    film = filtered("null")
    assert not outside(film).any()
    assert not on_bar(film).any()


def test_a_mouth_below_the_edge_of_the_picture_is_outside(filtered: Callable[[str], Film]) -> None:
    film = filtered(f"crop=iw:{MOUTH_TOP}:0:0")
    assert np.isfinite(film[1]).all()
    assert outside(film).all()


def test_a_mouth_on_a_letterbox_bar_is_detected(filtered: Callable[[str], Film]) -> None:
    film = filtered(f"crop=iw:{MOUTH_TOP}:0:0,pad=iw:480:0:100")
    assert np.isfinite(film[1]).all()
    assert not outside(film).any()
    assert on_bar(film).all()


@given(st.floats(-60, 60), st.floats(-60, 60))
def test_outside_depends_on_the_position_of_the_lips(right: float, down: float) -> None:
    face = np.zeros((2, MESH478.point_count, 3), np.float32)  # all lips in one point
    face[0, :, :2] = 50 + right, 50 + down
    face[1] = np.nan
    inside = -50 <= right <= 50 and -50 <= down <= 50
    assert mouth_outside(face, 100, 100, MESH478).tolist() == [not inside, False]
