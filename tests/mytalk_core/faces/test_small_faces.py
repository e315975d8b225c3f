"""Detection of faces too small for the landmarker."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.data.samples import SampleClip
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.faces.small_faces import FacelessImages, tiles, too_small_text
from mytalk_core.media.decode import iter_frames


@given(st.integers(64, 700), st.integers(64, 700))
def test_tiles_cover_the_image(height: int, width: int) -> None:
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    image = np.stack([rows // 4, columns // 4, 0 * rows], axis=-1).astype(np.uint8)
    seen: dict[int, set[tuple[int, int]]] = {}
    for tile in tiles(image):
        side = max(tile.shape[:2])
        assert side <= max(height, width) // 2
        corners = {tuple(tile[y, x, :2].tolist()) for y in (0, -1) for x in (0, -1)}
        seen.setdefault(side, set()).update(corners)
    for corners in seen.values():
        edges = ((height - 1) // 4, (width - 1) // 4)
        assert {(0, 0), edges, (0, edges[1]), (edges[0], 0)} <= corners


def test_some_images_are_kept_until_a_face_is_detected() -> None:
    images = [np.full((1, 1, 3), number, np.uint8) for number in range(200)]
    faceless = FacelessImages()
    for number, image in enumerate(images):
        faceless.observe(number, image, face=False)
    assert [int(image[0, 0, 0]) for image in faceless] == [127, 63, 31, 15]
    faceless.observe(200, images[0], face=True)
    faceless.observe(255, images[0], face=False)
    assert list(faceless) == []


@pytest.mark.parametrize(("name", "height"), [("jwp_intro", 45), ("test_movie", 60)])
def test_a_small_face_is_measured(
    sample_clips: dict[str, SampleClip],
    landmarker_model: Path,
    run_ffmpeg: Callable[..., Path],
    tmp_path: Path,
    name: str,
    height: int,
) -> None:
    """The height of the faces is about two fifths of the samples' height."""
    small = f"scale=-2:{round(height / 0.45)},pad=960:540:300:200"
    path = run_ffmpeg(
        tmp_path / "film.mp4", "-i", sample_clips[name].path, "-vf", small, "-frames:v", "3", "-an"
    )
    images = [frame.image for frame in iter_frames(path)]
    with MeshLandmarker(landmarker_model) as landmarker:
        assert not any(landmarker.detect(image) for image in images)
        found = landmarker.small_face(images)
    assert found == pytest.approx(height, rel=0.25)
    text = too_small_text(found, 960, 540)
    assert f"{found:.0f} pixels" in text
    assert "12%" in text and "115 pixels" in text


def test_an_image_without_a_face_gives_no_small_face(
    landmarker_model: Path, run_ffmpeg: Callable[..., Path], tmp_path: Path
) -> None:
    slate = run_ffmpeg(tmp_path / "slate.mp4", "-f", "lavfi", "-i", "testsrc=d=0.04:s=640x480")
    with MeshLandmarker(landmarker_model) as landmarker:
        assert landmarker.small_face(frame.image for frame in iter_frames(slate)) is None
