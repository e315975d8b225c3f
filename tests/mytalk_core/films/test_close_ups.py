"""A few sharp, frontal and spread pictures of each face are kept, few of a long piece."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.films.close_ups import (
    PICTURE_SHAPE,
    CloseUp,
    CloseUpConfig,
    CloseUpKeeper,
    face_yaw,
    frontality,
)
from mytalk_core.films.observing import DetectedFace
from mytalk_core.films.stored_array import RowWriter

FPS = Fraction(25)
Image = np.ndarray


def face(x: float, yaw: float = 0.0) -> np.ndarray:
    """Landmarks of a face 60 pixels wide around (x, 100), turned to image right, (478, 3)."""
    angle = np.radians(yaw)
    points = np.random.default_rng(0).uniform(-30, 30, (478, 3))
    points[[*MESH478.eye_corners, MESH478.nose_base]] = [(-25, -15, 0), (25, -15, 0), (0, 15, 0)]
    turned = points @ np.array(
        [
            [np.cos(angle), 0, np.sin(angle)],
            [0, 1, 0],
            [-np.sin(angle), 0, np.cos(angle)],
        ]
    )
    return (turned + [x, 100, 0]).astype(np.float32)


def image(detail: float) -> Image:
    """A picture with noise of an amplitude, which is its sharpness."""
    noise = np.random.default_rng(1).normal(0, 40 * detail, (200, 400, 1))
    return np.clip(128 + noise, 0, 255).astype(np.uint8).repeat(3, axis=2)


def kept(folder: Path, frames: list[tuple[int, Image, list[np.ndarray]]]) -> tuple[CloseUp, ...]:
    """What is kept of frames: number within the piece, image, faces from left to right."""
    row = 0
    with RowWriter(folder / "pictures", PICTURE_SHAPE, np.uint8) as pictures:
        keeper = CloseUpKeeper(CloseUpConfig(), FPS, MESH478, pictures)
        for number, picture, faces in frames:
            found = [DetectedFace(row + place, each) for place, each in enumerate(faces)]
            row += len(faces)
            keeper.observe(number, picture, found)
        close_ups = keeper.finish()
        assert len(pictures.finish()) == len(close_ups)
    return close_ups


def test_a_long_piece_keeps_few_pictures_spread_over_time(tmp_path: Path) -> None:
    close_ups = kept(tmp_path, [(number, image(1), [face(100)]) for number in range(1500)])
    assert 3 <= len(close_ups) <= 4
    rows = [each.row for each in close_ups]
    assert rows == sorted(rows)
    assert rows[0] < 500 < 1000 < rows[-1]


def test_two_faces_of_a_frame_are_kept_apart_and_a_new_piece_starts_again(tmp_path: Path) -> None:
    pieces = [*range(13), *range(13)]
    close_ups = kept(tmp_path, [(number, image(1), [face(100), face(300)]) for number in pieces])
    assert len(close_ups) == 2 * 2 * 3  # three looks at each of two faces in each of two pieces
    assert sorted(each.row % 2 for each in close_ups) == [0] * 6 + [1] * 6


def test_sharp_pictures_from_the_front_are_preferred(tmp_path: Path) -> None:
    frames = [(number, image(0.2), [face(100, 35)]) for number in range(200)]
    frames[102] = (102, image(1), [face(100)])
    best = max(kept(tmp_path, frames), key=lambda each: each.quality)
    assert best.row == 102


def test_no_picture_is_kept_where_nothing_is_found(tmp_path: Path) -> None:
    assert kept(tmp_path, [(-1, image(1), [])] + [(n, image(1), []) for n in range(10)]) == ()


@pytest.mark.parametrize("yaw", [-40, -10, 0, 25])
def test_yaw_is_positive_to_image_right(yaw: float) -> None:
    assert face_yaw(face(100, yaw), MESH478) == pytest.approx(yaw, abs=0.1)


@given(st.floats(-180, 180))
def test_frontality_falls_with_the_turn(yaw: float) -> None:
    assert 0.05 <= frontality(yaw) <= frontality(0) == 1
    assert frontality(yaw) == pytest.approx(frontality(-yaw))
    assert frontality(yaw) <= frontality(yaw / 2) + 1e-9
