"""Stage 2 as the training loop sees it: batches, losses, and how held-out clips judge."""

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

# One frame in so many of a held-out clip is drawn to judge.
_JUDGED_EVERY = 12


@dataclass(frozen=True)
class AppearanceTrainingConfig:
    """How the renderer is trained."""

    batches: BatchConfig = field(default_factory=BatchConfig)
    losses: LossConfig = field(default_factory=LossConfig)


@dataclass(frozen=True)
class JudgingModels:
    """The networks that judge pictures: each a name in the model store, or a file."""

    vgg: Path | str  # perceptual-vgg16, for losses
    alexnet: Path | str  # perceptual-alexnet, for LPIPS on held-out clips


class RendererInTraining(nn.Module):
    """The renderer and the critic that learns beside it."""

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
    """LPIPS of the mouth, then its negative PSNR (dB), of some frames of each clip.

    Drawn with their true landmarks from all of a few references, spread over the clip: so there is
    something to draw, and not only to copy.
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


class AppearanceObjective:
    """Stage 2 as the training loop sees it."""

    def __init__(
        self,
        size: RendererConfig,
        config: AppearanceTrainingConfig,
        draw: Callable[[np.random.Generator], AppearanceClip],
        held_out: Sequence[AppearanceClip],
        judges: JudgingModels,
        device: torch.device,
        begun: Renderer | None = None,
    ) -> None:
        """Args as of `AppearanceBatches`.

        Args:
            held_out: clips that judge the model while it trains.
            begun: a renderer of this size to go on from; None begins anew.
        """
        # The order of channels in memory that convolutions are fastest with.
        self.model = RendererInTraining(size)
        if begun:
            self.model.renderer.load_state_dict(begun.state_dict())
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's gap
        self._config = config
        self._batches = AppearanceBatches(draw, config.batches, size.size)
        self._held_out = held_out
        self._judges = FeatureJudges(located(judges.vgg)).to(device)
        self._lpips = perceptual_lpips(located(judges.alexnet)).to(device)
        self._device = device

    def batch(self, random: np.random.Generator, step: int) -> AppearanceBatch:
        """The examples of one step."""
        return self._batches.batch(random, step).to(self._device)

    def losses(self, batch: AppearanceBatch, noise: torch.Generator) -> dict[str, Tensor]:
        """The losses of one step; nothing in it is random."""
        model = self.model
        return appearance_losses(
            model.renderer, model.critic, self._judges, batch, self._config.losses
        )

    def validate(self) -> dict[str, float]:
        """Figures on the held-out clips; less of the first is better."""
        return score_clips(
            self.model.renderer,
            self._held_out,
            self._lpips,
            self._config.batches.references,
            self._device,
        )
