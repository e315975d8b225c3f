"""How near redrawn mouths are to the true ones: what judges a renderer while it learns."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mytalk_core.appearance.face_crops import CropTensors
from mytalk_core.appearance.losses import mouth_square, near_lips
from mytalk_core.appearance.perceptual import Lpips
from mytalk_core.appearance.renderer import Renderer, Rendering
from mytalk_core.training.precision import autocast


@dataclass(frozen=True)
class MouthScores:
    """Of N frames."""

    psnr: NDArray[np.float64]  # (N,) dB, over the pixels near the lips
    lpips: NDArray[np.float64]  # (N,) of the mouth's surroundings; less is better


@torch.inference_mode()
def score_mouths(
    model: Renderer,
    target: CropTensors,
    references: CropTensors,
    lpips: Lpips,
    most_alike: bool = True,
) -> MouthScores:
    """Draw frames with their true landmarks and compare.

    Args:
        target: tensors (N, ..), where the model is.
        references: of the same person, (K, ..).
        most_alike: each frame is drawn from those most like it, as in a dub; else from all.
    """
    picture = drawn_pictures(model, target, references, most_alike)
    drawn, true = (mouth_square(part, target) for part in (picture, target.pictures))
    near = near_lips(target.drawings)
    error = ((picture - target.pictures).square() * near).sum((1, 2, 3))
    psnr = 10 * torch.log10(near.sum((1, 2, 3)) * 3 / error)
    return MouthScores(psnr.double().cpu().numpy(), lpips(drawn, true).double().cpu().numpy())


def drawn_pictures(
    model: Renderer, target: CropTensors, references: CropTensors, most_alike: bool = True
) -> Tensor:
    """Frames as they are drawn, (N, 3, S, S); arguments as of `score_mouths`."""
    with autocast(target.pictures.device, True):
        person = model.encode_references(references.as_batch())
        shown = (
            person.choose(model.most_alike(target, person))
            if most_alike
            else person.repeat(len(target.pictures))
        )
        rendering: Rendering = model(target, shown)
    return rendering.picture.float()
