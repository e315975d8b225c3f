"""Face embeddings: distances within and between persons, choice of frames."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from mytalk_core.data.model_store import pull
from mytalk_core.errors import MytalkError
from mytalk_core.faces.alignment import canonical_rigid, fit_pose
from mytalk_core.faces.crop import CropConfig, crop_boxes, cut_crop
from mytalk_core.faces.embedding import FaceEmbedder, clip_embedding, identity_distance
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.media.decode import iter_frames
from tests.largest_face import track_largest_face

SAME = 0.45


def test_the_distance_is_euclidean():
    assert identity_distance(np.array([3.0, 0.0]), np.array([0.0, 4.0])) == 5


@pytest.fixture(scope="module")
def embedder() -> FaceEmbedder:
    try:
        return FaceEmbedder(pull("face-embedding"), MESH478)
    except MytalkError as error:
        pytest.skip(f"no face-embedding here: {error}")


@pytest.fixture(scope="module")
def embed(landmarker_model: Path, embedder: FaceEmbedder) -> Callable[[Path], np.ndarray]:
    def embed_clip(video: Path) -> np.ndarray:
        images = [frame.image for frame in islice(iter_frames(video), 8)]
        with MeshLandmarker(landmarker_model) as landmarker:
            faces = np.stack(list(track_largest_face(images, landmarker)))
        crop = CropConfig()
        pose = fit_pose(faces, canonical_rigid(faces, MESH478), MESH478)
        boxes = crop_boxes(pose, crop, 25)
        crops = [cut_crop(*pair, crop.size) for pair in zip(images, boxes, strict=True)]
        return clip_embedding(embedder, np.stack(crops), faces, boxes)

    return embed_clip


def test_one_person_in_two_films_is_within_the_threshold(embed, sample_clips):
    a, b = (embed(clip.path) for clip in sample_clips.values())
    assert a.shape == (128,)
    assert identity_distance(a, b) < 0.6


def test_two_speakers_are_beyond_the_threshold(embed, grid_clips):
    own = [clip for clip in grid_clips if clip.parent.name == "s5"]
    other = next(clip for clip in grid_clips if clip.parent.name == "s33")
    assert identity_distance(embed(own[0]), embed(own[-1])) < SAME
    assert identity_distance(embed(own[0]), embed(other)) > SAME


class RecordingEmbedder(FaceEmbedder):
    """Record its pictures by their brightest value."""

    def __init__(self) -> None:
        self.scheme = MESH478
        self.pictures: list[int] = []

    def embed(self, image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        self.pictures.append(int(image.max()))
        return np.full(128, float(image.max()))


def test_the_sharpest_of_the_frontal_frames_are_taken(face_shape, turn):
    turns = np.array([0.02, 0.5, 0.03, 0.6, 0.01, -0.7, 0.04, 0.8] + [0.9] * 8)
    landmarks = np.stack([60 * face_shape(0.1) @ turn(yaw, 0).T for yaw in turns]) + 64
    plain = np.random.default_rng(0).integers(0, 90, (64, 64, 3), dtype=np.uint8)
    crops = np.stack([plain + np.uint8(frame) for frame in range(16)])
    crops[[0, 6]] = [cv2.GaussianBlur(crop, (0, 0), 3) for crop in crops[[0, 6]]]
    boxes = np.repeat(np.array([[[1, 0], [0, 1], [0, 0]]], np.float32), 16, axis=0)
    embedder = RecordingEmbedder()
    mean = clip_embedding(embedder, crops, landmarks.astype(np.float32), boxes)
    assert sorted(embedder.pictures) == [int(crops[2].max()), int(crops[4].max())]
    assert mean == pytest.approx(np.full(128, np.mean(embedder.pictures)))


def test_a_clip_of_one_frame_has_an_embedding(talking_face):
    landmarks = talking_face(np.zeros(1))
    boxes = np.array([[[1, 0], [0, 1], [0, 0]]], np.float32)
    crops = np.full((1, 64, 64, 3), 7, np.uint8)
    assert clip_embedding(RecordingEmbedder(), crops, landmarks, boxes).tolist() == [7.0] * 128
