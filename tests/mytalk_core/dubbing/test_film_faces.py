"""What the first look at a film finds."""

from pathlib import Path

import numpy as np

from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing.film_faces import observe_film
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.faces.picture_quality import landmark_jitter
from mytalk_core.faces.shape import aperture
from mytalk_core.media.probe import probe_video


def test_faces_are_found_in_every_frame_and_shake_less_than_they_were_found(
    sample_clips: dict[str, SampleClip], landmarker_model: Path, tmp_path: Path
) -> None:
    info = probe_video(sample_clips["test_movie"].path)
    with MeshLandmarker(landmarker_model) as landmarker:
        faces = observe_film(info, landmarker, tmp_path, lambda *_: None)
    found = faces.found
    ((first, end),) = faces.runs
    assert (first, end) == (0, len(found)) == (0, len(faces.starts))
    assert set(faces.left_alone) == {None}
    assert landmark_jitter(faces.landmarks, MESH478) < 0.95 * landmark_jitter(found, MESH478)
    steady, shaking = (aperture(landmarks, MESH478) for landmarks in (faces.landmarks, found))
    assert np.corrcoef(steady, shaking)[0, 1] > 0.99
    assert steady.std() > 0.95 * shaking.std()
