"""Training of stage 1: batches, losses and validation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call

from mytalk_core.faces.shape import aperture_positions
from mytalk_core.motion.clip import MotionClip, VoicedClips
from mytalk_core.motion.closed_forms import ReadingConfig
from mytalk_core.motion.guidance import without_speech
from mytalk_core.motion.identity import identity_loss
from mytalk_core.motion.known_face import known_face
from mytalk_core.motion.loss_weighting import LossWeighting, loss_weight
from mytalk_core.motion.model import Conditions, MotionConfig, SpeechToMotion
from mytalk_core.motion.noise_schedule import add_noise
from mytalk_core.motion.sampling import generate_motion
from mytalk_core.motion.stream import utterance_voice
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.speech.voices import VoiceConfig
from mytalk_core.sync.expert import SyncExpert, load_expert
from mytalk_core.sync.expert_file import Purpose
from mytalk_core.sync.loss import sync_losses


@dataclass(frozen=True)
class MotionTrainingConfig:
    """Batches and losses of the speech-to-motion model."""

    # Clips per step and process.
    batch: int = 8
    # Frames of a training window.
    window: int = 64
    # Share of examples with silence or a non-speech sound, whose target is a shut mouth.
    silent: float = 0.08
    # Share of examples without speech input, the unconditional part of classifier-free guidance.
    unheard: float = 0.1
    # Loss weight over diffusion time.
    weighting: LossWeighting = "uniform"
    # Altered voices of each clip, where a process holds all of its clips in memory.
    voices: int = 3
    # Share of clips with one altered voice where clips are streamed: computing a voice takes
    # longer than the steps for which a clip stays in memory.
    voiced_share: float = 0.125
    # Standard deviation of noise on standardised speech features.
    speech_noise: float = 0.6
    # Weights of the losses relative to that of the points.
    velocity_weight: float = 1.0
    aperture_weight: float = 1.0
    closure_weight: float = 0.1
    sync_weight: float = 0.02
    identity_weight: float = 0.05
    contrast_weight: float = 0.05
    # Frames given to the identity extractor.
    identity_frames: int = 16
    # The linear regressions on speech.
    reading: ReadingConfig = field(default_factory=ReadingConfig)


def voiced_clips(encoder: SpeechEncoder, config: MotionTrainingConfig, whole: bool) -> VoicedClips:
    """Return the function that builds clips from samples; `whole`: all clips stay in memory."""
    if whole:
        return VoicedClips(encoder, config.voices, 1.0, VoiceConfig())
    return VoicedClips(encoder, 1, config.voiced_share, VoiceConfig())


@dataclass(frozen=True)
class MotionBatch:
    """The examples of one step, B windows of T frames."""

    displacement: Tensor  # (B, T, 3 M)
    rest: Tensor  # (B, 3 M)
    closed: Tensor  # (B, 3 M) displacement of the shut mouth
    shut: Tensor  # (B, T) 1 where the mouth is shut, else 0
    upper_face: Tensor  # (B, T, 3 C)
    speech: Tensor  # (B, T, F) standardised, with noise
    voice: Tensor  # (B, F) voice of the whole clip
    recorded: Tensor  # (B, T, F) features as recorded
    has_speech: Tensor  # (B,) 1 where `speech` is speech, 0 where it is another sound or removed
    identity_frames: Tensor  # (B, N, 3 M) shapes of the person, any order
    other_frames: Tensor  # (B, N, 3 M) shapes of the same person in other frames

    def to(self, device: torch.device) -> "MotionBatch":
        """Copy the batch to a device."""
        return MotionBatch(*(getattr(self, part.name).to(device) for part in fields(self)))


class MotionBatches:
    """Draw batches from clips and add noise to speech as regularisation."""

    def __init__(
        self,
        draw: Callable[[np.random.Generator], MotionClip],
        quiet: NDArray[np.float32],
        config: MotionTrainingConfig,
    ) -> None:
        """Set `draw`, which returns a random clip, and `quiet`, (S, F) non-speech features."""
        self._draw = draw
        self._quiet = quiet
        self._config = config

    def batch(self, model: SpeechToMotion, random: np.random.Generator) -> MotionBatch:
        """Return the batch of one step."""
        examples = [self._example(model, random) for _ in range(self._config.batch)]
        parts = [torch.from_numpy(np.stack(part)) for part in zip(*examples, strict=True)]
        displacement, rest, closed, shut, upper, speech, voice, has_speech, frames, others = parts
        standard = (speech - model.speech_mean.cpu()) / model.speech_std.cpu()
        noise = torch.from_numpy(random.standard_normal(speech.shape, dtype=np.float32))
        # One offset per window, as between rooms, microphones and voices.
        shift = torch.from_numpy(
            random.standard_normal((len(speech), 1, speech.shape[2]), dtype=np.float32)
        )
        standard = standard + self._config.speech_noise * (noise + 0.5 * shift)
        removed = torch.from_numpy(random.random(len(speech)) < self._config.unheard)
        standard[removed] = without_speech(standard[removed])
        voice[removed] = without_speech(voice[removed])
        return MotionBatch(
            displacement=displacement,
            rest=rest,
            closed=closed,
            shut=shut,
            upper_face=upper,
            speech=standard,
            voice=voice,
            recorded=speech,
            has_speech=has_speech * ~removed,
            identity_frames=frames,
            other_frames=others,
        )

    def _example(
        self, model: SpeechToMotion, random: np.random.Generator
    ) -> tuple[NDArray[np.float32], ...]:
        config = self._config
        clip = self._draw(random)
        frames = len(clip.displacement)
        first = int(random.integers(0, max(frames - config.window, 0) + 1))
        index = np.clip(np.arange(first, first + config.window), 0, frames - 1)
        spoken = clip.speech[random.integers(len(clip.speech))]
        moved, speech = clip.displacement[index], spoken[index].astype(np.float32)
        shut = clip.shut[index].astype(np.float32)
        has_speech = np.ones((), np.float32)
        if random.random() < config.silent:
            start = int(random.integers(0, len(self._quiet) - config.window))
            speech = self._quiet[start : start + config.window]
            moved = np.broadcast_to(clip.closed, moved.shape)
            shut = np.ones_like(shut)
            has_speech = np.zeros((), np.float32)
        shapes = clip.rest + clip.displacement
        one, other = (shapes[random.integers(0, frames, config.identity_frames)] for _ in range(2))
        upper = clip.upper_face[index]
        return (
            np.ascontiguousarray(moved),
            clip.rest,
            clip.closed,
            shut,
            upper,
            speech,
            utterance_voice(model, spoken),
            has_speech,
            one,
            other,
        )


def motion_losses(
    model: SpeechToMotion,
    expert: SyncExpert,
    batch: MotionBatch,
    config: MotionTrainingConfig,
    noise: torch.Generator,
) -> dict[str, Tensor]:
    """Return the weighted losses of one step by name; their sum is minimised.

    Args:
        expert: the training copy, frozen.
    """
    predicted = _predict(model, batch, noise)
    points, truth = predicted.points, batch.displacement.unflatten(2, (-1, 3))
    scale = truth.std()
    upper, lower = aperture_positions(model.scheme)
    error = points - truth
    opening = (error[:, :, lower, 1] - error[:, :, upper, 1]) / scale
    # Only lips that are too far apart to touch are visible as an error.
    parted = opening.clamp(min=0) * batch.shut[..., None]
    weight = loss_weight(predicted.time, config.weighting, model.config.diffusion.offset)

    def weighted(loss: Tensor) -> Tensor:
        return (weight * loss.flatten(1).mean(dim=1)).mean()

    identity, contrast = _identity_losses(model, batch, predicted)
    lips = points[:, :, : len(model.scheme.lips), :2]
    point_errors = F.smooth_l1_loss(points / scale, truth / scale, beta=0.5, reduction="none")
    velocity_errors = F.smooth_l1_loss(
        points.diff(dim=1) / scale, truth.diff(dim=1) / scale, beta=0.2, reduction="none"
    )
    # A sum over the batch, so that a batch without speech costs nothing.
    sync = (sync_losses(expert, lips, batch.recorded) * batch.has_speech).sum() / len(lips)
    return {
        "points": weighted(point_errors),
        "velocity": config.velocity_weight * weighted(velocity_errors),
        "aperture": config.aperture_weight * weighted(opening.abs()) / 4,
        "closure": config.closure_weight * weighted(parted),
        "sync": config.sync_weight * sync,
        "identity": config.identity_weight * identity,
        "contrast": config.contrast_weight * contrast,
    }


@dataclass(frozen=True)
class _Prediction:
    """The prediction of one step."""

    points: Tensor  # (B, T, M, 3) displacements
    time: Tensor  # (B,) diffusion time
    identity: Tensor  # (B, D) vector of the conditioning frames


def _predict(model: SpeechToMotion, batch: MotionBatch, noise: torch.Generator) -> _Prediction:
    """Predict clean motion from noisy motion at a random diffusion time."""
    clean = model.space.encode(batch.displacement)
    time = torch.rand(len(clean), generator=noise, device=clean.device)
    gauss = torch.randn(clean.shape, generator=noise, device=clean.device)
    closed = model.space.encode(batch.closed)
    tokens, identity = model.identity(batch.identity_frames)
    conditions = Conditions(batch.upper_face, batch.speech, batch.voice, tokens, closed)
    # In sampling, noisy motion derives from predictions, hardly ever from the truth. A denoiser
    # trained on noisy truth alone trusts it more than speech, and errors accumulate.
    with torch.no_grad():
        guess = model(gauss, torch.ones_like(time), conditions)
    trust = torch.rand(len(clean), 1, 1, generator=noise, device=clean.device) ** 3
    start = trust * clean + (1 - trust) * guess
    noisy = add_noise(start, gauss, time, model.config.diffusion.offset)
    predicted = model(noisy, time, conditions)
    # Half precision is too coarse for differences between frames.
    with torch.autocast(predicted.device.type, enabled=False):
        points = model.space.decode(predicted.float()).unflatten(2, (-1, 3))
    return _Prediction(points, time, identity)


def _identity_losses(
    model: SpeechToMotion, batch: MotionBatch, predicted: _Prediction
) -> tuple[Tensor, Tensor]:
    """Return the loss of the predicted identity, and the contrastive loss of the extractor."""
    shapes = predicted.points.flatten(2) + batch.rest[:, None]
    # Frozen here: the extractor could lower this loss by mapping all mouths to one vector.
    frozen = {name: value.detach() for name, value in model.identity.named_parameters()}
    _, found = functional_call(model.identity, frozen, (shapes,))
    _, other = model.identity(batch.other_frames)
    similarity = predicted.identity @ other.T / 0.1
    own = torch.arange(len(similarity), device=similarity.device)
    identity = identity_loss(predicted.identity.detach(), found)
    return identity, F.cross_entropy(similarity, own)


def score_clips(model: SpeechToMotion, clips: Sequence[MotionClip]) -> dict[str, float]:
    """Compute the metrics that select weights, as means over speakers.

    Cross metrics: each clip is dubbed with the speech of the same speaker's next clip, the last
    with the first, and compared with the lips of that clip, as in `evaluation.cases.cross_cases`.
    A clip of unknown speaker, or the only one of a speaker, is dubbed with its own speech. The
    pose is removed, so values are close to those of the evaluation but not equal.

    Returns:
        `judged_by`, cross_lmd * (2 - cross_r), which selects; `cross_lmd` in inter-ocular units;
        `cross_r`, correlation of the mouth openings; `lmd` and `aperture_r`, the same of each clip
        with its own speech.
    """
    by_speaker: dict[str, list[MotionClip]] = {}
    for number, clip in enumerate(clips):
        by_speaker.setdefault(clip.speaker or f"unknown {number}", []).append(clip)
    scores = []
    for own in by_speaker.values():
        cross = [_lip_scores(model, *pair) for pair in zip(own, own[1:] + own[:1], strict=True)]
        same = [_lip_scores(model, clip, clip) for clip in own] if len(own) > 1 else cross
        scores.append(np.concatenate([np.mean(cross, axis=0), np.mean(same, axis=0)]))
    cross_lmd, cross_r, lmd, correlation = np.mean(scores, axis=0).tolist()
    # Distance alone favours lips that hardly move; correlation alone ignores how far they move.
    return {
        "judged_by": cross_lmd * (2 - cross_r),
        "cross_lmd": cross_lmd,
        "cross_r": cross_r,
        "lmd": lmd,
        "aperture_r": correlation,
    }


def _lip_scores(
    model: SpeechToMotion, source: MotionClip, target: MotionClip
) -> tuple[float, float]:
    """Return lip distance and opening correlation of `source` dubbed with `target`'s speech."""
    lips = len(model.scheme.lips)
    upper, lower = aperture_positions(model.scheme)
    frames = min(len(source.displacement), len(target.displacement))
    blocks = generate_motion(
        model,
        target.speech[0][:frames],
        source.upper_face[:frames],
        known_face(source.rest + source.displacement, source.closed),
        seed=0,
    )
    points = np.concatenate(list(blocks)) + source.rest.reshape(-1, 3)
    truth = (target.displacement + target.rest)[:frames].reshape(points.shape)
    distance = np.linalg.norm((points - truth)[:, :lips, :2], axis=-1).mean()
    openings = [np.abs(s[:, lower, 1] - s[:, upper, 1]).mean(axis=1) for s in (points, truth)]
    # The correlation with a constant is undefined; count it as 0.
    moves = all(np.ptp(opening) > 0 for opening in openings)
    return float(distance), float(np.corrcoef(openings)[0, 1]) if moves else 0.0


class MotionObjective:
    """The objective of stage 1 for the training loop."""

    def __init__(
        self,
        size: MotionConfig,
        config: MotionTrainingConfig,
        draw: Callable[[np.random.Generator], MotionClip],
        quiet: NDArray[np.float32],
        held_out: Sequence[MotionClip],
        device: torch.device,
    ) -> None:
        """Set up `MotionBatches` of `draw` and `quiet`; validate on the `held_out` clips."""
        self.model = SpeechToMotion(size)
        self._config = config
        self._expert = load_expert(Purpose.TRAINING).to(device).requires_grad_(False)
        self._batches = MotionBatches(draw, quiet, config)
        self._held_out = held_out
        self._device = device

    def batch(self, random: np.random.Generator, step: int) -> MotionBatch:
        """Return the examples of one step."""
        return self._batches.batch(self.model, random).to(self._device)

    def losses(self, batch: MotionBatch, noise: torch.Generator) -> dict[str, Tensor]:
        """Return the losses of one step."""
        return motion_losses(self.model, self._expert, batch, self._config, noise)

    def validate(self) -> dict[str, float]:
        """Return `score_clips` of the held-out clips."""
        return score_clips(self.model, self._held_out)
