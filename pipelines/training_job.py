"""What a training run is: its settings, all that follows from them, and the name they give it."""

import hashlib
import os
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path

import torch

from mytalk_core.appearance.batches import BatchConfig
from mytalk_core.appearance.losses import LossConfig
from mytalk_core.appearance.renderer import SIZES as RENDERER_SIZES
from mytalk_core.appearance.training import AppearanceTrainingConfig, JudgingModels
from mytalk_core.data.clip_buffer import BufferConfig
from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import read_clip
from mytalk_core.data.recipe import ResultKind, checksums, made_with
from mytalk_core.data.shards import decode_meta
from mytalk_core.motion.model import SIZES as MOTION_SIZES
from mytalk_core.motion.training import MotionTrainingConfig
from mytalk_core.speech.features import FEATURES
from mytalk_core.speech.voices import VoiceConfig
from mytalk_core.training.loop import LoopConfig

# Memory that a process may fill with decoded crops, were all its clips as long as they may be.
_CROP_BYTES = 4 << 30
_LONGEST_CLIP = 250  # frames
# Share of a run after which detail is judged: before, the renderer learns where things are.
_DETAIL_FROM = 0.3


@dataclass(frozen=True)
class TrainJob:
    """One training run."""

    model: str  # "motion" or "appearance"
    data: str | Path  # folder or URL that curation or preprocessing wrote
    out: Path  # folder for weights, curves and checkpoints; all machines must see it
    size: str  # "tiny", "cpu" or "gpu"; of the renderer also "gpu512"
    steps: int  # optimiser steps
    speech_encoder: Path | str  # CTranslate2 Whisper, a folder or a name in the model store
    workers: int  # processes; one GPU each where there are GPUs, else one CPU each
    seed: int = 0
    buffer: BufferConfig | None = None  # how much footage a process holds; None: as the model asks
    motion: MotionTrainingConfig = field(default_factory=MotionTrainingConfig)  # of that model
    judges: JudgingModels | None = None  # of pictures; the renderer is not trained without
    begun: Path | None = None  # weights of a renderer to go on from
    patience: int = LoopConfig.patience  # validations without a better one that end the run
    checkpoint_seconds: float = LoopConfig.checkpoint_seconds  # between checkpoints

    @property
    def weights(self) -> Path:
        """Where the trained weights go."""
        return self.out / f"{self.model}.safetensors"

    @property
    def record(self) -> Path:
        """Where the history goes, under the name of the run that it is of."""
        return self.out / f"{self.model}.history.json"

    def events(self, name: str) -> Path:
        """Where TensorBoard finds the run of this name."""
        return self.out / "tensorboard" / name

    @property
    def progress(self) -> Path:
        """Where the number of steps taken stands while the run goes on."""
        return self.out / f"{self.model}.progress.txt"


def default_workers() -> int:
    """One for each GPU of this machine, or else for each CPU that is ours; two at most."""
    return min(torch.cuda.device_count() or len(os.sched_getaffinity(0)), 2)


def loop_config(job: TrainJob) -> LoopConfig:
    """The optimiser's settings of a run."""
    common = LoopConfig(
        job.steps,
        learning_rate=5e-4,
        validate_every=max(job.steps // 20, 1),
        patience=job.patience,
        checkpoint_seconds=job.checkpoint_seconds,
        seed=job.seed,
    )
    if job.model == "motion":
        # In half precision its steps take three times as long on a CPU.
        return common
    both = ("cuda", "cpu")
    # What has been learnt already is not to be shaken.
    rate = 4e-4 if job.begun else 6e-4
    return replace(common, learning_rate=rate, weight_decay=0.01, half_precision_on=both)


def appearance_config(job: TrainJob) -> AppearanceTrainingConfig:
    """How the renderer is trained: CPUs share eight frames a step, a GPU has sixteen of its own."""
    runs = 8 if job.size.startswith("gpu") else max(4 // job.workers, 1)
    return AppearanceTrainingConfig(
        batches=BatchConfig(runs=runs),
        losses=LossConfig(detail_from=0 if job.begun else int(_DETAIL_FROM * job.steps)),
    )


def buffer_config(job: TrainJob) -> BufferConfig:
    """How much footage a process holds: decoded crops are large, so their number has a limit."""
    if job.buffer:
        return job.buffer
    if job.model == "motion":
        return BufferConfig()
    clip_bytes = _LONGEST_CLIP * crop_size(job) ** 2 * 3
    return BufferConfig(capacity=min(_CROP_BYTES // clip_bytes, BufferConfig.capacity))


def run_name(job: TrainJob) -> str:
    """A name for all that decides the weights; only a run of the same name is continued."""
    train, held_out = clip_index(job.data, "train"), clip_index(job.data, "val")
    size, recipe = (
        (MOTION_SIZES[job.size], (job.motion, VoiceConfig(), FEATURES))
        if job.model == "motion"
        else (RENDERER_SIZES[job.size], appearance_config(job))
    )
    # How often a checkpoint is written decides nothing.
    loop = replace(loop_config(job), checkpoint_seconds=0)
    models = [job.begun, job.speech_encoder]
    if job.judges:
        models += astuple(job.judges)
    weights = [checksums(path) for path in models]
    parts = (size, recipe, loop, buffer_config(job), job.workers, weights)
    settings = [str(part) for part in parts]
    identity = [str(made_with(ResultKind.TRAINING)), train.digest(), held_out.digest(), *settings]
    digest = hashlib.sha256("\n".join(identity).encode()).hexdigest()[:8]
    return f"{job.model}-{job.size}-{job.steps}-{job.seed}-{digest}"


def crop_size(job: TrainJob) -> int:
    """Side of the crops of the first clip, pixels."""
    return decode_meta(read_clip(clip_index(job.data, "train"), 0)["json"]).crop_size
