"""Training of the sync expert: which of the sounds near a window is the one under it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from mytalk_core.sync.clip import MEL_BANDS, ROWS_PER_FRAME, SyncClip, log_mel
from mytalk_core.sync.expert import ExpertConfig, SyncExpert
from mytalk_core.sync.score import MAX_OFFSET


@dataclass(frozen=True)
class ExpertTrainingConfig:
    """How the expert learns. The variations are what keeps it from learning its few speakers."""

    # Optimiser steps.
    steps: int = 600
    # Clips in a step; a speaker's clips are drawn with the square root of their share.
    batch: int = 16
    # Video frames cut from each clip; shorter clips are left out.
    frames: int = 64
    # Peak learning rate; it falls to zero along a cosine.
    learning_rate: float = 1e-3
    # Decay of the weights.
    weight_decay: float = 0.05
    # Lip motion is made this much larger or smaller, as a share.
    lip_gain: float = 0.3
    # Standard deviation of the noise on lip points, inter-ocular units: a tracker's jitter.
    lip_noise: float = 0.005
    # Spectrum bands moved up or down at most: other voices.
    band_shift: int = 3
    # Standard deviation of the noise on the log spectrum.
    sound_noise: float = 0.5
    # Decides everything that is random.
    seed: int = 0


def train_expert(
    clips: Sequence[SyncClip],
    config: ExpertTrainingConfig | None = None,
    expert: ExpertConfig | None = None,
    progress: Callable[[int, float], None] = lambda step, loss: None,
) -> SyncExpert:
    """Train on clips of 64 frames or more; `progress` is told each step and its loss.

    The same clips and configuration give the same expert on the same machine and thread count.
    """
    config = config or ExpertTrainingConfig()
    usable = [clip for clip in clips if len(clip.lips) >= config.frames]
    if not usable:
        raise ValueError(f"no clip has {config.frames} frames")
    random = np.random.default_rng(config.seed)
    torch.manual_seed(config.seed)
    model = SyncExpert(expert or ExpertConfig()).train()
    optimiser = torch.optim.AdamW(
        model.parameters(), config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, config.steps)
    spectra = [log_mel(clip.audio, len(clip.lips)) for clip in usable]
    share = _draw_shares(usable)
    for step in range(config.steps):
        chosen = random.choice(len(usable), config.batch, p=share)
        pairs = [_vary(usable[i].lips, spectra[i], config, random) for i in chosen]
        lips, sound = (torch.from_numpy(np.stack(side)) for side in zip(*pairs, strict=True))
        loss = offset_loss(
            model.embed_lips(lips), model.embed_sound(sound), model.log_temperature.exp()
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        progress(step, loss.item())
    return model.eval()


def offset_loss(lips: Tensor, sound: Tensor, sharpness: Tensor) -> Tensor:
    """InfoNCE over the offsets -15..15 within each clip, from lips to sound and back.

    van den Oord et al., "Representation learning with contrastive predictive coding", 2018.

    Args:
        lips, sound: (B, W, E) unit vectors of windows that belong together.
        sharpness: what dot products are multiplied with.
    """
    windows = lips.shape[1]
    place = torch.arange(windows)
    too_far = (place[:, None] - place).abs() > MAX_OFFSET
    logits = (sharpness * lips @ sound.transpose(1, 2)).masked_fill(too_far, float("-inf"))
    target = place.expand(len(lips), windows)
    # Transposing the windows swaps who is asked for whom; the band is symmetric.
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.mT, target)) / 2


def _draw_shares(clips: Sequence[SyncClip]) -> NDArray[np.float64]:
    """Probability of each clip: the square root keeps a frequent speaker from ruling."""
    count = Counter(clip.speaker for clip in clips)
    weight = np.array([count[clip.speaker] ** -0.5 for clip in clips])
    share: NDArray[np.float64] = weight / weight.sum()
    return share


def _vary(
    lips: NDArray[np.float32],
    spectrum: NDArray[np.float32],
    config: ExpertTrainingConfig,
    random: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A random cut of a clip, said by somebody a little different."""
    start = int(random.integers(len(lips) - config.frames + 1))
    end = start + config.frames
    gain = 1 + config.lip_gain * random.uniform(-1, 1)
    jitter = config.lip_noise * random.standard_normal((config.frames, *lips.shape[1:]))
    seen = lips[start:end] * gain + jitter
    shift = int(random.integers(-config.band_shift, config.band_shift + 1))
    bands = np.clip(np.arange(MEL_BANDS) + shift, 0, MEL_BANDS - 1)
    heard = spectrum[start * ROWS_PER_FRAME : end * ROWS_PER_FRAME, bands]
    hiss = config.sound_noise * random.standard_normal(heard.shape)
    return seen.astype(np.float32), (heard + hiss).astype(np.float32)
