"""The training objective of stage 2: batches, losses, and validation on held-out clips."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mytalk_core.appearance.batches import AppearanceBatch, AppearanceBatches, BatchConfig
from mytalk_core.appearance.clip import AppearanceClip
from mytalk_core.appearance.critic import MouthCritic
from mytalk_core.appearance.face_crops import crop_tensors
from mytalk_core.appearance.losses import (
    FeatureJudges,
    LossConfig,
    appearance_losses,
)
from mytalk_core.appearance.mouth_scores import score_mouths
from mytalk_core.appearance.perceptual import Lpips, perceptual_lpips
from mytalk_core.appearance.reference_frames import spread_by_opening
from mytalk_core.appearance.renderer import Renderer, RendererConfig
from mytalk_core.data.model_store import located

_JUDGED_EVERY = 12  # every so many frames of a held-out clip one is scored


@dataclass(frozen=True)
class AppearanceTrainingConfig:
    """Settings of the training."""

    batches: BatchConfig = field(default_factory=BatchConfig)
    losses: LossConfig = field(default_factory=LossConfig)


@dataclass(frozen=True)
class JudgingModels:
    """The perceptual networks: each a name in the model store, or a file."""

    vgg: Path | str  # perceptual-vgg16, for losses
    alexnet: Path | str  # perceptual-alexnet, for LPIPS on held-out clips


class RendererInTraining(nn.Module):
    """The renderer and the critic that is trained with it."""

    def __init__(self, size: RendererConfig) -> None:
        super().__init__()
        self.renderer = Renderer(size)
        self.critic = MouthCritic()


def score_clips(
    model: Renderer,
    clips: Sequence[AppearanceClip],
    lpips: Lpips,
    references: int,
    device: torch.device,
) -> dict[str, float]:
    """Return LPIPS and negative PSNR (dB) of the mouth, means over some frames of each clip.

    Frames are drawn with their true landmarks from all of a few references spread over the clip,
    so that they cannot be copied from a near one.
    """
    distances, scores = [], []
    size = model.config.size
    for clip in clips:
        chosen = spread_by_opening(clip.opening, references)
        shown = crop_tensors(clip.crops.choose(chosen), clip.scheme, size).to(device)
        frames = np.setdiff1d(np.arange(len(clip.opening)), chosen)[::_JUDGED_EVERY]
        target = crop_tensors(clip.crops.choose(frames), clip.scheme, size).to(device)
        found = score_mouths(model, target, shown, lpips)
        distances.append(float(found.lpips.mean()))
        scores.append(float(found.psnr.mean()))
    return {
        "mouth_lpips": float(np.mean(distances)),
        "negative_mouth_psnr": -float(np.mean(scores)),
    }


@dataclass(frozen=True)
class AppearanceClips:
    """The clips of a training run."""

    draw: Callable[[np.random.Generator], AppearanceClip]  # a random training clip
    held_out: Sequence[AppearanceClip]  # for validation


class AppearanceObjective:
    """The `Objective` of stage 2."""

    def __init__(
        self,
        size: RendererConfig,
        config: AppearanceTrainingConfig,
        clips: AppearanceClips,
        judges: JudgingModels,
        device: torch.device,
        initial: Renderer | None = None,
    ) -> None:
        """Build the networks on the CPU and load the judges onto `device`.

        Args:
            initial: a renderer of this size with the initial weights; None means random ones.
        """
        self.model = RendererInTraining(size)
        if initial:
            self.model.renderer.load_state_dict(initial.state_dict())
        # Convolutions are fastest with channels last.
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's gap
        self._config = config
        self._batches = AppearanceBatches(clips.draw, config.batches, size.size)
        self._held_out = clips.held_out
        self._judges = FeatureJudges(located(judges.vgg)).to(device)
        self._lpips = perceptual_lpips(located(judges.alexnet)).to(device)
        self._device = device

    def batch(self, random: np.random.Generator, step: int) -> AppearanceBatch:
        """Return the batch of one step on the device."""
        return self._batches.batch(random, step).to(self._device)

    def losses(self, batch: AppearanceBatch, noise: torch.Generator) -> dict[str, Tensor]:
        """Return the losses of one step; `noise` is not used."""
        model = self.model
        return appearance_losses(
            model.renderer, model.critic, self._judges, batch, self._config.losses
        )

    def validate(self) -> dict[str, float]:
        """Return the scores of `score_clips`; less of the first one is better."""
        return score_clips(
            self.model.renderer,
            self._held_out,
            self._lpips,
            self._config.batches.references,
            self._device,
        )
