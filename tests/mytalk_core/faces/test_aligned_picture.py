"""Eyes and nose of an aligned picture stand where the network for embeddings expects them."""

import numpy as np

from mytalk_core.faces.aligned_picture import aligned_picture
from mytalk_core.faces.landmark_scheme import MESH478


def test_a_turned_and_scaled_face_is_upright_in_its_picture() -> None:
    image = np.zeros((400, 400, 3), np.uint8)
    landmarks = np.zeros((478, 3), np.float32)
    # A face that lies on its side, twice as large: from its mean shape, turned by 90 degrees.
    for point, (x, y) in zip(
        [*MESH478.eye_corners, MESH478.nose_base],
        [(37.1, 46.4), (110.9, 46.4), (74.0, 87.8)],
        strict=True,
    ):
        landmarks[point, :2] = (380 - 2 * y, 50 + 2 * x)
        image[int(50 + 2 * x) - 4 : int(50 + 2 * x) + 5, int(380 - 2 * y) - 4 :][:, :9] = 255
    picture = aligned_picture(image, landmarks, MESH478)
    assert picture.shape == (150, 150, 3)
    for x, y in [(37, 46), (111, 46), (74, 88)]:
        assert picture[y, x].min() > 200
    assert picture[120:].max() == 0
