"""Frames of a clip drawn again with their true landmarks: by the renderer, and by copying."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from mytalk_core.appearance.composite import composite, feathered
from mytalk_core.appearance.conditioning import MaskConfig
from mytalk_core.appearance.face_crops import CropTensors, FaceCrops, crop_tensors, face_crops
from mytalk_core.appearance.reference_frames import spread_by_opening
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.data.schema import ClipSample
from mytalk_core.evaluation.baselines import nearest_reference
from mytalk_core.evaluation.lip_metrics import align_lips, rigid_reference
from mytalk_core.faces.alignment import fit_similarity
from mytalk_core.faces.crop import apply_box
from mytalk_core.faces.face_motion import face_motion
from mytalk_core.faces.landmark_scheme import SCHEMES, LandmarkScheme
from mytalk_core.faces.shape import aperture
from mytalk_core.training.precision import autocast

Pictures = NDArray[np.uint8]

OURS = "ours"
RAW = "ours, raw"
ALIGNED = "copy, aligned"
PASTED = "copy"

_REFERENCES = 4
_BATCH = 8  # frames rendered together
_IN_PLACE = np.array([[1, 0], [0, 1], [0, 0]], np.float32)  # the box of what is a crop already


@dataclass(frozen=True)
class RedrawCase:
    """A clip, N of its frames to draw again, and K reference frames to look at."""

    key: str
    speaker: str  # the title where nobody knows the name
    scheme: LandmarkScheme
    crops: FaceCrops  # of all T frames
    landmarks: NDArray[np.float32]  # (T, P, 2) crop pixels
    lips: NDArray[np.float32]  # (T, L, 2) aligned, inter-ocular units
    frames: NDArray[np.int64]  # (N,)
    references: NDArray[np.int64]  # (K,) none of `frames`


@dataclass(frozen=True)
class Redrawing:
    """The frames of a case as every method draws them."""

    true: Pictures  # (N, S, S, 3) RGB
    masks: NDArray[np.uint8]  # (N, S, S) 1 where the face is drawn anew
    by_method: dict[str, Pictures]  # each (N, S, S, 3)


def redraw_case(sample: ClipSample, every: int, mask: MaskConfig) -> RedrawCase:
    """References evenly over the opening of the mouth as in a dub, frames `every` so many."""
    scheme = SCHEMES[sample.meta.scheme]
    landmarks = apply_box(sample.landmarks, sample.boxes)
    references = spread_by_opening(aperture(landmarks, scheme), _REFERENCES)
    motion = face_motion(sample.landmarks, scheme)
    return RedrawCase(
        key=sample.meta.key,
        speaker=sample.meta.speaker or sample.meta.key.partition("-")[0],
        scheme=scheme,
        crops=face_crops(sample.crops, sample.landmarks, sample.boxes, motion, scheme, mask),
        landmarks=landmarks,
        lips=align_lips(sample.landmarks, rigid_reference(sample.landmarks, scheme), scheme),
        frames=np.setdiff1d(np.arange(0, len(landmarks), every), references),
        references=references,
    )


def redraw(case: RedrawCase, renderer: Renderer) -> Redrawing:
    """Draw the frames of a case by the renderer and by copying, all under the same mask."""
    tensors = crop_tensors(case.crops.choose(case.frames), case.scheme)
    true = case.crops.pictures[case.frames]
    masks = tensors.masks[:, 0].numpy().astype(np.uint8)

    def under_mask(pictures: NDArray[np.float32]) -> Pictures:
        # As the dub puts a crop into its frame; the frame here is the crop itself.
        placed = [
            composite(image, picture, feathered(mask), _IN_PLACE)
            for image, picture, mask in zip(true, pictures, masks, strict=True)
        ]
        return np.stack(placed)

    ours = _rendered(case, renderer, tensors)
    nearest = _nearest_references(case)
    methods = {
        OURS: under_mask(ours),
        RAW: np.rint(ours).astype(np.uint8),
        ALIGNED: under_mask(_aligned(case, nearest)),
        PASTED: under_mask(case.crops.pictures[nearest].astype(np.float32)),
    }
    return Redrawing(true, masks, methods)


@torch.inference_mode()
def _rendered(case: RedrawCase, renderer: Renderer, frames: CropTensors) -> NDArray[np.float32]:
    """What the renderer makes of `frames`, (N, S, S, 3) RGB 0..255."""
    device = next(renderer.parameters()).device
    shown = crop_tensors(case.crops.choose(case.references), case.scheme).to(device)
    drawn = []
    with autocast(device, True):
        encoded = renderer.encode_references(*(part[None] for part in shown.parts()))
        for first in range(0, len(frames.pictures), _BATCH):
            batch = [part[first : first + _BATCH].to(device) for part in frames.parts()]
            picture = renderer(*batch, encoded.repeat(len(batch[0]))).picture
            drawn.append((picture.float().clamp(0, 1) * 255).permute(0, 2, 3, 1).cpu().numpy())
    return np.ascontiguousarray(np.concatenate(drawn))


def _nearest_references(case: RedrawCase) -> NDArray[np.int64]:
    """The reference frame with the nearest lip shape for every frame to draw, (N,)."""
    nearest = nearest_reference(case.lips[case.frames], case.lips[case.references])
    chosen: NDArray[np.int64] = case.references[nearest]
    return chosen


def _aligned(case: RedrawCase, nearest: NDArray[np.int64]) -> NDArray[np.float32]:
    """References `nearest` (N,), each carried by the similarity that fits its upper face."""
    rigid = list(case.scheme.rigid)
    size = case.crops.pictures.shape[1]
    pictures = []
    for frame, reference in zip(case.frames, nearest, strict=True):
        rotation, scale, shift = fit_similarity(
            case.landmarks[reference, rigid], case.landmarks[frame, rigid][None]
        )
        pictures.append(
            cv2.warpAffine(
                case.crops.pictures[reference].astype(np.float32),
                np.concatenate([scale[0] * rotation[0], shift[0][:, None]], axis=1),
                (size, size),
                borderMode=cv2.BORDER_REPLICATE,
            )
        )
    return np.stack(pictures).astype(np.float32, copy=False)
