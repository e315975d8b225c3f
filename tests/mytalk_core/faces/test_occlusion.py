"""Detection of objects in front of a mouth, on painted and recorded faces."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.data.samples import SampleClip
from mytalk_core.faces.alignment import head_turn, inter_ocular
from mytalk_core.faces.face_motion import face_motion
from mytalk_core.faces.landmark_scheme import IBUG68, MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.faces.occlusion import (
    OcclusionConfig,
    coverage,
    occluded,
    widened,
    without_gaps,
)
from mytalk_core.faces.occlusion_sample import occlusion_sample, sample_places
from mytalk_core.media.decode import iter_frames
from tests.largest_face import track_largest_face
from tests.occluders import KINDS, Visit, draw_sprite, skin_of, with_visit

Array = NDArray[np.float32]
Image = NDArray[np.uint8]
Film = Callable[..., Array]

CONFIG = OcclusionConfig()
FRAMES = 90
FACING = np.ones(FRAMES, np.bool_)
VISIT = Visit("fist", 30, 62, slide=6)


def painted(face: Array) -> Image:
    """Paint a frame (300, 320, 3) with skin, shadow, eyes and a mouth at the landmarks."""
    image = np.full((300, 320, 3), (60, 90, 130), np.uint8)
    points = face[:, :2].round().astype(np.int32)
    cv2.fillConvexPoly(image, cv2.convexHull(points), (205, 160, 130))
    for corner in MESH478.eye_corners:
        cv2.circle(image, points[corner].tolist(), 6, (30, 30, 60), -1)
    cv2.circle(image, points[MESH478.nose_base].tolist(), 4, (150, 100, 80), -1)
    cv2.fillPoly(image, [points[list(MESH478.outer_lips)]], (170, 70, 75))
    cv2.fillPoly(image, [points[list(MESH478.inner_lips)]], (60, 10, 15))
    light = np.linspace(1.0, 0.8, image.shape[1])[None, :, None]
    rough = np.random.default_rng(0).normal(0, 4, image.shape)
    soft = cv2.GaussianBlur(image, (5, 5), 0) * light
    return (soft + cv2.GaussianBlur(rough, (0, 0), 1)).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def faces(talking_face: Film) -> Array:
    """Landmarks of a speaking face in FRAMES frames."""
    times = np.arange(FRAMES)
    return talking_face(0.12 + 0.1 * np.sin(times / 2) * np.sin(times / 7), 60.0, (160, 110))


@pytest.fixture(scope="module")
def images(faces: Array) -> list[Image]:
    """Painted frames of the face."""
    return [painted(face) for face in faces]


def visited(images: list[Image], faces: Array, visit: Visit) -> tuple[list[Image], Array]:
    """Return the frames with an occluder, and the covered share of the mouth in each."""
    unit = float(np.median(inter_ocular(faces, MESH478)))
    sprite = draw_sprite(visit, unit, skin_of(images[0], faces[0], MESH478))
    shown, shares = [], []
    for frame, (image, face) in enumerate(zip(images, faces, strict=True)):
        if not visit.first <= frame < visit.end:
            shown.append(image)
            shares.append(0.0)
            continue
        pasted, covers = with_visit(image, face, visit, frame, sprite, MESH478)
        mouth = np.zeros(image.shape[:2], np.uint8)
        outline = face[list(MESH478.outer_lips), :2].round().astype(np.int32)
        cv2.fillPoly(mouth, [outline], [1])
        shown.append(pasted)
        shares.append(float(covers[mouth > 0].mean()))
    return shown, np.array(shares, np.float32)


def flagged(
    images: list[Image], faces: Array, config: OcclusionConfig = CONFIG
) -> NDArray[np.bool_]:
    samples = np.stack(
        [occlusion_sample(image, face, MESH478) for image, face in zip(images, faces, strict=True)]
    )
    yaw = head_turn(face_motion(faces, MESH478).pose)
    return occluded(samples, yaw, np.ones(len(faces), np.bool_), 25.0, MESH478, config)


def test_a_speaking_and_turning_face_is_not_flagged(images: list[Image], faces: Array) -> None:
    assert not flagged(images, faces).any()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_occluder_is_detected(images: list[Image], faces: Array, kind: str) -> None:
    visit = replace(VISIT, kind=kind, seed=3)
    shown, shares = visited(images, faces, visit)
    flags = flagged(shown, faces)
    assert flags[shares > 0.2].mean() > 0.9
    assert flags[visit.first + 8 : visit.end - 8].all()
    apart = np.ones(FRAMES, np.bool_)
    apart[visit.first - 3 : visit.end + 3] = False
    assert not flags[apart].any()


@pytest.mark.parametrize("angle", [-1.5, 1.0, 3.0])
def test_occluders_from_any_direction_are_detected(
    images: list[Image], faces: Array, angle: float
) -> None:
    shown, shares = visited(images, faces, replace(VISIT, kind="hand", angle=angle))
    assert flagged(shown, faces)[shares > 0.5].mean() > 0.9


def test_an_occlusion_of_two_fifths_of_a_run_is_detected(images: list[Image], faces: Array) -> None:
    shown, shares = visited(images, faces, Visit("hand", 40, 40 + FRAMES * 2 // 5, slide=2))
    flags = flagged(shown, faces)
    assert flags[shares > 0.5].mean() > 0.95
    assert not flags[:35].any()
    assert not flags[-8:].any()


@pytest.mark.parametrize("change", ["dimmer", "warmer", "from the side"])
def test_changes_of_light_are_not_flagged(images: list[Image], faces: Array, change: str) -> None:
    across = np.linspace(-1, 1, 320)[None, :, None]
    lit = []
    for frame, image in enumerate(images):
        swing = np.sin(frame / 12)
        gain = {
            "dimmer": 0.75 + 0.25 * swing,
            "warmer": 1 + np.array([0.15, 0, -0.2]) * swing,
            "from the side": 1 + 0.4 * swing * across,
        }[change]
        lit.append((image * gain).clip(0, 255).astype(np.uint8))
    assert not flagged(lit, faces).any()


def test_an_error_of_landmarks_in_one_frame_is_not_flagged(
    images: list[Image], faces: Array
) -> None:
    slipped = faces.copy()
    slipped[40, :, 1] -= 25
    assert not flagged(images, slipped).any()


def test_frames_that_do_not_face_the_camera_are_not_flagged(
    images: list[Image], faces: Array
) -> None:
    shown, _ = visited(images, faces, VISIT)
    samples = np.stack(
        [occlusion_sample(image, face, MESH478) for image, face in zip(shown, faces, strict=True)]
    )
    facing = FACING.copy()
    facing[VISIT.first : VISIT.end] = False
    yaw = np.zeros(FRAMES, np.float32)
    assert not occluded(samples, yaw, facing, 25.0, MESH478, CONFIG).any()
    assert (coverage(samples, yaw, facing, MESH478, CONFIG)[~facing] == 0).all()


def test_a_run_of_a_few_frames_is_not_flagged(images: list[Image], faces: Array) -> None:
    assert not flagged(images[:10], faces[:10]).any()


def test_the_result_does_not_depend_on_the_block_size(
    images: list[Image], faces: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, _ = visited(images, faces, VISIT)
    whole = flagged(shown, faces)
    monkeypatch.setattr("mytalk_core.faces.occlusion._BLOCK", 7)
    np.testing.assert_array_equal(flagged(shown, faces), whole)


def test_a_sample_follows_the_face(images: list[Image], faces: Array) -> None:
    """A translated and enlarged frame has the same sample."""
    grown = cv2.resize(images[0], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    moved = np.pad(grown, ((31, 0), (44, 0), (0, 0)), mode="edge")
    there = 2 * faces[0] + np.array([44.5, 31.5, 0], np.float32)
    first = occlusion_sample(images[0], faces[0], MESH478).astype(int)
    again = occlusion_sample(moved, there, MESH478).astype(int)
    assert np.abs(first - again)[:, :3].mean() < 2


def test_a_frame_without_a_face_has_an_empty_sample(images: list[Image]) -> None:
    nowhere = np.full((478, 3), np.nan, np.float32)
    sample = occlusion_sample(images[0], nowhere, MESH478)
    assert sample.dtype == np.uint8
    assert not sample.any()
    assert sample.shape == (len(sample_places(MESH478).weights), 4)


@pytest.mark.parametrize("scheme", [MESH478, IBUG68])
def test_places_are_means_of_landmarks(scheme: object) -> None:
    places = sample_places(scheme)  # type: ignore[arg-type]
    np.testing.assert_allclose(places.weights.sum(axis=1), 1, atol=1e-6)
    kinds = [places.chin, places.upper_lip, places.mouth, places.upper_face]
    assert (np.sum(kinds, axis=0) == 1).all()
    assert places.resting[places.chin, 1].min() > 0.75
    assert places.resting[places.upper_face, 1].max() < 0.7


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(0, 6))
def test_gaps_are_closed_and_flags_are_widened(flags: list[bool], frames: int) -> None:
    before = np.array(flags)
    closed = without_gaps(before, frames)
    assert (closed >= before).all()
    assert closed[0] == before[0]
    assert closed[-1] == before[-1]
    if before.any():
        inner = closed[np.argmax(before) : len(before) - np.argmax(before[::-1])]
        runs = np.diff(np.flatnonzero(inner)) - 1
        assert not ((runs > 0) & (runs <= frames)).any()
    wide = widened(before, frames)
    for place in range(len(before)):
        assert wide[place] == before[max(place - frames, 0) : place + frames + 1].any()


def test_a_hand_in_front_of_a_recorded_mouth_is_detected(
    grid_clips: list[Path], landmarker_model: Path
) -> None:
    """Landmarks are detected on the occluded frames, as in a dub."""
    clip = next(path for path in grid_clips if path.parent.name == "s5")
    images = [frame.image for frame in iter_frames(clip)]
    with MeshLandmarker(landmarker_model) as landmarker:
        faces = np.stack(list(track_largest_face(iter(images), landmarker)))
        assert not flagged(images, faces).any()
        shown, shares = visited(images, faces, Visit("hand", 25, 50, slide=5))
        found = np.stack(list(track_largest_face(iter(shown), landmarker)))
    flags = flagged(shown, found)
    assert flags[shares > 0.3].all()
    assert not flags[:20].any()
    assert not flags[55:].any()


@pytest.mark.parametrize("name", ["jwp_intro", "test_movie"])
def test_letters_over_a_mouth_are_detected_even_in_all_frames(
    sample_clips: dict[str, SampleClip], landmarker_model: Path, name: str
) -> None:
    """Burnt-in subtitles; below the chin they cover nothing."""
    clip = sample_clips[name].path
    images = [frame.image for frame in iter_frames(clip) if frame.index < 30]
    with MeshLandmarker(landmarker_model) as landmarker:
        faces = np.stack(list(track_largest_face(iter(images), landmarker)))
        mouth = faces[0, list(MESH478.lips), :2].mean(axis=0)
        chin = faces[:, :, 1].max()
        size = float(np.ptp(faces[0, :, 1])) / 160
        for height, covered in ((float(mouth[1]) + 22 * size, True), (chin + 30 * size, False)):
            place = (int(mouth[0] - 110 * size), int(height))
            shown = [with_letters(image, place, size) for image in images]
            found = np.stack(list(track_largest_face(iter(shown), landmarker)))
            assert flagged(shown, found).mean() == covered


def with_letters(
    image: NDArray[np.uint8], place: tuple[int, int], size: float
) -> NDArray[np.uint8]:
    """Draw white letters with a black rim from their lower left corner, `place`."""
    written = image.copy()
    for colour, width in (((0, 0, 0), 8), ((255, 255, 255), 3)):
        font, thick = cv2.FONT_HERSHEY_SIMPLEX, max(round(width * size), 1)
        cv2.putText(written, "BIN BLUE AT", place, font, 1.2 * size, colour, thick, cv2.LINE_AA)
    return written
