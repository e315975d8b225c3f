"""Training of a sync expert: which of the sounds near a window is the one under it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.sync.clip import MEL_BANDS, SyncClip, sound_rows
from mytalk_core.sync.expert import SyncExpert
from mytalk_core.sync.expert_file import ExpertConfig, LipInput, SoundInput
from mytalk_core.sync.offsets import MAX_OFFSET


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
    # Other voices in which each clip is heard.
    voices: int = 1
    # Lip motion is made this much larger or smaller, as a share.
    lip_gain: float = 0.3
    # Standard deviation of the noise on lip points, inter-ocular units: a tracker's jitter.
    lip_noise: float = 0.005
    # The same on the grey of a mouth's pictures, 0..1.
    grey_noise: float = 0.03
    # Share of cuts whose pictures are seen as negatives: teeth flash bright between dark lips where
    # skin is dark, and mouths open dark where it is light.
    negatives: float = 0.3
    # Pixels by which a mouth's pictures are moved at most.
    picture_shift: int = 2
    # Spectrum bands moved up or down at most: other voices.
    band_shift: int = 3
    # Standard deviation of the noise on the log spectrum.
    spectrum_noise: float = 0.5
    # The same on speech features, as a share of their own deviation.
    speech_noise: float = 0.3
    # Decides everything that is random.
    seed: int = 0


def train_expert(
    clips: Sequence[SyncClip],
    expert: ExpertConfig,
    config: ExpertTrainingConfig,
    progress: Callable[[int, float], None] = lambda step, loss: None,
) -> SyncExpert:
    """Train on clips of 64 frames or more; `progress` is told each step and its loss.

    The same clips and configuration give the same expert on the same machine and thread count.

    Args:
        clips: as `expert` takes them, in at least one voice.

    Raises:
        BadInputError: where no clip is long enough.
    """
    usable = [clip for clip in clips if len(clip.lips) >= config.frames]
    if not usable:
        raise BadInputError(
            f"no clip has {config.frames} frames, which is what the sync expert learns from.",
            reason=Reason.TOO_SHORT,
            remedy="Preprocess footage in which a face is seen for longer.",
        )
    random = np.random.default_rng(config.seed)
    torch.manual_seed(config.seed)
    model = SyncExpert(expert).train()
    if expert.sound is SoundInput.SPEECH:
        features = torch.from_numpy(np.concatenate([clip.sounds[0] for clip in usable]))
        model.fit_speech(features)
    optimiser = torch.optim.AdamW(
        model.parameters(), config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, config.steps)
    share = _draw_shares(usable)
    varied = _Variations(expert, config, random, model)
    for step in range(config.steps):
        chosen = random.choice(len(usable), config.batch, p=share)
        pairs = [varied.cut(usable[i]) for i in chosen]
        lips, sound = (torch.from_numpy(np.stack(side)) for side in zip(*pairs, strict=True))
        loss = offset_loss(
            model.embed_lips(lips), model.embed_sound(sound), model.log_temperature.exp()
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        progress(step, loss.item())
    optimiser.zero_grad()  # who is given the expert has no use for gradients
    return model.eval()


def offset_loss(lips: Tensor, sound: Tensor, sharpness: Tensor) -> Tensor:
    """InfoNCE over the offsets -15..15 within each clip, from lips to sound and back.

    van den Oord et al., "Representation learning with contrastive predictive coding", 2018.

    Args:
        lips, sound: (B, W, E) unit vectors of windows that belong together.
        sharpness: what dot products are multiplied with.
    """
    logits, target = offset_logits(lips, sound, sharpness)
    # Transposing the windows swaps who is asked for whom; the band is symmetric.
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.mT, target)) / 2


def offset_logits(lips: Tensor, sound: Tensor, sharpness: Tensor) -> tuple[Tensor, Tensor]:
    """Arguments of a cross-entropy that asks every lip window for its sound window.

    Args: as of `offset_loss`.

    Returns:
        logits (B, W, W), -inf where windows are more than 15 frames apart; target (B, W).
    """
    windows = lips.shape[1]
    place = torch.arange(windows, device=lips.device)
    too_far = (place[:, None] - place).abs() > MAX_OFFSET
    logits = (sharpness * lips @ sound.mT).masked_fill(too_far, float("-inf"))
    # cross_entropy wants the choices second, and its target is the same for rows and columns.
    return logits.mT, place.expand(len(lips), windows)


def _draw_shares(clips: Sequence[SyncClip]) -> NDArray[np.float64]:
    """Probability of each clip: the square root keeps a frequent speaker from ruling."""
    count = Counter(clip.speaker for clip in clips)
    weight = np.array([count[clip.speaker] ** -0.5 for clip in clips])
    share: NDArray[np.float64] = weight / weight.sum()
    return share


class _Variations:
    """Cuts of clips, said by somebody a little different each time."""

    def __init__(
        self,
        expert: ExpertConfig,
        config: ExpertTrainingConfig,
        random: np.random.Generator,
        model: SyncExpert,
    ) -> None:
        self._expert = expert
        self._config = config
        self._random = random
        self._speech_std = (
            model.speech_std.numpy() if expert.sound is SoundInput.SPEECH else np.ones(1)
        )

    def cut(self, clip: SyncClip) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """A random cut of a clip: its lips, and its sound in one of its voices."""
        start = int(self._random.integers(len(clip.lips) - self._config.frames + 1))
        end = start + self._config.frames
        seen = clip.lips[start:end] - clip.lips[start:end].mean(axis=0)
        see = self._pictures if self._expert.lips is LipInput.PIXELS else self._landmarks
        sound = clip.sounds[self._random.integers(len(clip.sounds))]
        rows = sound_rows(self._expert.sound)
        heard = sound[start * rows : end * rows]
        hear = self._speech if self._expert.sound is SoundInput.SPEECH else self._spectrum
        return see(seen).astype(np.float32), hear(heard).astype(np.float32)

    def _landmarks(self, lips: NDArray[np.float32]) -> NDArray[np.float64]:
        if self._random.random() < 0.5:
            lips = lips[:, _MIRRORED] * np.array([-1, 1], np.float32)
        jitter = self._config.lip_noise * self._random.standard_normal(lips.shape)
        varied: NDArray[np.float64] = lips * self._gain() + jitter
        return varied

    def _pictures(self, mouths: NDArray[np.float32]) -> NDArray[np.float64]:
        if self._random.random() < 0.5:
            mouths = mouths[:, :, ::-1]
        if self._random.random() < self._config.negatives:
            mouths = -mouths
        reach = self._config.picture_shift
        shift = self._random.integers(-reach, reach + 1, 2).tolist()
        noise = self._config.grey_noise * self._random.standard_normal(mouths.shape)
        varied: NDArray[np.float64] = np.roll(mouths, shift, axis=(1, 2)) * self._gain() + noise
        return varied

    def _gain(self) -> float:
        return 1 + self._config.lip_gain * self._random.uniform(-1, 1)

    def _spectrum(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        shift = int(self._random.integers(-self._config.band_shift, self._config.band_shift + 1))
        bands = np.clip(np.arange(MEL_BANDS) + shift, 0, MEL_BANDS - 1)
        hiss = self._config.spectrum_noise * self._random.standard_normal(rows.shape)
        varied: NDArray[np.float64] = rows[:, bands] + hiss
        return varied

    def _speech(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        # Half of the deviation is one for the whole cut: voices and rooms differ by such.
        noise = self._random.standard_normal(rows.shape)
        room = 0.5 * self._random.standard_normal((1, rows.shape[1]))
        varied: NDArray[np.float64] = rows + self._config.speech_noise * self._speech_std * (
            noise + room
        )
        return varied


def _mirrored() -> list[int]:
    """Which lip point stands where each was once left and right are exchanged.

    Both contours begin at the left corner; along the lower lip it is half of the contour to the
    right one.
    """
    outer, inner = len(MESH478.outer_lips), len(MESH478.inner_lips)
    turned = [(outer // 2 - place) % outer for place in range(outer)]
    return turned + [outer + (inner // 2 - place) % inner for place in range(inner)]


_MIRRORED = _mirrored()
