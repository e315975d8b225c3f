"""Pictures of frames before and after: their sizes, and the mouth in the middle of its close-up."""

import base64
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.dubbing.report_pictures import data_uri, jpeg, write_frame_pictures

LIPS = np.array([[280, 200], [320, 200], [300, 190], [300, 215]], np.float32)


def read(path: Path) -> NDArray[np.uint8]:
    """A picture, (H, W, 3) RGB."""
    return np.asarray(cv2.imread(str(path))[..., ::-1])


@pytest.mark.parametrize(
    ("size", "shown"), [((360, 640), (360, 640)), ((720, 1280), (360, 640)), ((90, 96), (90, 96))]
)
def test_frames_are_shown_at_reading_size_and_mouths_large(
    size: tuple[int, int], shown: tuple[int, int], tmp_path: Path
) -> None:
    source = np.full((*size, 3), 90, np.uint8)
    pictures = write_frame_pictures(tmp_path, source, source + 60, LIPS / 640 * size[1])
    assert read(pictures.source).shape[:2] == read(pictures.dubbed).shape[:2] == shown
    assert read(pictures.mouth_source).shape == read(pictures.mouth_dubbed).shape == (280, 280, 3)
    means = [
        read(path).mean()
        for path in (
            pictures.source,
            pictures.dubbed,
            pictures.mouth_source,
            pictures.mouth_dubbed,
        )
    ]
    np.testing.assert_allclose(means, [90, 150, 90, 150], atol=1)
    assert len([*tmp_path.iterdir()]) == 4


def test_the_mouth_is_in_the_middle_of_its_close_up(tmp_path: Path) -> None:
    source = np.zeros((360, 640, 3), np.uint8)
    source[195:210, 290:310] = 255
    close_up = read(write_frame_pictures(tmp_path, source, source, LIPS).mouth_source)
    rows, columns = np.nonzero(close_up[..., 0] > 128)
    assert abs(rows.mean() - 140) < 15
    assert abs(columns.mean() - 140) < 5


def test_a_mouth_at_the_edge_of_the_picture_is_extended_by_its_edge(tmp_path: Path) -> None:
    source = np.full((360, 640, 3), 70, np.uint8)
    lips = LIPS - np.array([290, 190], np.float32)
    close_up = read(write_frame_pictures(tmp_path, source, source, lips).mouth_source)
    assert close_up.shape == (280, 280, 3)
    assert np.abs(close_up.astype(int) - 70).max() <= 1


def test_a_data_uri_holds_the_picture() -> None:
    picture = jpeg(np.full((8, 8, 3), (200, 100, 50), np.uint8))
    kind, _, text = data_uri(picture).partition(",")
    assert kind == "data:image/jpeg;base64"
    assert base64.b64decode(text) == picture
    red, green, blue = cv2.imdecode(np.frombuffer(picture, np.uint8), 1)[4, 4, ::-1].tolist()
    assert red > green > blue
