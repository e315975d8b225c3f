"""What stage 2 learns: clips as crops, augmented batches, the losses of a step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d

from mytalk_core.appearance.conditioning import MaskConfig
from mytalk_core.appearance.face_crops import CropTensors, FaceCrops, crop_tensors, face_crops
from mytalk_core.appearance.reference_frames import spread_by_opening, training_references
from mytalk_core.appearance.renderer import Renderer, RendererConfig
from mytalk_core.data.shards import decode_sample
from mytalk_core.faces.face_motion import face_motion
from mytalk_core.faces.landmark_scheme import SCHEMES, LandmarkScheme
from mytalk_core.faces.shape import aperture
from mytalk_core.training.precision import autocast


@dataclass(frozen=True)
class AppearanceTrainingConfig:
    """How the renderer is trained."""

    # Frames per step and process.
    batch: int = 4
    # Reference frames per example.
    references: int = 4
    # Standard deviation of the jitter on asked landmarks, crop pixels.
    landmark_jitter: float = 0.35
    # Largest turn (degrees), zoom (share) and shift (pixels) of a crop.
    turn: float = 6.0
    zoom: float = 0.08
    shift: float = 4.0
    # Range of the gain per colour channel: lights and complexions that the footage lacks.
    darkest: float = 0.35
    brightest: float = 1.25
    # How much more an error counts at the mouth than elsewhere under the mask.
    mouth_weight: float = 4.0
    # Weights of the losses beside that of the finished picture.
    warp_weight: float = 0.5
    edge_weight: float = 1.0


@dataclass(frozen=True)
class AppearanceClip:
    """A clip ready for training."""

    crops: FaceCrops
    opening: NDArray[np.float32]  # (T,) crop pixels
    scheme: LandmarkScheme


def appearance_clip(members: dict[str, bytes], mask: MaskConfig) -> AppearanceClip:
    """The clip of a shard's sample by its members."""
    sample = decode_sample(members)
    scheme = SCHEMES[sample.meta.scheme]
    crops = face_crops(
        sample.crops,
        sample.landmarks,
        sample.boxes,
        face_motion(sample.landmarks, scheme),
        scheme,
        mask,
    )
    gain = np.linalg.norm(sample.boxes[:, 0], axis=-1)
    opening = aperture(sample.landmarks, scheme) * gain
    return AppearanceClip(crops, opening, scheme)


@dataclass(frozen=True)
class AppearanceBatch:
    """Examples of one step: B frames to draw and K references of each."""

    target: CropTensors  # (B, ..)
    references: CropTensors  # (B, K, ..)


class AppearanceBatches:
    """Makes augmented batches out of clips."""

    def __init__(
        self,
        draw: Callable[[np.random.Generator], AppearanceClip],
        config: AppearanceTrainingConfig,
    ) -> None:
        """Args: `draw` gives a random clip."""
        self._draw = draw
        self._config = config

    def batch(self, random: np.random.Generator) -> AppearanceBatch:
        """A batch for one step."""
        examples = [self._example(random) for _ in range(self._config.batch)]
        stacked = CropTensors(
            *(
                torch.stack(parts)
                for parts in zip(*(example.parts() for example in examples), strict=True)
            )
        )
        return AppearanceBatch(
            target=_each(stacked, lambda part: part[:, 0]),
            references=_each(stacked, lambda part: part[:, 1:]),
        )

    def _example(self, random: np.random.Generator) -> CropTensors:
        """One target, then its references, (1 + K, ..)."""
        config = self._config
        clip = self._draw(random)
        target = int(random.integers(len(clip.opening)))
        references = training_references(clip.opening, target, config.references, random)
        chosen = clip.crops.choose(np.concatenate([[target], references]))
        moved = _moved(chosen, config, random)
        moved.points[0] += random.normal(0, config.landmark_jitter, moved.points[0].shape)
        tensors = crop_tensors(moved, clip.scheme)
        light = random.uniform(config.darkest, config.brightest)
        gain = light * random.uniform(0.85, 1.15, (1, 3, 1, 1))
        pictures = (tensors.pictures * torch.from_numpy(gain).float()).clamp(0, 1)
        flipped = random.random() < 0.5
        return _flipped(tensors, pictures) if flipped else _with_pictures(tensors, pictures)


def _each(crops: CropTensors, change: Callable[[Tensor], Tensor]) -> CropTensors:
    return CropTensors(*(change(part) for part in crops.parts()))


def _with_pictures(crops: CropTensors, pictures: Tensor) -> CropTensors:
    return CropTensors(pictures, crops.drawings, crops.points, crops.masks, crops.skins)


def _flipped(crops: CropTensors, pictures: Tensor) -> CropTensors:
    """Mirrored left to right. Points keep their numbers: all crops are mirrored alike."""
    last = 1 - 1 / pictures.shape[-1]  # where the first pixel goes
    mirrored = crops.points * torch.tensor([-1.0, 1.0]) + torch.tensor([last, 0.0])
    return CropTensors(
        pictures.flip(-1),
        crops.drawings.flip(-1),
        mirrored,
        crops.masks.flip(-1),
        crops.skins.flip(-1),
    )


def _moved(
    crops: FaceCrops, config: AppearanceTrainingConfig, random: np.random.Generator
) -> FaceCrops:
    """Every crop turned, zoomed and shifted a little, each in its own way."""
    count, size = crops.pictures.shape[:2]
    pictures, points, masks, faces = [], [], [], []
    for index in range(count):
        matrix: NDArray[np.float64] = cv2.getRotationMatrix2D(
            (size / 2, size / 2),
            random.uniform(-config.turn, config.turn),
            1 + random.uniform(-config.zoom, config.zoom),
        ).astype(np.float64)
        matrix[:, 2] += random.uniform(-config.shift, config.shift, 2)
        pictures.append(
            cv2.warpAffine(
                crops.pictures[index], matrix, (size, size), borderMode=cv2.BORDER_REPLICATE
            )
        )
        turn, shift = matrix[:, :2].T.astype(np.float32), matrix[:, 2].astype(np.float32)
        points.append(crops.points[index] @ turn + shift)
        masks.append(crops.mask_outlines[index] @ turn + shift)
        faces.append(crops.face_points[index] @ turn + shift)
    return FaceCrops(np.stack(pictures), np.stack(points), np.stack(masks), np.stack(faces))


def appearance_losses(
    model: Renderer, batch: AppearanceBatch, config: AppearanceTrainingConfig
) -> dict[str, Tensor]:
    """The losses of one step, already weighted; their sum is what is minimised."""
    target, shown = batch.target, batch.references
    rendering = model(*target.parts(), model.encode_references(*shown.parts()))
    weight = target.masks * (1 + config.mouth_weight * _near_lips(target.drawings))
    weight = weight / weight.mean()
    picture, warped = rendering.picture.float(), rendering.warped.float()
    truth = target.pictures
    return {
        "picture": _multiscale(picture, truth, weight),
        "warp": config.warp_weight * _multiscale(warped, truth, weight),
        "edges": config.edge_weight * _edges(picture, truth, weight),
    }


def _near_lips(drawings: Tensor) -> Tensor:
    """1 within some pixels of the drawn lips (B, 1, S, S)."""
    lips = drawings[:, :2].amax(dim=1, keepdim=True)
    reach = 2 * (drawings.shape[-1] // 20) + 1
    return (max_pool2d(lips, reach, 1, reach // 2) > 0).float()


def _multiscale(picture: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Weighted L1 at full, half and quarter size."""
    error = picture - truth
    loss = (weight * error.abs()).mean()
    for factor in (2, 4):
        small = avg_pool2d(error * weight.sqrt(), factor)
        loss = loss + small.abs().mean()
    return loss


def _edges(picture: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Weighted L1 of differences between neighbouring pixels: keeps teeth and lip lines sharp."""
    error = picture - truth
    across = (weight[..., 1:] * error.diff(dim=-1).abs()).mean()
    down = (weight[..., 1:, :] * error.diff(dim=-2).abs()).mean()
    return across + down


@torch.inference_mode()
def score_clips(
    model: Renderer, clips: Sequence[AppearanceClip], references: int, device: torch.device
) -> dict[str, float]:
    """Negative mouth PSNR (dB) of some frames of each clip, drawn with their true landmarks."""
    scores = []
    for clip in clips:
        chosen = spread_by_opening(clip.opening, references)
        shown = crop_tensors(clip.crops.choose(chosen), clip.scheme).to(device)
        frames = np.setdiff1d(np.arange(len(clip.opening)), chosen)[::10]
        target = crop_tensors(clip.crops.choose(frames), clip.scheme).to(device)
        with autocast(device, True):
            encoded = model.encode_references(*(part[None] for part in shown.parts()))
            picture = model(*target.parts(), encoded.repeat(len(frames))).picture
        near = _near_lips(target.drawings)
        error = ((picture.float() - target.pictures).square() * near).sum((1, 2, 3))
        scores.append(float((10 * torch.log10(near.sum((1, 2, 3)) * 3 / error)).mean()))
    return {"negative_mouth_psnr": -float(np.mean(scores))}


class AppearanceObjective:
    """Stage 2 as the training loop sees it."""

    def __init__(
        self,
        size: RendererConfig,
        config: AppearanceTrainingConfig,
        draw: Callable[[np.random.Generator], AppearanceClip],
        held_out: Sequence[AppearanceClip],
        device: torch.device,
    ) -> None:
        """Args as of `AppearanceBatches`; `held_out` clips judge the model while it trains."""
        # The order of channels in memory that convolutions in half precision are fastest with.
        self.model = Renderer(size)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's gap
        self._config = config
        self._batches = AppearanceBatches(draw, config)
        self._held_out = held_out
        self._device = device

    def batch(self, random: np.random.Generator) -> AppearanceBatch:
        """The examples of one step."""
        batch = self._batches.batch(random)
        return AppearanceBatch(batch.target.to(self._device), batch.references.to(self._device))

    def losses(self, batch: AppearanceBatch, noise: torch.Generator) -> dict[str, Tensor]:
        """The losses of one step; nothing in it is random."""
        return appearance_losses(self.model, batch, self._config)

    def validate(self) -> dict[str, float]:
        """Figures on the held-out clips."""
        return score_clips(self.model, self._held_out, self._config.references, self._device)
