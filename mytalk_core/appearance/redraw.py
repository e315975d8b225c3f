"""Redrawing of pictures of any size: the renderer's output is enlarged and applied at full size.

Flow, shares and residual vary slowly over the picture and can be enlarged. Skin, teeth, beard and
grain do not; they are copied from the references at full resolution.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mytalk_core.appearance.face_crops import (
    FaceCrops,
    Pictures,
    crop_regions,
    crop_tensors,
    window_slices,
)
from mytalk_core.appearance.person_references import PersonReferences
from mytalk_core.appearance.reference_choice import Timestamps, close_in_time
from mytalk_core.appearance.renderer import Drawing, Renderer
from mytalk_core.appearance.window_map import WindowMap, whole_window
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.training.precision import autocast

Floats = NDArray[np.float32]

_BATCH = 16  # frames drawn together
_SEEN = 1 / 1024  # a reference with a smaller share changes no sample by a level


@dataclass(frozen=True)
class FrameDrawing:
    """What the renderer predicts for one frame and its N references; h is half its window's side.

    It does not depend on the resolution at which it is applied.
    """

    references: NDArray[np.int64]  # (N,) of the person's
    flow: Floats  # (N, h, h, 2) offsets into each reference, shares of the window
    share: Floats  # (N, h, h) weights of the references, which sum to 1
    residual: Floats  # (S, S, 3) to add, RGB in units of 0..255
    colour: Floats  # (3,) RGB 0..255 of the frame's own skin
    skins: Floats  # (N, 3) RGB 0..255 of the references' skin


@torch.inference_mode()
def predict(
    renderer: Renderer,
    crops: FaceCrops,
    timestamps: Timestamps,
    person: PersonReferences,
    scheme: LandmarkScheme,
) -> list[FrameDrawing]:
    """Predict the drawings of T crops so that their lips match their points.

    Each crop is drawn from the references nearest to its target. References close in time are used
    only if they are nearer by far, such as a closed mouth where all others are open.

    Args:
        crops: T of them, of any size that is a multiple of 6.
        timestamps: their timestamps, (T,).
    """
    device = person.device
    drawings: list[FrameDrawing] = []
    for first in range(0, len(crops.points), _BATCH):
        some = crops.choose(slice(first, first + _BATCH))
        frames = crop_tensors(some, scheme, renderer.config.size).to(device)
        with autocast(device, True):
            near = close_in_time(timestamps[first : first + _BATCH], person.timestamps)
            chosen = renderer.most_alike(frames, person.points, torch.from_numpy(near).to(device))
            references, skins = person.encoded(chosen)
            drawing = renderer.draw(frames, references)
        drawings += _by_frame(drawing, chosen, skins)
    return drawings


def redraw(
    renderer: Renderer,
    crops: FaceCrops,
    timestamps: Timestamps,
    person: PersonReferences,
    scheme: LandmarkScheme,
) -> NDArray[np.float32]:
    """Redraw crops as `predict` says; they are unchanged outside their masks.

    Returns:
        (T, C, C, 3) RGB, 0..255; not clipped.
    """
    rows, columns = window_slices(crops.pictures.shape[1])
    result = crops.pictures.astype(np.float32)
    drawings = predict(renderer, crops, timestamps, person, scheme)
    masks = window_masks(crops)
    for picture, drawing, mask in zip(result, drawings, masks, strict=True):
        side = len(mask)
        drawn = applied(drawing, person, whole_window(side), (side, side))
        picture[rows, columns][mask > 0] = drawn[mask > 0]
    return result


def applied(
    drawing: FrameDrawing, person: PersonReferences, window: WindowMap, size: tuple[int, int]
) -> Floats:
    """Apply a drawing at every pixel of a picture.

    Flow and share are sampled bilinearly, references and residual with the sharper bicubic.

    Args:
        window: from the picture's pixels to the window; pixels outside it repeat its edges.
        size: width and height of the picture, pixels.

    Returns:
        (height, width, 3) RGB, in units of 0..255; not clipped.
    """
    result = _sampled(_smooth_part(drawing), window, size, cv2.INTER_CUBIC)
    moves = np.concatenate([drawing.flow, drawing.share[..., None]], axis=-1)
    for reference, move in zip(drawing.references.tolist(), moves, strict=True):
        if move[..., 2].max() > _SEEN:
            _add_copied(result, person.window(reference), move, window)
    return result


def _add_copied(result: Floats, shown: Pictures, move: Floats, window: WindowMap) -> None:
    """Add what one reference contributes to a picture.

    Args:
        shown: (W, W, 3) the reference's window.
        move: (h, h, 3) the flow into it and its share.
    """
    height, width = result.shape[:2]
    side = len(shown)
    across, down, share = cv2.split(_sampled(move, window, (width, height)))
    x, y, columns, rows = cv2.boundingRect((share > _SEEN).view(np.uint8))
    part = (slice(y, y + rows), slice(x, x + columns))
    own_x, own_y = window.moved(x, y).positions(side, (columns, rows))
    copied = cv2.remap(
        shown,
        own_x + side * across[part],
        own_y + side * down[part],
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    weight = cv2.merge([share[part]] * 3)
    result[part] = cv2.add(result[part], cv2.multiply(copied, weight, dtype=cv2.CV_32F))


def _smooth_part(drawing: FrameDrawing) -> Floats:
    """What is added to the copied pixels, at the size of the residual, (S, S, 3)."""
    change = drawing.colour - np.tensordot(drawing.share, drawing.skins, axes=(0, 0))
    side = len(drawing.residual)
    spread = cv2.resize(change.astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR)
    added: Floats = np.add(spread, drawing.residual, dtype=np.float32)
    return added


def _sampled(
    maps: Floats, window: WindowMap, size: tuple[int, int], interpolation: int = cv2.INTER_LINEAR
) -> Floats:
    """Sample maps of the window (side, side, C) at every pixel of a picture."""
    sampled = cv2.warpAffine(
        maps,
        window.to_pixels(len(maps)),
        size,
        flags=interpolation | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return sampled.astype(np.float32, copy=False)


def window_masks(crops: FaceCrops) -> NDArray[np.uint8]:
    """Return the masks in the windows of crops at their own size, (T, W, W), 0 or 1."""
    rows, columns = window_slices(crops.pictures.shape[1])
    masks, _ = crop_regions(crops)
    return masks[:, rows, columns]


def _by_frame(drawing: Drawing, chosen: Tensor, skins: Tensor) -> list[FrameDrawing]:
    """Split the drawing of a batch and copy it to the processor's memory."""
    parts = (
        chosen.cpu().numpy(),
        _array(drawing.flow.permute(0, 1, 3, 4, 2)),
        _array(drawing.share[:, :, 0]),
        _array(drawing.residual.permute(0, 2, 3, 1) * 255),
        _array(drawing.colour[:, :, 0, 0] * 255),
        _array(skins * 255),
    )
    return [FrameDrawing(*each) for each in zip(*parts, strict=True)]


def _array(tensor: Tensor) -> Floats:
    return np.ascontiguousarray(tensor.float().cpu().numpy())
