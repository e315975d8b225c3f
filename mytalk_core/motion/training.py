"""What stage 1 learns: clips as tensors, the closed-form fits, the losses of a step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call

from mytalk_core.data.shards import decode_meta, read_npy
from mytalk_core.faces.face_motion import face_motion, resting_shape
from mytalk_core.faces.landmark_scheme import SCHEMES
from mytalk_core.faces.shape import aperture_positions
from mytalk_core.motion.closed_mouth import closed_mouth
from mytalk_core.motion.context import sample_speech, speech_per_frame, upper_face
from mytalk_core.motion.diffusion import add_noise
from mytalk_core.motion.identity import identity_loss
from mytalk_core.motion.model import MotionConfig, SpeechToMotion, windows
from mytalk_core.motion.sampling import generate_motion, identity_shapes


@dataclass(frozen=True)
class MotionTrainingConfig:
    """How the speech-to-motion model is trained."""

    # Clips per step and process.
    batch: int = 8
    # Frames of a training window.
    window: int = 64
    # Share of examples that hear silence and must show a closed mouth.
    silent: float = 0.08
    # Standard deviation of noise on standardised speech features.
    speech_noise: float = 0.6
    # Ridge of the linear reading, relative to one training frame's weight.
    ridge: float = 1.5
    # Weights of the losses beside that of the points.
    velocity_weight: float = 1.0
    aperture_weight: float = 1.0
    identity_weight: float = 0.05
    contrast_weight: float = 0.05
    # Frames that the identity extractor looks at.
    identity_frames: int = 16


@dataclass(frozen=True)
class MotionClip:
    """A clip ready for training."""

    speaker: str
    displacement: NDArray[np.float32]  # (T, 3 M) inter-ocular units
    rest: NDArray[np.float32]  # (3 M,) mean shape of the moving points
    closed: NDArray[np.float32]  # (3 M,) displacement of the mouth when it is shut
    upper_face: NDArray[np.float32]  # (T, 3 C)
    speech: NDArray[np.float32]  # (T, F)


def motion_clip(members: dict[str, bytes]) -> MotionClip:
    """The clip of a shard's sample by its members; pictures are not decoded."""
    meta = decode_meta(members["json"])
    scheme = SCHEMES[meta.scheme]
    moving = list(scheme.moving)
    shape = face_motion(read_npy(members["landmarks.npy"]), scheme).shape
    rest = resting_shape(shape)
    frames = len(shape)
    return MotionClip(
        speaker=meta.speaker,
        displacement=(shape - rest)[:, moving].reshape(frames, -1),
        rest=rest[moving].reshape(-1),
        closed=(closed_mouth(shape, scheme) - rest)[moving].reshape(-1),
        upper_face=upper_face(shape, scheme, float(meta.fps)),
        speech=speech_per_frame(sample_speech(members, meta), frames),
    )


Reduce = Callable[[Tensor], Tensor]
"""Sums a tensor over all processes."""


def fit_closed_form(
    model: SpeechToMotion,
    clips: Sequence[MotionClip],
    weights: NDArray[np.float64],
    ridge: float,
    total: Reduce,
) -> None:
    """Set what needs no gradient: speech statistics, motion basis, the linear reading of speech.

    Args:
        clips, weights: this process's clips and how much each counts.
        ridge: penalty per weighted frame.
        total: sums over processes, so that all end with the same model.
    """
    frame_weights = [np.full(len(c.speech), w) for c, w in zip(clips, weights, strict=True)]
    weight = torch.from_numpy(np.concatenate(frame_weights)).float()
    weight = weight / weight.mean()
    speech = torch.from_numpy(np.concatenate([clip.speech for clip in clips]))
    count = total(weight.sum())
    mean = total((weight[:, None] * speech).sum(dim=0)) / count
    variance = total((weight[:, None] * (speech - mean).square()).sum(dim=0)) / count
    model.speech_mean.copy_(mean)
    model.speech_std.copy_(variance.sqrt().clamp(min=1e-3))

    moved = torch.from_numpy(np.concatenate([clip.displacement for clip in clips]))
    covariance = total(moved.T @ (weight[:, None] * moved)) / count
    model.space.fit(covariance.numpy().astype(np.float64))

    size = len(model.speech_map)
    normal = torch.zeros(size, size)
    target = torch.zeros(size, model.config.space.components)
    for clip, each in zip(clips, frame_weights, strict=True):
        standard = model.standardise(torch.from_numpy(clip.speech))
        x = windows(standard[None], model.config.speech_context)[0]
        scale = torch.from_numpy(each / np.concatenate(frame_weights).mean()).float()[:, None]
        normal += x.T @ (scale * x)
        target += x.T @ (scale * model.space.encode(torch.from_numpy(clip.displacement)))
    normal, target = total(normal).double(), total(target).double()
    normal += ridge * count.double() * torch.eye(size, dtype=torch.float64)
    model.speech_map.copy_(torch.linalg.solve(normal, target).float())


@dataclass(frozen=True)
class MotionBatch:
    """Examples of one step; B windows of T frames."""

    displacement: Tensor  # (B, T, 3 M)
    rest: Tensor  # (B, 3 M)
    upper_face: Tensor  # (B, T, 3 C)
    speech: Tensor  # (B, T, F) standardised, with noise
    identity_frames: Tensor  # (B, N, 3 M) shapes of the person, any order
    other_frames: Tensor  # (B, N, 3 M) the same person again, other frames

    def to(self, device: torch.device) -> "MotionBatch":
        """The same on another device."""
        return MotionBatch(*(getattr(self, part.name).to(device) for part in fields(self)))


class MotionBatches:
    """Makes batches out of clips, with the noise that keeps voices from being learnt by heart."""

    def __init__(
        self,
        draw: Callable[[np.random.Generator], MotionClip],
        silence: NDArray[np.float32],
        config: MotionTrainingConfig,
    ) -> None:
        """Args: `draw` gives a random clip; `silence` (S, F) features of rooms without speech."""
        self._draw = draw
        self._silence = silence
        self._config = config

    def batch(self, model: SpeechToMotion, random: np.random.Generator) -> MotionBatch:
        """A batch for one step."""
        examples = [self._example(random) for _ in range(self._config.batch)]
        parts = [torch.from_numpy(np.stack(part)) for part in zip(*examples, strict=True)]
        displacement, rest, upper, speech, frames, others = parts
        standard = (speech - model.speech_mean.cpu()) / model.speech_std.cpu()
        noise = torch.from_numpy(random.standard_normal(speech.shape, dtype=np.float32))
        # One offset for the whole window: rooms, microphones and voices differ by such.
        shift = torch.from_numpy(
            random.standard_normal((len(speech), 1, speech.shape[2]), dtype=np.float32)
        )
        standard = standard + self._config.speech_noise * (noise + 0.5 * shift)
        return MotionBatch(displacement, rest, upper, standard, frames, others)

    def _example(self, random: np.random.Generator) -> tuple[NDArray[np.float32], ...]:
        config = self._config
        clip = self._draw(random)
        frames = len(clip.displacement)
        first = int(random.integers(0, max(frames - config.window, 0) + 1))
        index = np.clip(np.arange(first, first + config.window), 0, frames - 1)
        moved, speech = clip.displacement[index], clip.speech[index]
        if random.random() < config.silent:
            start = int(random.integers(0, len(self._silence) - config.window))
            speech = self._silence[start : start + config.window]
            moved = np.broadcast_to(clip.closed, moved.shape)
        shapes = clip.rest + clip.displacement
        one, other = (shapes[random.integers(0, frames, config.identity_frames)] for _ in range(2))
        upper = clip.upper_face[index]
        return (
            np.ascontiguousarray(moved),
            clip.rest,
            upper,
            speech,
            one,
            other,
        )


def motion_losses(
    model: SpeechToMotion, batch: MotionBatch, config: MotionTrainingConfig, noise: torch.Generator
) -> dict[str, Tensor]:
    """The losses of one step, already weighted; their sum is what is minimised."""
    clean = model.space.encode(batch.displacement)
    time = torch.rand(len(clean), generator=noise, device=clean.device)
    gauss = torch.randn(clean.shape, generator=noise, device=clean.device)
    tokens, source_identity = model.identity(batch.identity_frames)
    # In dubbing the noisy motion comes from the model's own guesses, hardly ever from the truth. A
    # denoiser that has seen only noisy truth trusts it more than the speech, and errors pile up.
    with torch.no_grad():
        first = torch.ones_like(time)
        guess = model(gauss, first, batch.upper_face, batch.speech, tokens)
    trust = torch.rand(len(clean), 1, 1, generator=noise, device=clean.device) ** 3
    seen = trust * clean + (1 - trust) * guess
    noisy = add_noise(seen, gauss, time, model.config.diffusion.offset)
    predicted = model(noisy, time, batch.upper_face, batch.speech, tokens)

    points = model.space.decode(predicted).unflatten(2, (-1, 3))
    truth = batch.displacement.unflatten(2, (-1, 3))
    error = points - truth
    scale = truth.std()
    upper, lower = aperture_positions(model.scheme)
    opening = error[:, :, lower, 1] - error[:, :, upper, 1]

    shapes = points.flatten(2) + batch.rest[:, None]
    # The extractor itself must not learn to call every mouth the same.
    frozen = {name: value.detach() for name, value in model.identity.named_parameters()}
    _, predicted_identity = functional_call(model.identity, frozen, (shapes,))
    _, other_identity = model.identity(batch.other_frames)
    likeness = source_identity @ other_identity.T / 0.1
    own = torch.arange(len(likeness), device=likeness.device)
    return {
        "points": F.smooth_l1_loss(points / scale, truth / scale, beta=0.5),
        "velocity": config.velocity_weight
        * F.smooth_l1_loss(points.diff(dim=1) / scale, truth.diff(dim=1) / scale, beta=0.2),
        "aperture": config.aperture_weight * (opening / scale).abs().mean() / 4,
        "identity": config.identity_weight
        * identity_loss(source_identity.detach(), predicted_identity),
        "contrast": config.contrast_weight * F.cross_entropy(likeness, own),
    }


def score_clips(model: SpeechToMotion, clips: Sequence[MotionClip]) -> dict[str, float]:
    """What chooses the weights, lip distance and aperture correlation; means over speakers.

    A quick judgement in training; the pose is taken out beforehand, so the numbers are close to
    those of the evaluation but not the same.
    """
    lips = len(model.scheme.lips)
    upper, lower = aperture_positions(model.scheme)
    by_speaker: dict[str, list[tuple[float, float]]] = {}
    for clip in clips:
        shapes = identity_shapes(clip.rest + clip.displacement)
        blocks = generate_motion(model, clip.speech, clip.upper_face, shapes, seed=0)
        moved = np.concatenate(list(blocks))
        rest = clip.rest.reshape(-1, 3)
        points = moved + rest
        truth = clip.displacement.reshape(points.shape) + rest
        distance = np.linalg.norm((points - truth)[:, :lips, :2], axis=-1).mean()
        openings = [np.abs(s[:, lower, 1] - s[:, upper, 1]).mean(axis=1) for s in (points, truth)]
        correlation = np.corrcoef(openings)[0, 1]
        by_speaker.setdefault(clip.speaker, []).append((float(distance), float(correlation)))
    means = np.mean([np.mean(scores, axis=0) for scores in by_speaker.values()], axis=0)
    lmd, correlation = float(means[0]), float(means[1])
    # Distance alone prefers lips that hardly move, correlation alone does not see how far they do.
    return {"judged_by": lmd * (2 - correlation), "lmd": lmd, "aperture_r": correlation}


class MotionObjective:
    """Stage 1 as the training loop sees it."""

    def __init__(
        self,
        size: MotionConfig,
        config: MotionTrainingConfig,
        draw: Callable[[np.random.Generator], MotionClip],
        silence: NDArray[np.float32],
        held_out: Sequence[MotionClip],
        device: torch.device,
    ) -> None:
        """Args as of `MotionBatches`; `held_out` clips judge the model while it trains."""
        self.model = SpeechToMotion(size)
        self._config = config
        self._batches = MotionBatches(draw, silence, config)
        self._held_out = held_out
        self._device = device

    def batch(self, random: np.random.Generator) -> MotionBatch:
        """The examples of one step."""
        return self._batches.batch(self.model, random).to(self._device)

    def losses(self, batch: MotionBatch, noise: torch.Generator) -> dict[str, Tensor]:
        """The losses of one step."""
        return motion_losses(self.model, batch, self._config, noise)

    def validate(self) -> dict[str, float]:
        """Figures on the held-out clips, the one that decides first."""
        return score_clips(self.model, self._held_out)
