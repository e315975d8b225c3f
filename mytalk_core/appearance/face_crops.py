"""Crops of one face with all that the renderer is told about each."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mytalk_core.appearance.conditioning import (
    MaskConfig,
    draw_landmarks,
    face_outlines,
    fill_regions,
)
from mytalk_core.faces.alignment import to_pixels
from mytalk_core.faces.crop import apply_box
from mytalk_core.faces.face_motion import FaceMotion, resting_shape
from mytalk_core.faces.landmark_scheme import LandmarkScheme


@dataclass(frozen=True)
class FaceCrops:
    """T crops (or any choice of them) of one face; all points in crop pixels."""

    pictures: NDArray[np.uint8]  # (T, S, S, 3) RGB
    points: NDArray[np.float32]  # (T, M, 2) moving points
    mask_outlines: NDArray[np.float32]  # (T, O, 2)
    face_points: NDArray[np.float32]  # (T, Q, 2) upper face

    def choose(self, frames: NDArray[np.int64]) -> "FaceCrops":
        """The crops of these frames."""
        return FaceCrops(
            self.pictures[frames],
            self.points[frames],
            self.mask_outlines[frames],
            self.face_points[frames],
        )


@dataclass(frozen=True)
class CropTensors:
    """What the renderer takes; leading dimensions are free."""

    pictures: Tensor  # (.., 3, S, S) RGB 0..1
    drawings: Tensor  # (.., 3, S, S) 0..1
    points: Tensor  # (.., M, 2) crop units, 0..1
    masks: Tensor  # (.., 1, S, S) 0 or 1
    skins: Tensor  # (.., 1, S, S) 0 or 1

    def parts(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """The tensors in the order in which the renderer takes them."""
        return self.pictures, self.drawings, self.points, self.masks, self.skins

    def to(self, device: torch.device) -> "CropTensors":
        """The same on another device."""
        return CropTensors(*(part.to(device, non_blocking=True) for part in self.parts()))


def face_crops(
    pictures: NDArray[np.uint8],
    landmarks: NDArray[np.float32],
    boxes: NDArray[np.float32],
    motion: FaceMotion,
    scheme: LandmarkScheme,
    mask: MaskConfig,
) -> FaceCrops:
    """Put points and outlines of one face into its crops.

    Args:
        pictures: (T, S, S, 3); landmarks: (T, P, 3) source pixels; boxes: (T, 3, 2).
        motion: of the same frames; the mask hangs on the pose, not on the original mouth.
    """
    outlines = face_outlines(resting_shape(motion.shape), mask, scheme)

    def posed(shape: NDArray[np.float32]) -> NDArray[np.float32]:
        still = np.broadcast_to(shape, (len(landmarks), *shape.shape))
        return apply_box(to_pixels(still, motion.pose), boxes)

    return FaceCrops(
        pictures=pictures,
        points=apply_box(landmarks[:, list(scheme.moving)], boxes),
        mask_outlines=posed(outlines.mask),
        face_points=posed(outlines.face),
    )


def crop_tensors(crops: FaceCrops, scheme: LandmarkScheme) -> CropTensors:
    """Draw landmarks, fill regions and turn all into tensors with one leading dimension."""
    size = crops.pictures.shape[1]
    drawings = [draw_landmarks(points, size, scheme) for points in crops.points]
    regions = [
        fill_regions(outline, face, size)
        for outline, face in zip(crops.mask_outlines, crops.face_points, strict=True)
    ]
    pictures = torch.from_numpy(np.ascontiguousarray(crops.pictures)).permute(0, 3, 1, 2)
    return CropTensors(
        pictures=pictures.float() / 255,
        drawings=torch.from_numpy(np.stack(drawings)).float() / 255,
        points=torch.from_numpy(np.ascontiguousarray(crops.points, np.float32)) / size,
        masks=torch.from_numpy(np.stack([mask for mask, _ in regions])).float()[:, None],
        skins=torch.from_numpy(np.stack([skin for _, skin in regions])).float()[:, None],
    )
