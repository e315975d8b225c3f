"""Crops of any size with a new lower face: the renderer looks at its own size, and what it says is
done at the crop's.

Where to look in each reference, how much of each to take and what to add vary slowly over the
picture; skin, teeth, beard and grain do not, and are copied out of the references as fine as these
are.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from mytalk_core.appearance.face_crops import (
    FaceCrops,
    Pictures,
    crop_regions,
    crop_tensors,
    window_slices,
)
from mytalk_core.appearance.renderer import (
    Drawing,
    References,
    Renderer,
    gathered,
    skin_colour,
    upsampled,
)
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.training.precision import autocast

_BATCH = 8  # frames drawn together


@dataclass(frozen=True)
class PersonReferences:
    """The reference set of one person, looked at once."""

    encoded: References  # at the renderer's size, (1, K, ..)
    windows: Tensor  # (K, 3, W, W) at the crops' own size, 0..1 relative to the reference's skin


@torch.inference_mode()
def encode_person(
    renderer: Renderer, references: FaceCrops, scheme: LandmarkScheme
) -> PersonReferences:
    """Look at a person's reference frames, K >= 1, in any order."""
    device = _device(renderer)
    shown = crop_tensors(references, scheme, renderer.config.size).to(device)
    with autocast(device, True):
        encoded = renderer.encode_references(shown.as_batch())
    windows = _windows(references.pictures).to(device)
    return PersonReferences(encoded, windows - skin_colour(shown.contexts, shown.skins))


def redraw(
    renderer: Renderer, crops: FaceCrops, person: PersonReferences, scheme: LandmarkScheme
) -> NDArray[np.float32]:
    """Crops whose lips stand where their points ask; unchanged outside their masks.

    Args:
        crops: T of them, as large as the person's references were.

    Returns:
        (T, C, C, 3) RGB, 0..255; not clipped.
    """
    blocks = list(_blocks(renderer, crops, person, scheme))
    return np.concatenate(blocks)


@torch.inference_mode()
def _blocks(
    renderer: Renderer, crops: FaceCrops, person: PersonReferences, scheme: LandmarkScheme
) -> Iterator[NDArray[np.float32]]:
    device = _device(renderer)
    rows, columns = window_slices(crops.pictures.shape[1])
    for first in range(0, len(crops.points), _BATCH):
        some = crops.choose(slice(first, first + _BATCH))
        frames = crop_tensors(some, scheme, renderer.config.size).to(device)
        with autocast(device, True):
            drawing = renderer.draw(frames, person.encoded)
        drawn = fine_windows(drawing, person.windows) * 255
        windows = drawn.float().permute(0, 2, 3, 1).cpu().numpy()
        masks = window_masks(some)[..., None] > 0
        result = some.pictures.astype(np.float32)
        inner = result[:, rows, columns]
        result[:, rows, columns] = np.where(masks, windows, inner)
        yield result


def fine_windows(drawing: Drawing, windows: Tensor) -> Tensor:
    """What a drawing makes of references as fine as `windows`, (B, 3, W, W) RGB 0..1."""
    side = windows.shape[-1]
    flow, share = upsampled(drawing.flow, side), upsampled(drawing.share, side)
    copied = gathered(windows, flow, share, sharp=True)
    residual = drawing.residual
    if residual.shape[-1] != side:
        residual = interpolate(residual, (side, side), mode="bicubic", align_corners=False)
    return copied + residual + drawing.colour


def window_masks(crops: FaceCrops) -> NDArray[np.uint8]:
    """What is drawn anew in the windows of crops at their own size, (T, W, W), 0 or 1."""
    rows, columns = window_slices(crops.pictures.shape[1])
    masks, _ = crop_regions(crops)
    return masks[:, rows, columns]


def _windows(pictures: Pictures) -> Tensor:
    rows, columns = window_slices(pictures.shape[1])
    cut = np.ascontiguousarray(pictures[:, rows, columns])
    return torch.from_numpy(cut).permute(0, 3, 1, 2).float() / 255


def _device(renderer: Renderer) -> torch.device:
    return next(renderer.parameters()).device
