"""PSNR and LPIPS of redrawn mouths, for validation during training."""

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
    """Scores of N frames."""

    psnr: NDArray[np.float64]  # (N,) dB, over the pixels near the lips
    lpips: NDArray[np.float64]  # (N,) of the square around the mouth; less is better


@torch.inference_mode()
def score_mouths(
    model: Renderer, target: CropTensors, references: CropTensors, lpips: Lpips
) -> MouthScores:
    """Draw frames with their true landmarks, each from all references, and score them.

    Args:
        target: tensors (N, ..) on the model's device.
        references: of the same person, (K, ..).
    """
    with autocast(target.pictures.device, True):
        person = model.encode_references(references.as_batch())
        rendering: Rendering = model(target, person.repeat(len(target.pictures)))
    return score_pictures(rendering.picture.float(), target, lpips)


@torch.inference_mode()
def score_pictures(pictures: Tensor, target: CropTensors, lpips: Lpips) -> MouthScores:
    """Compare windows (N, 3, S, S), 0..1, with those of `target` (N, ..) at the true lips.

    PSNR is at most 100 dB, the value of equal pictures.
    """
    drawn, true = (mouth_square(part, target) for part in (pictures, target.pictures))
    near = near_lips(target.drawings)
    error = ((pictures - target.pictures).square() * near).sum((1, 2, 3))
    error = error / (3 * near.sum((1, 2, 3)))
    psnr = -10 * torch.log10(error.clamp_min(1e-10))
    return MouthScores(psnr.double().cpu().numpy(), lpips(drawn, true).double().cpu().numpy())
