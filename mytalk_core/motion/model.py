"""The model of stage 1, speech to motion, and its file format."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from mytalk_core.errors import ModelError, Reason
from mytalk_core.faces.landmark_scheme import SCHEMES
from mytalk_core.motion.denoiser import Denoiser, DenoiserConfig
from mytalk_core.motion.identity import IdentityConfig, IdentityExtractor
from mytalk_core.motion.motion_space import MotionSpace, MotionSpaceConfig
from mytalk_core.motion.sampler import DiffusionConfig
from mytalk_core.speech.features import FEATURE_SIZE, FEATURES
from mytalk_core.training.weights_file import read_weights, write_weights

_ENTRY = "motion_config"
_UNNAMED_FEATURES = "whisper-base-2+6"  # of weights that do not name their features


@dataclass(frozen=True)
class MotionConfig:
    """Configuration of the speech-to-motion model."""

    # Name of the landmark scheme.
    scheme: str = "mesh478"
    # Name of the speech features.
    features: str = FEATURES
    # Frames (25 Hz) of speech on either side in the windows of the linear estimate.
    speech_context: int = 3
    # Frames of the mean training voice that are added to an utterance for the mean of its voice.
    voice_prior: float = 15.0
    # Share of the shut mouth in the estimate where its probability is 1.
    closure_share: float = 0.9
    space: MotionSpaceConfig = field(default_factory=MotionSpaceConfig)
    denoiser: DenoiserConfig = field(default_factory=DenoiserConfig)
    identity: IdentityConfig = field(default_factory=IdentityConfig)
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)

    @staticmethod
    def from_dict(fields: dict[str, object]) -> "MotionConfig":
        """Invert `dataclasses.asdict`."""
        parts: dict[str, object] = {"features": _UNNAMED_FEATURES} | fields
        for name, kind in (
            ("space", MotionSpaceConfig),
            ("denoiser", DenoiserConfig),
            ("identity", IdentityConfig),
            ("diffusion", DiffusionConfig),
        ):
            parts[name] = kind(**parts[name])  # type: ignore[arg-type]
        return MotionConfig(**parts)  # type: ignore[arg-type]


SIZES = {
    # For tests: seconds on one core.
    "tiny": MotionConfig(
        space=MotionSpaceConfig(components=8),
        denoiser=DenoiserConfig(width=32, layers=1, heads=2),
        identity=IdentityConfig(hidden=32),
    ),
    # For two CPU cores and minutes of footage.
    "cpu": MotionConfig(),
    # For GPUs and hundreds of hours.
    "gpu": MotionConfig(
        space=MotionSpaceConfig(components=48),
        denoiser=DenoiserConfig(width=512, layers=10, heads=8, dropout=0.1, speech_rank=256),
        identity=IdentityConfig(tokens=16, hidden=512, vector=256),
    ),
}


@dataclass(frozen=True)
class Conditions:
    """The inputs on which motion is conditioned; B sequences of T frames."""

    upper_face: Tensor  # (B, T, 3 C) clean points
    speech: Tensor  # (B, T, 512) standardised features
    voice: Tensor  # (B, 512) their mean over the utterance, from `SpeechToMotion.voice`
    identity: Tensor  # (B, N, width) tokens
    closed: Tensor  # (B, K) components of the person's shut mouth


class SpeechToMotion(nn.Module):
    """Predict the motion of lips and jaw from speech features and the face at rest, at 25 Hz.

    Motion is the displacement from the mean of the person's moving points, in face-aligned
    inter-ocular units, flattened to (.., 3 M) for M moving points.
    """

    speech_mean: Tensor
    speech_std: Tensor
    speech_map: Tensor
    closure_map: Tensor
    closure_offset: Tensor

    def __init__(self, config: MotionConfig) -> None:
        super().__init__()
        scheme = SCHEMES[config.scheme]
        self.config = config
        self.scheme = scheme
        coordinates = 3 * len(scheme.moving)
        components = config.space.components
        window = (2 * config.speech_context + 1) * FEATURE_SIZE
        self.space = MotionSpace(coordinates, config.space)
        self.denoiser = Denoiser(
            components, 3 * len(scheme.pose_context), FEATURE_SIZE, config.denoiser
        )
        self.identity = IdentityExtractor(coordinates, config.denoiser.width, config.identity)
        self.register_buffer("speech_mean", torch.zeros(FEATURE_SIZE))
        self.register_buffer("speech_std", torch.ones(FEATURE_SIZE))
        # Ridge regression from a window of speech, less its voice, to components, fitted in closed
        # form.
        self.register_buffer("speech_map", torch.zeros(window, components))
        # Logistic regression from a window of speech to a shut mouth, fitted in closed form.
        self.register_buffer("closure_map", torch.zeros(window))
        self.register_buffer("closure_offset", torch.tensor(-20.0))

    def standardise(self, speech: Tensor) -> Tensor:
        """Scale features (.., 512) to zero mean and unit deviation over the training speech."""
        return (speech - self.speech_mean) / self.speech_std

    def voice(self, speech: Tensor) -> Tensor:
        """Return the mean (B, 512) of an utterance's standardised speech (B, T, 512).

        It is what the features say of the speaker, the microphone and the room. Frames count by the
        probability that the mouth is open, so that silence around the utterance has no effect. The
        shorter the utterance, the nearer the mean is to zero, the mean of the training speech.
        """
        weight = 1 - self.shut_probability(speech)
        total = weight.sum(dim=1, keepdim=True) + self.config.voice_prior
        voice: Tensor = (weight[:, None] @ speech)[:, 0] / total
        return voice

    def shut_probability(self, speech: Tensor) -> Tensor:
        """Return the probability (B, T) of a shut mouth, from standardised speech (B, T, 512)."""
        padded = edge_padded(speech, self.config.speech_context)
        return torch.sigmoid(windows_times(padded, self.closure_map) + self.closure_offset)

    def reading(self, speech: Tensor, voice: Tensor) -> tuple[Tensor, Tensor]:
        """Apply both regressions to standardised speech (B, T, 512) with its voice (B, 512).

        Returns:
            components of motion (B, T, K), and the share of the shut mouth (B, T), its probability
            times `closure_share`.
        """
        windowed = windows(speech - voice[:, None], self.config.speech_context)
        return windowed @ self.speech_map, self.config.closure_share * self.shut_probability(speech)

    def estimate(self, speech: Tensor, voice: Tensor, closed: Tensor) -> Tensor:
        """Return the linear estimate of motion (B, T, K) from standardised speech (B, T, 512).

        The regression to the mean hardly ever shuts the mouth, so the shut mouth is blended in.

        Args:
            voice: (B, 512) from `voice`.
            closed: (B, K) components of the person's shut mouth.
        """
        moving, shut = self.reading(speech, voice)
        return moving + shut[..., None] * (closed[:, None] - moving)

    def forward(self, noisy: Tensor, time: Tensor, conditions: Conditions) -> Tensor:
        """Predict clean components (B, T, K) from noisy ones at diffusion time (B,), 0..1."""
        result: Tensor = self.denoiser(
            noisy,
            time,
            conditions.upper_face,
            conditions.speech - conditions.voice[:, None],
            self.estimate(conditions.speech, conditions.voice, conditions.closed),
            conditions.identity,
        )
        return result


def windows(speech: Tensor, context: int) -> Tensor:
    """Stack frames (B, T, F) with `context` neighbours per side: (B, T, (2 context + 1) F)."""
    return edge_padded(speech, context).unfold(1, 2 * context + 1, 1).transpose(2, 3).flatten(2)


def edge_padded(speech: Tensor, context: int) -> Tensor:
    """Repeat the first and last of the frames (B, T, F): (B, T + 2 context, F)."""
    before, after = (end.expand(-1, context, -1) for end in (speech[:, :1], speech[:, -1:]))
    return torch.cat([before, speech, after], dim=1)


def windows_times(padded: Tensor, weights: Tensor) -> Tensor:
    """Return `windows` @ weights, (B, T), without building windows.

    Args:
        padded: (B, T + 2 context, F) from `edge_padded`.
        weights: ((2 context + 1) F,).
    """
    by_place = padded @ weights.unflatten(0, (-1, padded.shape[2])).T
    width = by_place.shape[2]
    frames = padded.shape[1] - width + 1
    return torch.stack([by_place[:, at : at + frames, at] for at in range(width)]).sum(dim=0)


def save_model(model: SpeechToMotion, path: Path) -> None:
    """Write weights and configuration as safetensors."""
    write_weights(path, model, _ENTRY, asdict(model.config))


def load_model(path: Path) -> SpeechToMotion:
    """Read a file of `save_model`.

    Raises:
        ModelError: the file is missing, is no speech-to-motion model, or is one for other speech
            features.
    """
    model = read_weights(
        path,
        _ENTRY,
        lambda fields: SpeechToMotion(MotionConfig.from_dict(fields)),
        "a speech-to-motion model",
        "Give a motion.safetensors that `mytalk train motion` wrote.",
    )
    if model.config.features != FEATURES:
        raise ModelError(
            f"this model reads speech features {model.config.features}, and this version makes"
            f" {FEATURES}.",
            reason=Reason.BAD_CONFIGURATION,
            where=str(path),
            remedy="Preprocess the footage again and train with this version.",
        )
    return model
