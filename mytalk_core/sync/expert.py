"""The audio-visual sync expert: two encoders with a joint embedding of lips and sound.

After Chung and Zisserman, "Out of time: automated lip sync in the wild" (SyncNet, 2016). Lips are
landmarks or mouth pictures, sound is a log-mel spectrum or speech features.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mytalk_core.speech.features import FEATURE_SIZE
from mytalk_core.sync.clip import (
    GREY_SCALE,
    LIP_POINTS,
    LIP_SCALE,
    MEL_BANDS,
    MOUTH_SIZE,
    SPECTRUM_SCALE,
    sound_rows,
)
from mytalk_core.sync.expert_file import (
    ExpertConfig,
    ExpertFile,
    LipInput,
    Purpose,
    SoundInput,
    read_expert_file,
    write_expert_file,
)

_CHANNELS = 16  # of the first layer on pictures
_PICTURE_DROPOUT = 0.2  # of the features of a picture


class SyncExpert(nn.Module):
    """Embed every window of a clip; matching windows have a large dot product.

    A clip of T frames has W = T - `config.frames` + 1 windows.
    """

    # (512,) over the training clips; only for experts on speech features.
    speech_mean: Tensor
    speech_std: Tensor

    def __init__(self, config: ExpertConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        if config.lips is LipInput.PIXELS:
            self.picture = _picture_encoder(width)
        channels = width if config.lips is LipInput.PIXELS else LIP_POINTS * 2
        self.lips = nn.Sequential(
            nn.Conv1d(channels, width, 3, padding=1),
            nn.GELU(),
            nn.Conv1d(width, width, 3, padding=1),
            nn.GELU(),
            *_window_head(config),
        )
        if config.sound is SoundInput.SPEECH:
            self.register_buffer("speech_mean", torch.zeros(FEATURE_SIZE))
            self.register_buffer("speech_std", torch.ones(FEATURE_SIZE))
            layers: list[nn.Module] = [
                nn.Conv1d(FEATURE_SIZE, width, 1),
                nn.GELU(),
                nn.Conv1d(width, width, 3, padding=1),
                nn.GELU(),
            ]
        else:
            layers = [
                nn.Conv1d(MEL_BANDS, width, 5, padding=2),
                nn.GELU(),
                nn.Conv1d(width, width, 4, stride=2, padding=1),
                nn.GELU(),
                nn.Conv1d(width, width, 4, stride=2, padding=1),
                nn.GELU(),
            ]
        self.sound = nn.Sequential(*layers, *_window_head(config))
        # Sharpness of the softmax over offsets; learned, and stored for the sync loss.
        self.log_temperature = nn.Parameter(torch.tensor(2.3))

    def fit_speech(self, features: Tensor) -> None:
        """Set mean and deviation from the speech features (N, 512) of the training clips."""
        self.speech_mean.copy_(features.mean(dim=0))
        self.speech_std.copy_(features.std(dim=0))

    def embed_lips(self, lips: Tensor) -> Tensor:
        """Embed lips as unit vectors of their windows, (B, W, E).

        Args:
            lips: (B, T, 40, 2) from `lip_motion`, or (B, T, 48, 48) from `mouth_motion`.
        """
        if self.config.lips is LipInput.PIXELS:
            pictures = (lips / GREY_SCALE).flatten(0, 1)[:, None]
            flat = self.picture(pictures).unflatten(0, lips.shape[:2])
        else:
            flat = lips.flatten(2) / LIP_SCALE
        return self._embed(self.lips, flat.unfold(1, self.config.frames, 1))

    def embed_sound(self, sound: Tensor) -> Tensor:
        """Embed sound as unit vectors of its windows, (B, W, E).

        Args:
            sound: (B, 4T, 80) from `log_mel`, or speech features (B, T, 512) at 25 Hz.
        """
        if self.config.sound is SoundInput.SPEECH:
            scaled = (sound - self.speech_mean) / self.speech_std
        else:
            scaled = sound / SPECTRUM_SCALE
        rows = sound_rows(self.config.sound)
        return self._embed(self.sound, scaled.unfold(1, self.config.frames * rows, rows))

    def _embed(self, encoder: nn.Module, windows: Tensor) -> Tensor:
        embedded: Tensor = encoder(windows.flatten(0, 1)).unflatten(0, windows.shape[:2])
        return F.normalize(embedded, dim=-1)


def _window_head(config: ExpertConfig) -> list[nn.Module]:
    """Return the layers from (B, width, frames) to (B, E)."""
    return [
        nn.Flatten(),
        nn.Dropout(config.dropout),
        nn.Linear(config.width * config.frames, config.width),
        nn.GELU(),
        nn.Linear(config.width, config.embedding),
    ]


def _picture_encoder(width: int) -> nn.Sequential:
    """Return the encoder of a mouth picture, (B, 1, 48, 48) to (B, width)."""
    side = MOUTH_SIZE // 8
    return nn.Sequential(
        nn.Conv2d(1, _CHANNELS, 5, stride=2, padding=2),
        nn.GELU(),
        nn.Conv2d(_CHANNELS, 2 * _CHANNELS, 3, stride=2, padding=1),
        nn.GELU(),
        nn.Conv2d(2 * _CHANNELS, 2 * _CHANNELS, 3, stride=2, padding=1),
        nn.GELU(),
        nn.Flatten(),
        nn.Dropout(_PICTURE_DROPOUT),
        nn.Linear(2 * _CHANNELS * side * side, width),
    )


def save_expert(expert: SyncExpert, purpose: Purpose, path: Path, about: Mapping[str, str]) -> None:
    """Write an expert for one purpose, with `about`, the provenance of its training.

    Raises:
        OutputError: the folder cannot be written.
    """
    weights = {name: tensor.numpy() for name, tensor in expert.state_dict().items()}
    write_expert_file(path, ExpertFile(purpose, expert.config, weights), about)


def load_expert(purpose: Purpose, path: Path | None = None) -> SyncExpert:
    """Load the expert in `path` (None: the shipped one of this purpose) in evaluation mode.

    Raises:
        ModelError: as `read_expert_file`.
    """
    stored = read_expert_file(purpose, path)
    expert = SyncExpert(stored.config)
    expert.load_state_dict({name: torch.from_numpy(each) for name, each in stored.weights.items()})
    return expert.eval()
