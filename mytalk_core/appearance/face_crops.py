"""Crops of one face, and the renderer's input tensors made from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mytalk_core.appearance.conditioning import draw_landmarks, face_outlines, fill_regions
from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.faces.alignment import Pose, to_pixels
from mytalk_core.faces.crop import apply_box
from mytalk_core.faces.face_motion import FaceMotion, resting_shape
from mytalk_core.faces.landmark_scheme import LandmarkScheme

Pictures: TypeAlias = NDArray[np.uint8] | NDArray[np.float32] | NDArray[np.float16]
"""RGB, 0..255: 8-bit in training data, float for films with more bits, float16 where stored."""

# The window of the lower face in a crop, in shares of its side: left top corner (x, y) and side.
WINDOW_CORNER = (1 / 6, 1 / 3)
WINDOW_SIDE = 2 / 3

# Side of the whole crop in the renderer's input relative to the window's: half its resolution.
_CONTEXT = 3 / 4


@dataclass(frozen=True)
class FaceCrops:
    """T crops of one face, or any choice of them; all points in crop pixels."""

    pictures: Pictures  # (T, C, C, 3)
    points: NDArray[np.float32]  # (T, M, 2) moving points
    before: NDArray[np.float32]  # (T, M, 2) those of the previous frame, in this frame's crop
    after: NDArray[np.float32]  # (T, M, 2) those of the next frame, likewise
    mask_outlines: NDArray[np.float32]  # (T, O, 2)
    face_points: NDArray[np.float32]  # (T, Q, 2) upper face

    def choose(self, frames: NDArray[np.int64] | slice) -> "FaceCrops":
        """Return the crops of these frames."""
        return FaceCrops(
            self.pictures[frames],
            self.points[frames],
            self.before[frames],
            self.after[frames],
            self.mask_outlines[frames],
            self.face_points[frames],
        )


@dataclass(frozen=True)
class CropTensors:
    """The renderer's input with any leading dimensions. Points are in shares of the window."""

    pictures: Tensor  # (.., 3, S, S) RGB 0..1, the window of the lower face
    masks: Tensor  # (.., 1, S, S) 1 where the face is redrawn, else 0
    drawings: Tensor  # (.., 9, S, S) 0..1: landmarks of this frame, the previous and the next one
    lips: Tensor  # (.., L, 2)
    jaw: Tensor  # (.., J, 2)
    anchors: Tensor  # (.., Q, 2) points of the upper face, which show the head's rotation
    contexts: Tensor  # (.., 3, c, c) the whole crop, c = 3/4 S
    context_masks: Tensor  # (.., 1, c, c)
    skins: Tensor  # (.., 1, c, c) 1 on the unmasked skin

    @property
    def points(self) -> Tensor:
        """All moving points, (.., M, 2): lips, then jaw."""
        return torch.cat([self.lips, self.jaw], dim=-2)

    def parts(self) -> tuple[Tensor, ...]:
        """Return the tensors in the order of the fields."""
        return (
            self.pictures,
            self.masks,
            self.drawings,
            self.lips,
            self.jaw,
            self.anchors,
            self.contexts,
            self.context_masks,
            self.skins,
        )

    def as_batch(self) -> "CropTensors":
        """Add a leading dimension of one person."""
        return CropTensors(*(part[None] for part in self.parts()))

    def to(self, device: torch.device) -> "CropTensors":
        """Copy the tensors to a device."""
        return CropTensors(*(part.to(device, non_blocking=True) for part in self.parts()))


def face_crops(
    pictures: Pictures,
    landmarks: NDArray[np.float32],
    boxes: NDArray[np.float32],
    motion: FaceMotion,
    scheme: LandmarkScheme,
    mask: MaskConfig,
) -> FaceCrops:
    """Map points and outlines of one face into its crops.

    Args:
        pictures: (T, C, C, 3) of consecutive frames; landmarks: (T, P, 3) square pixels;
            boxes: (T, 3, 2).
        motion: of the same frames; the mask depends on the pose, not on the original mouth.
    """
    outlines = face_outlines(resting_shape(motion.shape), mask, scheme)
    before, after = neighbours(landmarks[:, list(scheme.moving)], boxes)
    return FaceCrops(
        pictures=pictures,
        points=apply_box(landmarks[:, list(scheme.moving)], boxes),
        before=before,
        after=after,
        mask_outlines=posed(outlines.mask, motion.pose, boxes),
        face_points=posed(outlines.face, motion.pose, boxes),
    )


def joined_crops(parts: Sequence[FaceCrops]) -> FaceCrops:
    """Concatenate crops of one size."""
    return FaceCrops(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in FaceCrops.__dataclass_fields__
        )
    )


def resized_crops(crops: FaceCrops, size: int) -> FaceCrops:
    """Resize crops; pictures of float16 become float32."""
    gain = size / crops.pictures.shape[1]
    # One by one: the pictures may be memory-mapped.
    pictures = [_resized(each, size) for each in crops.pictures]
    return FaceCrops(
        np.stack(pictures),  # type: ignore[arg-type]
        resized_points(crops.points, gain),
        resized_points(crops.before, gain),
        resized_points(crops.after, gain),
        resized_points(crops.mask_outlines, gain),
        resized_points(crops.face_points, gain),
    )


def resized_points(points: NDArray[np.float32], gain: float) -> NDArray[np.float32]:
    """Convert pixels (.., 2) to those of a picture `gain` times as large.

    Whole numbers are the centres of pixels.
    """
    half = np.float32(0.5)
    resized: NDArray[np.float32] = (points + half) * np.float32(gain) - half
    return resized


def posed(
    shape: NDArray[np.float32], pose: Pose, boxes: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Pose a constant aligned shape (N, 3) in every crop, (T, N, 2) crop pixels."""
    still = np.broadcast_to(shape, (len(boxes), *shape.shape))
    return apply_box(to_pixels(still, pose), boxes)


def neighbours(
    points: NDArray[np.float32], boxes: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Map the points of the previous and the next frame into each frame's crop, (T, N, 2) each.

    The first frame is its own previous frame, the last one its own next frame.

    Args:
        points: (T, N, 2 or 3) square pixels of consecutive frames.
        boxes: (T, 3, 2) of the same.
    """
    frames = np.arange(len(points))
    earlier, later = np.maximum(frames - 1, 0), np.minimum(frames + 1, len(points) - 1)
    return apply_box(points[earlier], boxes), apply_box(points[later], boxes)


def context_size(size: int) -> int:
    """Side of the whole crop as a renderer of `size` sees it, pixels."""
    return int(size * _CONTEXT)


def to_window(points: NDArray[np.float32], crop_size: int, size: int) -> NDArray[np.float32]:
    """Convert crop pixels (.., 2) to shares of the window resampled to `size` pixels.

    Whole numbers are the centres of pixels, in the crop and, after multiplication by `size`, in the
    window; resampling keeps the outer edges of pixels in place, not their centres.
    """
    corner = np.array(WINDOW_CORNER, np.float32)
    edges = (points + np.float32(0.5)) / np.float32(crop_size) - corner
    shares: NDArray[np.float32] = edges / np.float32(WINDOW_SIDE) - np.float32(0.5 / size)
    return shares


def window_slices(crop_size: int) -> tuple[slice, slice]:
    """Return rows and columns of the window in a crop whose side is a multiple of 6."""
    side = crop_size * 2 // 3
    top, left = crop_size // 3, crop_size // 6
    return slice(top, top + side), slice(left, left + side)


def crop_regions(crops: FaceCrops) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return masks and unmasked skin at the crops' own size, (T, C, C) each, 0 or 1."""
    size = crops.pictures.shape[1]
    regions = [
        fill_regions(outline, face, size)
        for outline, face in zip(crops.mask_outlines, crops.face_points, strict=True)
    ]
    masks, skins = zip(*regions, strict=True)
    return np.stack(masks), np.stack(skins)


def crop_tensors(crops: FaceCrops, scheme: LandmarkScheme, size: int) -> CropTensors:
    """Draw landmarks, fill regions and convert all to tensors with one leading dimension.

    A pixel of the window or the context is masked if any part of the mask contributes to it, so
    that unmasked pixels hold nothing of the original mouth.

    Args:
        crops: of any size C that is a multiple of 6.
        size: S, the renderer's.
    """
    crop_size = crops.pictures.shape[1]
    rows, columns = window_slices(crop_size)
    small = context_size(size)
    windows = [_resized(picture[rows, columns], size) for picture in crops.pictures]
    contexts = [_resized(picture, small) for picture in crops.pictures]
    paths = [
        to_window(points, crop_size, size) for points in (crops.points, crops.before, crops.after)
    ]
    drawings = [
        np.concatenate([draw_landmarks(points * size, size, scheme) for points in frames])
        for frames in zip(*paths, strict=True)
    ]
    anchors = to_window(crops.face_points, crop_size, size)
    lips = len(scheme.lips)
    masks, skins = crop_regions(crops)
    return CropTensors(
        pictures=_pictures(windows),
        masks=_regions([_touched(mask[rows, columns], size) for mask in masks]),
        drawings=torch.from_numpy(np.stack(drawings)).float() / 255,
        lips=torch.from_numpy(np.ascontiguousarray(paths[0][:, :lips])),
        jaw=torch.from_numpy(np.ascontiguousarray(paths[0][:, lips:])),
        anchors=torch.from_numpy(np.ascontiguousarray(anchors)),
        contexts=_pictures(contexts),
        context_masks=_regions([_touched(mask, small) for mask in masks]),
        skins=_regions([1 - _touched(1 - skin, small) for skin in skins]),
    )


def _touched(region: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return the pixels of a picture resized to `side` that overlap the region, 0 or 1."""
    if len(region) == side:
        return region
    if len(region) > side:
        share = cv2.resize(region.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
        return (share > 0).astype(np.uint8)
    reached = cv2.dilate(region, np.ones((5, 5), np.uint8))  # the reach of cubic interpolation
    return cv2.resize(  # type: ignore[return-value]
        reached, (side, side), interpolation=cv2.INTER_NEAREST
    )


def _resized(picture: Pictures, side: int) -> Pictures:
    if len(picture) == side:
        return picture
    shrinks = len(picture) > side
    if picture.dtype == np.float16:  # which OpenCV does not resize
        picture = picture.astype(np.float32)
    return cv2.resize(  # type: ignore[return-value]
        picture, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    )


def _pictures(pictures: list[Pictures]) -> Tensor:
    """Stack pictures to (T, 3, side, side), 0..1, channels last in memory."""
    stacked = torch.from_numpy(np.ascontiguousarray(np.stack(pictures)))
    return stacked.permute(0, 3, 1, 2).float() / 255


def _regions(regions: list[NDArray[np.uint8]]) -> Tensor:
    """Stack regions to (T, 1, side, side), 0 or 1."""
    return torch.from_numpy(np.stack(regions)).float()[:, None]
