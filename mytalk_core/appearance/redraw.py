"""Crops of any size with a new lower face: the renderer looks at its own size, and what it says is
done at the crop's.

Where to look in each reference, how much of each to take and what to add vary slowly over the
picture; skin, teeth, beard and grain do not, and are copied out of the references as fine as these
are.
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
from mytalk_core.appearance.reference_choice import Moments, of_one_moment
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
    """The reference set of one person, looked at once."""

    encoded: References  # at the renderer's size, (1, K, ..)
    windows: Tensor  # (K, 3, W, W) at the crops' own size, 0..1 relative to the reference's skin
    moments: Moments  # (K,)


@torch.inference_mode()
def encode_person(
    renderer: Renderer, references: FaceCrops, moments: Moments, scheme: LandmarkScheme
) -> PersonReferences:
    """Look at a person's reference frames, K >= 1, in any order, of those moments (K,)."""
    device = _device(renderer)
    shown = crop_tensors(references, scheme, renderer.config.size).to(device)
    with autocast(device, True):
        encoded = renderer.encode_references(shown.as_batch())
    windows = _windows(references.pictures).to(device)
    relative = windows - skin_colour(shown.contexts, shown.skins)
    return PersonReferences(encoded, relative, moments)


@torch.inference_mode()
def redraw(
    renderer: Renderer,
    crops: FaceCrops,
    moments: Moments,
    person: PersonReferences,
    scheme: LandmarkScheme,
) -> NDArray[np.float32]:
    """Crops whose lips stand where their points ask; unchanged outside their masks.

    Each is drawn from the references that are most like what is asked for; those of nearly its own
    moment only where they are so by far, as a shut mouth is where all others are open.

    Args:
        crops: T of them, as large as the person's references were.
        moments: theirs, (T,).

    Returns:
        (T, C, C, 3) RGB, 0..255; not clipped.
    """
    device = _device(renderer)
    rows, columns = window_slices(crops.pictures.shape[1])
    result = crops.pictures.astype(np.float32)
    pixels = torch.from_numpy(result).flatten(1, 2)  # the same memory
    for first in range(0, len(crops.points), _BATCH):
        some = crops.choose(slice(first, first + _BATCH))
        frames = crop_tensors(some, scheme, renderer.config.size).to(device)
        with autocast(device, True):
            near = of_one_moment(moments[first : first + _BATCH], person.moments)
            chosen = renderer.most_alike(frames, person.encoded, torch.from_numpy(near).to(device))
            drawing = renderer.draw(frames, person.encoded.choose(chosen))
        for frame, mask in enumerate(window_masks(some)):
            down, across = torch.from_numpy(mask).nonzero(as_tuple=True)
            places = (torch.stack([across, down], dim=1) + 0.5) / len(mask)
            drawn = drawn_at(drawing, frame, person.windows[chosen[frame]], places.to(device))
            covered = (down + rows.start) * result.shape[2] + across + columns.start
            pixels[first + frame][covered] = (drawn * 255).cpu()
    return result


def drawn_at(drawing: Drawing, frame: int, windows: Tensor, places: Tensor) -> Tensor:
    """What a drawing makes of fine references where one frame is drawn anew.

    Everything is looked up at these places alone: what the drawing says, linearly between its
    pixels, then the references and the residual with the sharper cubic.

    Args:
        frame: of the drawing.
        windows: (N, 3, W, W) of the references that it is drawn from, of any fineness.
        places: (N, 2) in the window, x and y, shares of its side.

    Returns:
        (N, 3) RGB, 0..1.
    """
    here = (places * 2 - 1)[None, None]
    told = torch.cat([drawing.flow[frame], drawing.share[frame]], dim=1).float()
    told = _looked_up(told, here.expand(len(told), -1, -1, -1), "bilinear")
    there = here + 2 * told[:, :2].permute(0, 2, 3, 1)
    copied = (_looked_up(windows, there, "bicubic") * told[:, 2:]).sum(dim=0)
    residual = _looked_up(drawing.residual[frame : frame + 1].float(), here, "bicubic")[0]
    return (copied + residual + drawing.colour[frame])[:, 0].T


def _looked_up(pictures: Tensor, places: Tensor, between: str) -> Tensor:
    """Pictures (K, C, H, W) at places (K, 1, N, 2), -1..1, to (K, C, 1, N); edges go on."""
    return grid_sample(pictures, places, between, "border", align_corners=False)


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
