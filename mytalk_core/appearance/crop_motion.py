"""Geometric augmentation of crops: small random affine maps and landmark jitter."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.face_crops import FaceCrops, Pictures


@dataclass(frozen=True)
class CropMotionConfig:
    """Ranges of the augmentation."""

    # Standard deviation of the jitter of target landmarks, as a share of a crop's side.
    landmark_jitter: float = 0.001
    # Largest rotation (degrees), zoom (share) and shift (share of a crop's side) of a crop.
    turn: float = 6.0
    zoom: float = 0.08
    shift: float = 0.03
    # Largest stretch of a crop in one direction, a share; imitates a head that turns or nods.
    stretch: float = 0.06


def moved_crops(
    crops: FaceCrops, targets: int, config: CropMotionConfig, random: np.random.Generator
) -> FaceCrops:
    """Rotate, zoom, stretch and shift every crop at random.

    Args:
        targets: number of leading crops that are consecutive frames to draw: they share one map,
            and their landmarks are jittered.
    """
    count, size = crops.pictures.shape[:2]
    moved: list[list[NDArray[np.float32]]] = []
    pictures: list[Pictures] = []
    matrix = np.eye(2, 3)
    for index in range(count):
        if index == 0 or index >= targets:
            matrix = _random_motion(size, config, random)
        pictures.append(
            cv2.warpAffine(  # type: ignore[arg-type]  # it keeps the dtype
                crops.pictures[index], matrix, (size, size), borderMode=cv2.BORDER_REPLICATE
            )
        )
        turn, shift = matrix[:, :2].T.astype(np.float32), matrix[:, 2].astype(np.float32)
        paths = (crops.points, crops.before, crops.after, crops.mask_outlines, crops.face_points)
        moved.append([path[index] @ turn + shift for path in paths])
    stacked: Pictures = np.stack(pictures)  # type: ignore[assignment]
    found = FaceCrops(stacked, *(np.stack(path) for path in zip(*moved, strict=True)))
    for path in (found.points, found.before, found.after):
        path[:targets] += random.normal(0, config.landmark_jitter * size, path[:targets].shape)
    return found


def _random_motion(
    size: int, config: CropMotionConfig, random: np.random.Generator
) -> NDArray[np.float64]:
    """Return a random affine map (2, 3) around the centre of a crop."""
    turn = np.radians(random.uniform(-config.turn, config.turn))
    direction = random.uniform(0, np.pi)
    along = np.array([[np.cos(direction)], [np.sin(direction)]])
    stretched = np.eye(2) + random.uniform(-config.stretch, config.stretch) * along @ along.T
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = (1 + random.uniform(-config.zoom, config.zoom)) * turned @ stretched
    middle = np.full(2, size / 2)
    shift = middle - linear @ middle + size * random.uniform(-config.shift, config.shift, 2)
    return np.column_stack([linear, shift])
