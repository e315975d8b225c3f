from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.data.model_store import pull
from mytalk_core.errors import MytalkError
from mytalk_core.evaluation.identity import FaceEmbedder, csim, identity_distance
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker, track_largest_face
from mytalk_core.media.decode import iter_frames


def test_distances_of_known_vectors():
    a, b = np.array([3.0, 0.0]), np.array([0.0, 4.0])
    assert identity_distance(a, b) == 5
    assert csim(a, b) == 0
    assert csim(a, 7 * a) == pytest.approx(1)


@pytest.fixture(scope="module")
def embed(landmarker_model: Path) -> Callable[[Path], np.ndarray]:
    try:
        embedder = FaceEmbedder(pull("face-embedding"), MESH478)
    except MytalkError as error:
        pytest.skip(f"no face-embedding here: {error}")

    def embed_first_face(video: Path) -> np.ndarray:
        images = [frame.image for frame in islice(iter_frames(video), 3)]
        with MeshLandmarker(landmarker_model) as landmarker:
            faces = list(track_largest_face(images, landmarker, Fraction(25)))
        return embedder.embed(images[-1], faces[-1])

    return embed_first_face


def test_one_man_in_two_films_is_one_man(embed, sample_clips):
    a, b = (embed(clip.path) for clip in sample_clips.values())
    assert a.shape == (128,)
    assert identity_distance(a, b) < 0.6


def test_speakers_are_told_apart(embed, grid_clips):
    own = [clip for clip in grid_clips if clip.parent.name == "s5"]
    stranger = next(clip for clip in grid_clips if clip.parent.name == "s33")
    same = identity_distance(embed(own[0]), embed(own[-1]))
    other = identity_distance(embed(own[0]), embed(stranger))
    assert same < 0.45 < 0.5 < other
