"""The sync expert: two small encoders that put lips and sound that belong together close together.

After Chung and Zisserman, "Out of time: automated lip sync in the wild" (SyncNet, 2016), on
landmarks in place of pictures: 5 video frames against the 0.2 s of sound under them.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from mytalk_core.data.model_store import own_weights
from mytalk_core.errors import ModelError, Reason
from mytalk_core.media.output import atomic_path
from mytalk_core.sync.clip import MEL_BANDS, ROWS_PER_FRAME

_ENTRY = "sync_expert"  # of the file's metadata: configuration and origin as JSON


@dataclass(frozen=True)
class ExpertConfig:
    """Sizes of the two encoders."""

    # Lip points seen.
    points: int = 40
    # Video frames of a window; its sound is four spectrum rows to each.
    frames: int = 5
    # Width of the hidden layers.
    width: int = 64
    # Size of the embedding.
    embedding: int = 64
    # Typical lip displacement in inter-ocular units: brings the input to about unit size.
    lip_scale: float = 0.03
    # Typical deviation of the log-mel spectrum, for the same reason.
    spectrum_scale: float = 2.0
    # Share of the hidden units left out in training.
    dropout: float = 0.4


class SyncExpert(nn.Module):
    """Embeds every window of a clip; windows that belong together have a large dot product."""

    def __init__(self, config: ExpertConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.lips = nn.Sequential(
            nn.Conv1d(config.points * 2, width, 3, padding=1),
            nn.GELU(),
            nn.Conv1d(width, width, 3, padding=1),
            nn.GELU(),
            nn.Flatten(),
            nn.Dropout(config.dropout),
            nn.Linear(width * config.frames, width),
            nn.GELU(),
            nn.Linear(width, config.embedding),
        )
        self.sound = nn.Sequential(
            nn.Conv1d(MEL_BANDS, width, 5, padding=2),
            nn.GELU(),
            nn.Conv1d(width, width, 4, stride=2, padding=1),
            nn.GELU(),
            nn.Conv1d(width, width, 4, stride=2, padding=1),
            nn.GELU(),
            nn.Flatten(),
            nn.Dropout(config.dropout),
            nn.Linear(width * config.frames, width),
            nn.GELU(),
            nn.Linear(width, config.embedding),
        )
        # Sharpness of the softmax over offsets; learned, kept with the weights, unused in scores.
        self.log_temperature = nn.Parameter(torch.tensor(2.3))

    def embed_lips(self, lips: Tensor) -> Tensor:
        """(B, T, L, 2) to unit vectors of the T - 4 windows, (B, T - 4, E)."""
        flat = lips.flatten(2) / self.config.lip_scale
        windows = flat.unfold(1, self.config.frames, 1)  # (B, W, 2L, frames)
        return self._embed(self.lips, windows)

    def embed_sound(self, spectrum: Tensor) -> Tensor:
        """(B, 4T, 80) to unit vectors of the T - 4 windows, (B, T - 4, E)."""
        scaled = spectrum / self.config.spectrum_scale
        windows = scaled.unfold(1, self.config.frames * ROWS_PER_FRAME, ROWS_PER_FRAME)
        return self._embed(self.sound, windows)

    def _embed(self, encoder: nn.Module, windows: Tensor) -> Tensor:
        embedded: Tensor = encoder(windows.flatten(0, 1)).unflatten(0, windows.shape[:2])
        return F.normalize(embedded, dim=-1)


def default_weights() -> Path:
    """The weights that the project ships."""
    return own_weights() / "sync_evaluation.safetensors"


def save_expert(expert: SyncExpert, path: Path, about: dict[str, str]) -> None:
    """Write weights, configuration and `about` (what it was trained on, by what) as safetensors.

    The same expert gives the same bytes.

    Raises:
        OutputError: where the folder cannot be written.
    """
    # One entry, because safetensors writes several in an order of chance.
    metadata = {_ENTRY: json.dumps({"config": asdict(expert.config), **about}, sort_keys=True)}
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(expert.state_dict(), metadata))


def load_expert(path: Path | None = None) -> SyncExpert:
    """The expert in `path` (None: the shipped one), ready to judge.

    Raises:
        ModelError: where the file is missing or is no sync expert.
    """
    path = path or default_weights()
    if not path.is_file():
        raise ModelError(
            "there are no sync expert's weights.", reason=Reason.MODEL_MISSING, where=str(path)
        )
    try:
        with safe_open(path, "pt") as stored:
            config = json.loads(stored.metadata()[_ENTRY])["config"]
            expert = SyncExpert(ExpertConfig(**config))
            expert.load_state_dict({name: stored.get_tensor(name) for name in stored.keys()})  # noqa: SIM118
    except Exception as error:
        # safetensors, json and torch each have their own way to say the same.
        raise ModelError(
            f"these are not a sync expert's weights ({error}).",
            reason=Reason.MODEL_CORRUPT,
            where=str(path),
        ) from error
    return expert.eval()
