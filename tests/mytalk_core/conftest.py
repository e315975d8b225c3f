"""An invented face of 478 points, whose shape is known, and a small model that moves its lips."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.motion.model import SIZES, SpeechToMotion

Array = NDArray[np.float32]


def _ring(count: int, width: float, height: float) -> NDArray[np.float64]:
    """`count` points around a mouth, from the left corner along the lower lip and back above."""
    angle = np.pi - 2 * np.pi * np.arange(count) / count
    return np.stack([width * np.cos(angle), height * np.sin(angle), np.zeros(count)], axis=1)


def _face_shape(opening: float) -> NDArray[np.float64]:
    """(478, 3) aligned inter-ocular units; `opening` is the height of the inner lips."""
    random = np.random.default_rng(0)
    flat = random.uniform([-0.7, -0.8], [0.7, 1.1], (MESH478.point_count, 2))
    shape = np.column_stack([flat, 0.8 * flat[:, 0] ** 2 + 0.2 * flat[:, 1] ** 2])
    shape[list(MESH478.pose_context), 1] = np.minimum(shape[list(MESH478.pose_context), 1], 0.5)
    across = np.linspace(-1, 1, len(MESH478.jaw))
    jaw = np.stack([0.7 * across, 0.3 + 0.85 * np.sqrt(1.05 - across**2), 0.4 * across**2], axis=1)
    jaw[:, 1] += 0.4 * opening * (1 - across**2)
    shape[list(MESH478.jaw)] = jaw
    mouth = np.array([0, 0.75 + opening / 4, -0.1])
    shape[list(MESH478.outer_lips)] = mouth + _ring(20, 0.28, 0.1 + opening / 2)
    shape[list(MESH478.inner_lips)] = mouth + _ring(20, 0.22, opening / 2)
    left, right = MESH478.eye_corners
    upper, lower = MESH478.vertical
    shape[[left, right, upper, lower]] = [[-0.5, 0, 0.1], [0.5, 0, 0.1], [0, -0.8, 0], [0, 0.3, 0]]
    shape[MESH478.nose_base] = [0, 0.48, -0.3]
    shape[list(MESH478.cheeks)] = [[-0.8, 0, 0.5], [0.8, 0, 0.5]]
    return shape


def _turn(yaw: float, roll: float) -> NDArray[np.float64]:
    """Rotation by radians: a positive yaw turns the nose to image right, a roll the face over."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    about_y = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
    cos, sin = np.cos(roll), np.sin(roll)
    rotation: NDArray[np.float64] = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ about_y
    return rotation


@pytest.fixture(scope="session")
def face_shape() -> Callable[[float], Array]:
    """Opening of the inner lips to a shape (478, 3), aligned inter-ocular units."""
    return lambda opening: _face_shape(opening).astype(np.float32)


@pytest.fixture(scope="session")
def turn() -> Callable[[float, float], Array]:
    """(yaw, roll) in radians to a rotation; a positive yaw turns the nose to image right."""
    return lambda yaw, roll: _turn(yaw, roll).astype(np.float32)


@pytest.fixture(scope="session")
def talking_face() -> Callable[..., Array]:
    """Openings (T,) to landmarks (T, 478, 3), pixels, of a face that nods and turns a little.

    `unit` is its inter-ocular distance in pixels, `centre` the place between the eyes.
    """

    def film(
        openings: NDArray[np.floating], unit: float = 60.0, centre: tuple[float, float] = (160, 110)
    ) -> Array:
        frames = []
        for time, opening in enumerate(openings):
            rotation = _turn(0.1 * np.sin(time / 9), 0.05 * np.sin(time / 7))
            place = np.array([centre[0] + np.sin(time / 8), centre[1] + np.cos(time / 6), 0])
            frames.append(unit * _face_shape(float(opening)) @ rotation.T + place)
        return np.stack(frames).astype(np.float32)

    return film


@pytest.fixture(scope="session")
def lively_model() -> Callable[..., SpeechToMotion]:
    """Makes a tiny model, in evaluation mode, whose every weight matters (as after training).

    Keyword arguments replace fields of its configuration.
    """

    def make(**fields: Any) -> SpeechToMotion:
        torch.manual_seed(0)
        model = SpeechToMotion(replace(SIZES["tiny"], **fields))
        with torch.no_grad():
            model.denoiser.output.weight.normal_(std=0.3)
            model.speech_map.normal_(std=0.01)
            model.closure_map.normal_(std=0.01)
            model.closure_offset.fill_(-1.0)
            model.space.basis.normal_(std=0.1)
            for name, weight in model.named_parameters():
                if name.endswith("position_bias"):
                    weight.normal_()
        return model.eval()

    return make
