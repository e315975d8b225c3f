"""Training of a sync expert by contrast between the offsets of each clip."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

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
from mytalk_core.sync.offsets import MAX_OFFSET, late_by, offset_distances
from mytalk_core.sync.score import embedded


@dataclass(frozen=True)
class ExpertTrainingConfig:
    """Optimisation and augmentation, which prevents overfitting to the few speakers."""

    # Optimiser steps.
    steps: int = 600
    # Clips per step; speakers are drawn with the square root of their share of the clips.
    batch: int = 16
    # Video frames cut from each clip; shorter clips are not used.
    frames: int = 64
    # Peak learning rate of a cosine decay to zero.
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    # Altered voices per clip.
    voices: int = 1
    # Largest relative change of the size of lip motion.
    lip_gain: float = 0.3
    # Standard deviation of noise on lip points, inter-ocular units, as of a tracker's jitter.
    lip_noise: float = 0.005
    # Standard deviation of noise on mouth pictures, 0..1.
    grey_noise: float = 0.03
    # Share of inverted mouth pictures: the contrast of teeth and lips depends on the skin.
    negatives: float = 0.3
    # Largest shift of mouth pictures, pixels.
    picture_shift: int = 2
    # Largest shift of spectrum bands, as between voices.
    band_shift: int = 3
    # Standard deviation of noise on the log spectrum.
    spectrum_noise: float = 0.5
    # Standard deviation of noise on speech features, relative to their own.
    speech_noise: float = 0.3
    seed: int = 0


def train_expert(
    clips: Sequence[SyncClip],
    expert: ExpertConfig,
    config: ExpertTrainingConfig,
    progress: Callable[[int, float], None] = lambda step, loss: None,
) -> SyncExpert:
    """Train an expert, deterministically for a machine and thread count.

    Args:
        clips: inputs of `expert`; those shorter than `config.frames` are not used.
        progress: called with each step and its loss.

    Raises:
        BadInputError: no clip is long enough.
    """
    usable = [clip for clip in clips if len(clip.lips) >= config.frames]
    if not usable:
        raise BadInputError(
            f"no clip has {config.frames} frames, the least for training a sync expert.",
            reason=Reason.TOO_SHORT,
            remedy="Preprocess footage that shows faces for longer.",
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
    augmented = _Augmentation(expert, config, random, model)
    for step in range(config.steps):
        chosen = random.choice(len(usable), config.batch, p=share)
        pairs = [augmented.cut(usable[i]) for i in chosen]
        lips, sound = (torch.from_numpy(np.stack(side)) for side in zip(*pairs, strict=True))
        loss = offset_loss(
            model.embed_lips(lips), model.embed_sound(sound), model.log_temperature.exp()
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        progress(step, loss.item())
    optimiser.zero_grad()  # free the gradients
    model.config = replace(expert, in_step=_in_step(model.eval(), usable))
    return model


def _in_step(model: SyncExpert, clips: Sequence[SyncClip]) -> float:
    """Return the offset in frames at which an expert finds the recorded sound of clips in step."""
    curves = [
        offset_distances(*embedded(clip.lips, clip.sounds[0].astype(np.float32), model))
        for clip in clips
    ]
    pooled = np.average(curves, axis=0, weights=[len(clip.lips) for clip in clips])
    return round(late_by(pooled, in_step=0.0), 2)


def offset_loss(lips: Tensor, sound: Tensor, sharpness: Tensor) -> Tensor:
    """Return InfoNCE over the offsets -15..15 within each clip, symmetric in lips and sound.

    van den Oord et al., "Representation learning with contrastive predictive coding", 2018.

    Args:
        lips, sound: (B, W, E) unit vectors of simultaneous windows.
        sharpness: factor of dot products.
    """
    logits, target = offset_logits(lips, sound, sharpness)
    # Transposition swaps query and candidates; the band of offsets is symmetric.
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.mT, target)) / 2


def offset_logits(lips: Tensor, sound: Tensor, sharpness: Tensor) -> tuple[Tensor, Tensor]:
    """Return the arguments of a cross-entropy from lip windows to sound windows.

    Arguments as in `offset_loss`.

    Returns:
        logits (B, W, W), -inf for windows more than 15 frames apart; target (B, W).
    """
    windows = lips.shape[1]
    place = torch.arange(windows, device=lips.device)
    too_far = (place[:, None] - place).abs() > MAX_OFFSET
    logits = (sharpness * lips @ sound.mT).masked_fill(too_far, float("-inf"))
    # cross_entropy takes classes in the second dimension; the target is the diagonal.
    return logits.mT, place.expand(len(lips), windows)


def _draw_shares(clips: Sequence[SyncClip]) -> NDArray[np.float64]:
    """Return the probability of each clip; a speaker's total is the square root of their count."""
    count = Counter(clip.speaker for clip in clips)
    weight = np.array([count[clip.speaker] ** -0.5 for clip in clips])
    share: NDArray[np.float64] = weight / weight.sum()
    return share


class _Augmentation:
    """Cut random parts of clips and vary face, voice and noise."""

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
        """Return augmented lips and sound of a random cut, in one of the voices of the clip."""
        start = int(self._random.integers(len(clip.lips) - self._config.frames + 1))
        end = start + self._config.frames
        lips = clip.lips[start:end] - clip.lips[start:end].mean(axis=0)
        vary_lips = self._pictures if self._expert.lips is LipInput.PIXELS else self._landmarks
        voice = clip.sounds[self._random.integers(len(clip.sounds))]
        rows = sound_rows(self._expert.sound)
        sound = voice[start * rows : end * rows]
        vary_sound = self._speech if self._expert.sound is SoundInput.SPEECH else self._spectrum
        return vary_lips(lips).astype(np.float32), vary_sound(sound).astype(np.float32)

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
        # A constant offset per cut, with half the deviation, as between voices and rooms.
        noise = self._random.standard_normal(rows.shape)
        room = 0.5 * self._random.standard_normal((1, rows.shape[1]))
        varied: NDArray[np.float64] = rows + self._config.speech_noise * self._speech_std * (
            noise + room
        )
        return varied


def _mirrored() -> list[int]:
    """Return the permutation of lip points under a mirror image.

    Both contours start at the left corner; the right corner is at half of the contour.
    """
    outer, inner = len(MESH478.outer_lips), len(MESH478.inner_lips)
    turned = [(outer // 2 - place) % outer for place in range(outer)]
    return turned + [outer + (inner // 2 - place) % inner for place in range(inner)]


_MIRRORED = _mirrored()
