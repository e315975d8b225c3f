"""Redrawing of crops of any size: the renderer's output is upsampled and applied at full size.

Flow, shares and residual vary slowly over the picture and can be upsampled. Skin, teeth, beard and
grain do not; they are copied from the references at full resolution.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

from mytalk_core.appearance.face_crops import (
    FaceCrops,
    Pictures,
    crop_regions,
    crop_tensors,
    window_slices,
)
from mytalk_core.appearance.reference_choice import Timestamps, close_in_time
from mytalk_core.appearance.renderer import (
    Drawing,
    References,
    Renderer,
    skin_colour,
)
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.training.precision import autocast

_BATCH = 16  # frames drawn together


@dataclass(frozen=True)
class PersonReferences:
    """The encoded reference set of one person."""

    encoded: References  # at the renderer's size, (1, K, ..)
    windows: Tensor  # (K, 3, W, W) at the crops' size, 0..1 relative to the reference's skin
    timestamps: Timestamps  # (K,)


@torch.inference_mode()
def encode_person(
    renderer: Renderer, references: FaceCrops, timestamps: Timestamps, scheme: LandmarkScheme
) -> PersonReferences:
    """Encode a person's reference frames, K >= 1 in any order, with their timestamps (K,)."""
    device = _device(renderer)
    shown = crop_tensors(references, scheme, renderer.config.size).to(device)
    with autocast(device, True):
        encoded = renderer.encode_references(shown.as_batch())
    windows = _windows(references.pictures).to(device)
    relative = windows - skin_colour(shown.contexts, shown.skins)
    return PersonReferences(encoded, relative, timestamps)


@torch.inference_mode()
def redraw(
    renderer: Renderer,
    crops: FaceCrops,
    timestamps: Timestamps,
    person: PersonReferences,
    scheme: LandmarkScheme,
) -> NDArray[np.float32]:
    """Redraw crops so that their lips match their points; they are unchanged outside their masks.

    Each crop is drawn from the references nearest to its target. References close in time are used
    only if they are nearer by far, such as a closed mouth where all others are open.

    Args:
        crops: T of them, of the size of the person's references.
        timestamps: their timestamps, (T,).

    Returns:
        (T, C, C, 3) RGB, 0..255; not clipped.
    """
    device = _device(renderer)
    rows, columns = window_slices(crops.pictures.shape[1])
    result = crops.pictures.astype(np.float32)
    pixels = torch.from_numpy(result).flatten(1, 2)  # shares memory with `result`
    for first in range(0, len(crops.points), _BATCH):
        some = crops.choose(slice(first, first + _BATCH))
        frames = crop_tensors(some, scheme, renderer.config.size).to(device)
        with autocast(device, True):
            near = close_in_time(timestamps[first : first + _BATCH], person.timestamps)
            chosen = renderer.most_alike(frames, person.encoded, torch.from_numpy(near).to(device))
            drawing = renderer.draw(frames, person.encoded.choose(chosen))
        for frame, mask in enumerate(window_masks(some)):
            down, across = torch.from_numpy(mask).nonzero(as_tuple=True)
            positions = (torch.stack([across, down], dim=1) + 0.5) / len(mask)
            drawn = drawn_at(drawing, frame, person.windows[chosen[frame]], positions.to(device))
            covered = (down + rows.start) * result.shape[2] + across + columns.start
            pixels[first + frame][covered] = (drawn * 255).cpu()
    return result


def drawn_at(drawing: Drawing, frame: int, windows: Tensor, positions: Tensor) -> Tensor:
    """Apply a drawing to full-resolution references at some positions of one frame.

    Flow and share are sampled bilinearly, references and residual with the sharper bicubic.

    Args:
        frame: index in the drawing.
        windows: (K, 3, W, W) of the references that it is drawn from, at any resolution.
        positions: (N, 2) in the window, x and y, shares of its side.

    Returns:
        (N, 3) RGB, 0..1.
    """
    here = (positions * 2 - 1)[None, None]
    warping = torch.cat([drawing.flow[frame], drawing.share[frame]], dim=1).float()
    warping = _sampled_at(warping, here.expand(len(warping), -1, -1, -1), "bilinear")
    there = here + 2 * warping[:, :2].permute(0, 2, 3, 1)
    copied = (_sampled_at(windows, there, "bicubic") * warping[:, 2:]).sum(dim=0)
    residual = _sampled_at(drawing.residual[frame : frame + 1].float(), here, "bicubic")[0]
    return (copied + residual + drawing.colour[frame])[:, 0].T


def _sampled_at(pictures: Tensor, positions: Tensor, mode: str) -> Tensor:
    """Sample (K, C, H, W) at positions (K, 1, N, 2), -1..1, to (K, C, 1, N); edges are extended."""
    return grid_sample(pictures, positions, mode, "border", align_corners=False)


def window_masks(crops: FaceCrops) -> NDArray[np.uint8]:
    """Return the masks in the windows of crops at their own size, (T, W, W), 0 or 1."""
    rows, columns = window_slices(crops.pictures.shape[1])
    masks, _ = crop_regions(crops)
    return masks[:, rows, columns]


def _windows(pictures: Pictures) -> Tensor:
    rows, columns = window_slices(pictures.shape[1])
    cut = np.ascontiguousarray(pictures[:, rows, columns])
    return torch.from_numpy(cut).permute(0, 3, 1, 2).float() / 255


def _device(renderer: Renderer) -> torch.device:
    return next(renderer.parameters()).device
