"""Curated shards to the weights of one sync expert, in this process, in a minute or two."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mytalk_core
from mytalk_core.data.clip_index import ClipIndex, clip_index
from mytalk_core.data.clip_reader import iter_clips
from mytalk_core.data.shards import decode_sample
from mytalk_core.media.output import make_folder
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.sync.accuracy import within_tolerance
from mytalk_core.sync.clip import sync_clip
from mytalk_core.sync.expert import SyncExpert, save_expert
from mytalk_core.sync.expert_file import Purpose
from mytalk_core.sync.recipes import RECIPES
from mytalk_core.sync.score import embedded
from mytalk_core.sync.training import train_expert
from mytalk_core.sync.voiced import voiced_clip

_SEGMENT_FRAMES = 25  # of the segments on which accuracy is measured


@dataclass(frozen=True)
class SyncTrainJob:
    """One training run."""

    purpose: Purpose
    data: str | Path  # folder or URL of curated shards, with its index
    out: Path  # folder for the weights
    speech_encoder: Path  # folder of a CTranslate2 Whisper, for voice augmentation

    @property
    def weights(self) -> Path:
        """Path of the trained weights."""
        return self.out / f"sync_{self.purpose}.safetensors"


def run_sync_training(job: SyncTrainJob, progress: Callable[[int, int], None]) -> float:
    """Train an expert and write its weights.

    Args:
        progress: called with the clips read plus steps taken, and their total.

    Returns:
        Share of one-second segments of the split `val`, 0..1, that it places within one frame among
        31 offsets.

    Raises:
        BadInputError: where `job.data` holds no clips of the splits `train` and `val`, or none of
            them is long enough.
        OutputError: where `job.out` cannot be written.
    """
    recipe = RECIPES[job.purpose]
    index, held_out = clip_index(job.data, "train"), clip_index(job.data, "val")
    make_folder(job.out)
    total = len(index) + recipe.training.steps
    encoder = SpeechEncoder(job.speech_encoder)
    clips = []
    for members in iter_clips(index):
        sample = decode_sample(members)
        clips.append(voiced_clip(sample, recipe.expert, recipe.training.voices, encoder))
        progress(len(clips), total)
    expert = train_expert(
        clips,
        recipe.expert,
        recipe.training,
        lambda step, loss: progress(len(index) + step + 1, total),
    )
    about = {
        "made_by": f"mytalk {mytalk_core.__version__}",
        "clips": str(len(clips)),
        "speakers": " ".join(sorted({clip.speaker for clip in clips})),
        "data": index.digest(),
    }
    save_expert(expert, job.purpose, job.weights, about)
    return _accuracy(expert, held_out)


def _accuracy(expert: SyncExpert, index: ClipIndex) -> float:
    """Return the mean over clips of at least one second; 0 without any."""
    windows = _SEGMENT_FRAMES - expert.config.frames + 1
    shares = []
    for members in iter_clips(index):
        clip = sync_clip(decode_sample(members), expert.config)
        if len(clip.lips) >= _SEGMENT_FRAMES:
            lips, sound = embedded(clip.lips, clip.sounds[0], expert)
            shares.append(float(within_tolerance(lips, sound, windows, late=0).mean()))
    return sum(shares) / max(len(shares), 1)
