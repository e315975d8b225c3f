"""The points of the original and the target face in a frame's hulls."""

import numpy as np

from mytalk_core.appearance.face_hulls import FaceHulls, face_hulls, lips_and_chin
from mytalk_core.faces.landmark_scheme import MESH478


def test_lips_and_chin_leave_out_the_sides_of_the_jaw() -> None:
    moving = np.stack([np.arange(len(MESH478.moving))] * 2, axis=1).astype(np.float32)
    chosen = lips_and_chin(moving, MESH478)
    points = [MESH478.moving[int(number)] for number in chosen[:, 0]]
    assert points[:40] == list(MESH478.lips)
    assert points[40:] == [149, 176, 148, 152, 377, 400, 378]


def test_hulls_cover_both_faces_and_the_whole_one_the_upper_face() -> None:
    own = np.zeros((len(MESH478.moving), 2), np.float32)
    target, upper = own + 1, np.full((5, 2), 7, np.float32)
    hulls = face_hulls(own, target, upper, MESH478)
    assert len(hulls.speaking) == 2 * len(lips_and_chin(own, MESH478))
    assert len(hulls.whole) == 2 * len(own) + 5
    assert set(hulls.speaking[:, 0]) == {0, 1}
    assert set(hulls.whole[:, 0]) == {0, 1, 7}


def test_hulls_of_a_part_are_relative_to_its_corner() -> None:
    points = np.array([[10, 20]], np.float32)
    part = FaceHulls(points, points + 1).beside(np.array([4, 5], np.float32))
    np.testing.assert_array_equal(part.speaking, [[6, 15]])
    np.testing.assert_array_equal(part.whole, [[7, 16]])
