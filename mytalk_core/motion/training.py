"""What stage 1 learns: the closed-form fits, batches, the losses of a step."""

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
from mytalk_core.motion.guidance import unheard
from mytalk_core.motion.identity import identity_loss
from mytalk_core.motion.known_face import known_face
from mytalk_core.motion.loss_weighting import LossWeighting, loss_weight
from mytalk_core.motion.model import MotionConfig, SpeechToMotion
from mytalk_core.motion.noise_schedule import add_noise
from mytalk_core.motion.sampling import generate_motion
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.speech.voices import VoiceConfig
from mytalk_core.sync.expert import SyncExpert, load_expert
from mytalk_core.sync.expert_file import Purpose
from mytalk_core.sync.loss import sync_losses


@dataclass(frozen=True)
class MotionTrainingConfig:
    """How the speech-to-motion model is trained."""

    # Clips per step and process.
    batch: int = 8
    # Frames of a training window.
    window: int = 64
    # Share of examples that hear silence or a sound that nobody speaks, and must show a shut mouth.
    silent: float = 0.08
    # Share of examples that hear nothing at all, so that the model also knows motion without
    # speech, from which guidance leads away.
    unheard: float = 0.1
    # How much errors count at each diffusion time.
    weighting: LossWeighting = "uniform"
    # Other voices in which each clip is heard, where a process holds all of its clips.
    voices: int = 3
    # Share of clips that are heard in one other voice, where clips come and go: making a voice
    # takes longer than the steps for which a clip stays.
    voiced_share: float = 0.125
    # Standard deviation of noise on standardised speech features.
    speech_noise: float = 0.6
    # Weights of the losses beside that of the points.
    velocity_weight: float = 1.0
    aperture_weight: float = 1.0
    closure_weight: float = 0.1
    sync_weight: float = 0.02
    identity_weight: float = 0.05
    contrast_weight: float = 0.05
    # Frames that the identity extractor looks at.
    identity_frames: int = 16
    # The linear readings of speech on which the layers build.
    reading: ReadingConfig = field(default_factory=ReadingConfig)


def voiced_clips(encoder: SpeechEncoder, config: MotionTrainingConfig, whole: bool) -> VoicedClips:
    """What makes clips out of samples; `whole`: they are made once and held."""
    if whole:
        return VoicedClips(encoder, config.voices, 1.0, VoiceConfig())
    return VoicedClips(encoder, 1, config.voiced_share, VoiceConfig())


@dataclass(frozen=True)
class MotionBatch:
    """Examples of one step; B windows of T frames."""

    displacement: Tensor  # (B, T, 3 M)
    rest: Tensor  # (B, 3 M)
    closed: Tensor  # (B, 3 M) displacement of the shut mouth
    shut: Tensor  # (B, T) 1 where the mouth is shut, else 0
    upper_face: Tensor  # (B, T, 3 C)
    speech: Tensor  # (B, T, F) standardised, with noise
    said: Tensor  # (B, T, F) features as recorded
    spoken: Tensor  # (B,) 1 where somebody is heard to speak them, else 0
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
        quiet: NDArray[np.float32],
        config: MotionTrainingConfig,
    ) -> None:
        """Args: `draw` gives a random clip; `quiet` (S, F) features of sound that nobody speaks."""
        self._draw = draw
        self._quiet = quiet
        self._config = config

    def batch(self, model: SpeechToMotion, random: np.random.Generator) -> MotionBatch:
        """A batch for one step."""
        examples = [self._example(random) for _ in range(self._config.batch)]
        parts = [torch.from_numpy(np.stack(part)) for part in zip(*examples, strict=True)]
        displacement, rest, closed, shut, upper, speech, spoken, frames, others = parts
        standard = (speech - model.speech_mean.cpu()) / model.speech_std.cpu()
        noise = torch.from_numpy(random.standard_normal(speech.shape, dtype=np.float32))
        # One offset for the whole window: rooms, microphones and voices differ by such.
        shift = torch.from_numpy(
            random.standard_normal((len(speech), 1, speech.shape[2]), dtype=np.float32)
        )
        standard = standard + self._config.speech_noise * (noise + 0.5 * shift)
        deaf = torch.from_numpy(random.random(len(speech)) < self._config.unheard)
        standard[deaf] = unheard(standard[deaf])
        spoken = spoken * ~deaf
        return MotionBatch(
            displacement, rest, closed, shut, upper, standard, speech, spoken, frames, others
        )

    def _example(self, random: np.random.Generator) -> tuple[NDArray[np.float32], ...]:
        config = self._config
        clip = self._draw(random)
        frames = len(clip.displacement)
        first = int(random.integers(0, max(frames - config.window, 0) + 1))
        index = np.clip(np.arange(first, first + config.window), 0, frames - 1)
        heard = clip.speech[random.integers(len(clip.speech))]
        moved, speech = clip.displacement[index], heard[index].astype(np.float32)
        shut = clip.shut[index].astype(np.float32)
        spoken = np.ones((), np.float32)
        if random.random() < config.silent:
            start = int(random.integers(0, len(self._quiet) - config.window))
            speech = self._quiet[start : start + config.window]
            moved = np.broadcast_to(clip.closed, moved.shape)
            shut = np.ones_like(shut)
            spoken = np.zeros((), np.float32)
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
            spoken,
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
    """The losses of one step, already weighted; their sum is what is minimised.

    Args:
        expert: the training copy, which does not learn.
    """
    clean = model.space.encode(batch.displacement)
    time = torch.rand(len(clean), generator=noise, device=clean.device)
    gauss = torch.randn(clean.shape, generator=noise, device=clean.device)
    closed = model.space.encode(batch.closed)
    tokens, source_identity = model.identity(batch.identity_frames)
    # In dubbing the noisy motion comes from the model's own guesses, hardly ever from the truth. A
    # denoiser that has seen only noisy truth trusts it more than the speech, and errors pile up.
    with torch.no_grad():
        first = torch.ones_like(time)
        guess = model(gauss, first, batch.upper_face, batch.speech, tokens, closed)
    trust = torch.rand(len(clean), 1, 1, generator=noise, device=clean.device) ** 3
    seen = trust * clean + (1 - trust) * guess
    noisy = add_noise(seen, gauss, time, model.config.diffusion.offset)
    predicted = model(noisy, time, batch.upper_face, batch.speech, tokens, closed)

    # Differences from frame to frame are lost in half precision.
    with torch.autocast(predicted.device.type, enabled=False):
        points = model.space.decode(predicted.float()).unflatten(2, (-1, 3))
    truth = batch.displacement.unflatten(2, (-1, 3))
    error = points - truth
    scale = truth.std()
    upper, lower = aperture_positions(model.scheme)
    opening = (error[:, :, lower, 1] - error[:, :, upper, 1]) / scale
    # Lips that should touch and do not are seen; a little further open or less is not.
    parted = opening.clamp(min=0) * batch.shut[..., None]
    weight = loss_weight(time, config.weighting, model.config.diffusion.offset)

    def weighted(loss: Tensor) -> Tensor:
        return (weight * loss.flatten(1).mean(dim=1)).mean()

    shapes = points.flatten(2) + batch.rest[:, None]
    # The extractor itself must not learn to call every mouth the same.
    frozen = {name: value.detach() for name, value in model.identity.named_parameters()}
    _, predicted_identity = functional_call(model.identity, frozen, (shapes,))
    _, other_identity = model.identity(batch.other_frames)
    likeness = source_identity @ other_identity.T / 0.1
    own = torch.arange(len(likeness), device=likeness.device)
    lips = points[:, :, : len(model.scheme.lips), :2]
    return {
        "points": weighted(
            F.smooth_l1_loss(points / scale, truth / scale, beta=0.5, reduction="none")
        ),
        "velocity": config.velocity_weight
        * weighted(
            F.smooth_l1_loss(
                points.diff(dim=1) / scale, truth.diff(dim=1) / scale, beta=0.2, reduction="none"
            )
        ),
        "aperture": config.aperture_weight * weighted(opening.abs()) / 4,
        "closure": config.closure_weight * weighted(parted),
        # Added up, so that a batch in which nobody speaks costs nothing.
        "sync": config.sync_weight
        * (sync_losses(expert, lips, batch.said) * batch.spoken).sum()
        / len(lips),
        "identity": config.identity_weight
        * identity_loss(source_identity.detach(), predicted_identity),
        "contrast": config.contrast_weight * F.cross_entropy(likeness, own),
    }


def score_clips(model: SpeechToMotion, clips: Sequence[MotionClip]) -> dict[str, float]:
    """What chooses the weights: lips by other speech than the clip's own; means over speakers.

    Cross: each clip is dubbed with the speech of the same speaker's next one, the last with the
    first, and compared with the lips of that one, as `evaluation.cases.cross_cases` has it. Where
    a speaker has a single clip, or nobody knows who speaks, its own speech has to do.

    A quick judgement in training; the pose is taken out beforehand, so the numbers are close to
    those of the evaluation but not the same.

    Returns:
        `judged_by`, cross_lmd * (2 - cross_r), which decides; `cross_lmd` in inter-ocular units and
        `cross_r`, correlation of the openings; `lmd` and `aperture_r`, the same of each clip with
        its own speech.
    """
    by_speaker: dict[str, list[MotionClip]] = {}
    for number, clip in enumerate(clips):
        by_speaker.setdefault(clip.speaker or f"nobody knows {number}", []).append(clip)
    scores = []
    for own in by_speaker.values():
        cross = [_lip_scores(model, *pair) for pair in zip(own, own[1:] + own[:1], strict=True)]
        same = [_lip_scores(model, clip, clip) for clip in own] if len(own) > 1 else cross
        scores.append(np.concatenate([np.mean(cross, axis=0), np.mean(same, axis=0)]))
    cross_lmd, cross_r, lmd, correlation = np.mean(scores, axis=0).tolist()
    # Distance alone prefers lips that hardly move, correlation alone does not see how far they do.
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
    """Lip distance and correlation of the openings of `source` dubbed with `target`'s speech."""
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
    # A mouth that never moves follows nothing.
    moves = all(np.ptp(opening) > 0 for opening in openings)
    return float(distance), float(np.corrcoef(openings)[0, 1]) if moves else 0.0


class MotionObjective:
    """Stage 1 as the training loop sees it."""

    def __init__(
        self,
        size: MotionConfig,
        config: MotionTrainingConfig,
        draw: Callable[[np.random.Generator], MotionClip],
        quiet: NDArray[np.float32],
        held_out: Sequence[MotionClip],
        device: torch.device,
    ) -> None:
        """Args as of `MotionBatches`; `held_out` clips judge the model while it trains."""
        self.model = SpeechToMotion(size)
        self._config = config
        self._expert = load_expert(Purpose.TRAINING).to(device).requires_grad_(False)
        self._batches = MotionBatches(draw, quiet, config)
        self._held_out = held_out
        self._device = device

    def batch(self, random: np.random.Generator, step: int) -> MotionBatch:
        """The examples of one step."""
        return self._batches.batch(self.model, random).to(self._device)

    def losses(self, batch: MotionBatch, noise: torch.Generator) -> dict[str, Tensor]:
        """The losses of one step."""
        return motion_losses(self.model, self._expert, batch, self._config, noise)

    def validate(self) -> dict[str, float]:
        """Figures on the held-out clips, the one that decides first."""
        return score_clips(self.model, self._held_out)
