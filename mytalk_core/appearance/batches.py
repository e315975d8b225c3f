"""Augmented training examples: two consecutive frames to draw, with references."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mytalk_core.appearance.clip import AppearanceClip
from mytalk_core.appearance.crop_motion import CropMotionConfig, moved_crops
from mytalk_core.appearance.face_crops import CropTensors, crop_tensors
from mytalk_core.appearance.reference_frames import (
    alike_references,
    training_references,
)
from mytalk_core.media.clock import MOTION_FPS

# Least distance in frames of similar references from the frame to draw. A dub keeps twice as far,
# which would leave few frames of a clip of three seconds.
_APART = round(0.4 * MOTION_FPS)
# Consecutive frames drawn of each clip, so that the loss can measure flicker.
RUN = 2


@dataclass(frozen=True)
class BatchConfig:
    """Examples and their augmentation."""

    # Runs of two frames per step and process.
    runs: int = 2
    # Reference frames per example.
    references: int = 4
    # Share of examples whose references are chosen as in a dub: the most similar ones that are not
    # close in time.
    alike: float = 0.5
    motion: CropMotionConfig = field(default_factory=CropMotionConfig)
    # Range of the gain, for lights and complexions that the footage lacks.
    darkest: float = 0.35
    brightest: float = 1.25
    # Largest relative difference in light between a frame and its references.
    relight: float = 0.06


@dataclass(frozen=True)
class AppearanceBatch:
    """Examples of one step: B runs of two frames to draw, with K references each."""

    target: CropTensors  # (2 B, ..), the frames of a run next to each other
    references: CropTensors  # (B, K, ..)
    step: int = 0  # of the training run, from 0

    def to(self, device: torch.device) -> "AppearanceBatch":
        """Copy the batch to a device."""
        return replace(self, target=self.target.to(device), references=self.references.to(device))


class AppearanceBatches:
    """Makes augmented batches from random clips."""

    def __init__(
        self,
        draw: Callable[[np.random.Generator], AppearanceClip],
        config: BatchConfig,
        size: int,
    ) -> None:
        """Args: `draw` returns a random clip; `size` is the renderer's."""
        self._draw = draw
        self._config = config
        self._size = size

    def batch(self, random: np.random.Generator, step: int) -> AppearanceBatch:
        """Draw the clips of one step and return their batch."""
        return batch_of([self._example(random) for _ in range(self._config.runs)], step)

    def _example(self, random: np.random.Generator) -> CropTensors:
        """Return the frames of a run, then its references, (2 + K, ..)."""
        config = self._config
        clip = self._draw(random)
        last = len(clip.opening) - 1
        first = int(random.integers(max(last, 1)))
        run = np.minimum(np.arange(first, first + RUN), last)
        chosen = self._references(clip, run, random)
        crops = clip.crops.choose(np.concatenate([run, chosen]))
        moved = moved_crops(crops, RUN, config.motion, random)
        tensors = crop_tensors(moved, clip.scheme, self._size)
        if random.random() < 0.5:
            tensors = mirrored(tensors)
        return _relit(tensors, config, random)

    def _references(
        self, clip: AppearanceClip, run: NDArray[np.int64], random: np.random.Generator
    ) -> NDArray[np.int64]:
        count = self._config.references
        if random.random() < self._config.alike:
            distances = clip.distances_from(int(run[0]))
            return alike_references(distances, run, count, random, _APART)
        return training_references(clip.opening, clip.pose, run, count, random)


def batch_of(examples: Sequence[CropTensors], step: int) -> AppearanceBatch:
    """Stack examples, each the frames of a run and then its references, (2 + K, ..)."""
    stacked = [
        torch.stack(parts) for parts in zip(*(example.parts() for example in examples), strict=True)
    ]
    return AppearanceBatch(
        target=CropTensors(*(part[:, :RUN].flatten(0, 1) for part in stacked)),
        references=CropTensors(*(part[:, RUN:] for part in stacked)),
        step=step,
    )


def _relit(crops: CropTensors, config: BatchConfig, random: np.random.Generator) -> CropTensors:
    """Apply a random gain per channel, slightly different for the references."""
    light = random.uniform(config.darkest, config.brightest)
    gain = np.repeat(light * random.uniform(0.85, 1.15, (1, 3, 1, 1)), len(crops.pictures), axis=0)
    gain[RUN:] *= random.uniform(1 - config.relight, 1 + config.relight)
    factor = torch.from_numpy(gain).float()
    return replace(
        crops,
        pictures=(crops.pictures * factor).clamp(0, 1),
        contexts=(crops.contexts * factor).clamp(0, 1),
    )


def mirrored(crops: CropTensors) -> CropTensors:
    """Mirror crops left to right. Points keep their indices, since all crops are mirrored."""

    def swapped(points: Tensor, side: int) -> Tensor:
        last = 1 - 1 / side  # image of the centre of the first pixel
        return points * torch.tensor([-1.0, 1.0]) + torch.tensor([last, 0.0])

    side = crops.pictures.shape[-1]
    return CropTensors(
        pictures=crops.pictures.flip(-1),
        masks=crops.masks.flip(-1),
        drawings=crops.drawings.flip(-1),
        lips=swapped(crops.lips, side),
        jaw=swapped(crops.jaw, side),
        anchors=swapped(crops.anchors, side),
        contexts=crops.contexts.flip(-1),
        context_masks=crops.context_masks.flip(-1),
        skins=crops.skins.flip(-1),
    )
