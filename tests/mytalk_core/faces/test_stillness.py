"""Detection of photographs under camera motion and noise."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.data.samples import SampleClip
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.faces.stillness import is_still, movement_ratio
from mytalk_core.faces.tracks import FacesInMemory, Track
from mytalk_core.media.decode import iter_frames
from tests.largest_face import track_largest_face

FPS = 25.0
Landmarks = NDArray[np.float32]


@pytest.fixture(scope="module")
def filtered(
    sample_clips: dict[str, SampleClip],
    landmarker_model: Path,
    run_ffmpeg: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], Landmarks]:
    """Return a function that gives landmarks of 75 frames of a speaker after an ffmpeg filter."""

    def run(video_filter: str) -> Landmarks:
        path = tmp_path_factory.mktemp("film") / "film.mp4"
        graph = f"fps=25,{video_filter}"
        cut = ("-frames:v", "75", "-vf", graph, "-r", "25", "-crf", "18", "-an")
        run_ffmpeg(path, "-i", sample_clips["test_movie"].path, *cut)
        with MeshLandmarker(landmarker_model) as landmarker:
            images = (frame.image for frame in iter_frames(path, exact=False))
            return np.stack(list(track_largest_face(images, landmarker)))

    return run


def track(landmarks: Landmarks) -> Track:
    faces = FacesInMemory()
    rows = np.array([faces.add(face) for face in landmarks])
    return Track(0, 0, np.arange(100, 100 + len(rows)), rows, faces)


def still(landmarks: Landmarks) -> bool:
    return is_still(track(landmarks), MESH478, FPS)


def test_a_speaker_is_not_still(filtered: Callable[[str], Landmarks]) -> None:
    speaking = filtered("null")
    assert not still(speaking)
    assert movement_ratio(speaking, MESH478, FPS) > 1.4
    # A frozen frame for four fifths of the time, followed by speech.
    assert not still(np.concatenate([np.repeat(speaking[:1], 300, axis=0), speaking]))


PHOTOGRAPH = "trim=start_frame=12:end_frame=13,loop=74:1:0,setpts=N/25/TB"


@pytest.mark.parametrize(
    "camera",
    [
        "null",
        "noise=alls=8:allf=t",
        "scale=704:-2,zoompan=z='1+0.002*on':d=1:s=704x576:fps=25",
        "crop=iw-24:ih-24:'12+10*sin(n/9)':'12+8*cos(n/7)',noise=alls=4:allf=t",
        "rotate='0.06*sin(n/11)'",
    ],
    ids=["at rest", "with noise", "zooming", "moving", "rolling"],
)
def test_a_photograph_is_still_under_camera_motion(
    filtered: Callable[[str], Landmarks], camera: str
) -> None:
    photographed = filtered(f"{PHOTOGRAPH},{camera}")
    assert np.isfinite(photographed).all()
    assert still(photographed)
    assert not still(photographed[:40])  # people hold still for a second and a half
