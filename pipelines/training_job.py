"""A training run: its settings, what follows from them, and the name that identifies it."""

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
from mytalk_core.data.storage import Store, open_store
from mytalk_core.motion.model import SIZES as MOTION_SIZES
from mytalk_core.motion.training import MotionTrainingConfig
from mytalk_core.speech.features import FEATURES
from mytalk_core.speech.voices import VoiceConfig
from mytalk_core.training.loop import LoopConfig

# Memory of a process for decoded crops, if all clips had the maximum length.
_CROP_BYTES = 4 << 30
_LONGEST_CLIP = 250  # frames
# Share of a run after which the detail losses apply; before, the renderer learns the layout.
_DETAIL_FROM = 0.3


@dataclass(frozen=True)
class TrainJob:
    """One training run."""

    model: str  # "motion" or "appearance"
    data: str | Path  # folder or URL that curation or preprocessing wrote
    out: str | Path  # folder or URL for weights, curves and checkpoints; seen by all machines
    size: str  # "tiny", "cpu" or "gpu"; of the renderer also "gpu512"
    steps: int  # optimiser steps
    speech_encoder: Path | str  # CTranslate2 Whisper, a folder or a name in the model store
    workers: int  # processes; one GPU each where there are GPUs, else one CPU each
    seed: int = 0
    buffer: BufferConfig | None = None  # clips that a process holds; None: by model
    motion: MotionTrainingConfig = field(default_factory=MotionTrainingConfig)
    judges: JudgingModels | None = None  # perceptual networks; required by the renderer
    initial: Path | None = None  # initial weights of a renderer
    speech: Path | None = None  # sounds with words, from which the motion model learns closure
    patience: int = LoopConfig.patience  # validations without improvement that end the run
    checkpoint_seconds: float = LoopConfig.checkpoint_seconds  # between checkpoints

    @property
    def store(self) -> Store:
        """Where the results are stored."""
        return open_store(self.out)

    @property
    def weights(self) -> str:
        """Name of the trained weights in the store."""
        return f"{self.model}.safetensors"

    @property
    def record(self) -> str:
        """Name of the JSON record with the history in the store."""
        return f"{self.model}.history.json"


def events(run: str) -> str:
    """Return the name of the folder with the TensorBoard events of a run in its store."""
    return f"tensorboard/{run}"


def default_workers() -> int:
    """Return one per GPU of this machine, else one per CPU of this process; at most two."""
    return min(torch.cuda.device_count() or len(os.sched_getaffinity(0)), 2)


def loop_config(job: TrainJob) -> LoopConfig:
    """Return the optimiser's settings."""
    common = LoopConfig(
        job.steps,
        learning_rate=5e-4,
        validate_every=max(job.steps // 20, 1),
        patience=job.patience,
        checkpoint_seconds=job.checkpoint_seconds,
        seed=job.seed,
    )
    if job.model == "motion":
        # bfloat16 takes three times as long a step on a CPU.
        return common
    both = ("cuda", "cpu")
    # A lower rate preserves the initial weights.
    rate = 4e-4 if job.initial else 6e-4
    return replace(common, learning_rate=rate, weight_decay=0.01, half_precision_on=both)


def appearance_config(job: TrainJob) -> AppearanceTrainingConfig:
    """Return the renderer's batches and losses: CPUs share 8 frames a step, a GPU takes 16."""
    runs = 8 if job.size.startswith("gpu") else max(4 // job.workers, 1)
    return AppearanceTrainingConfig(
        batches=BatchConfig(runs=runs),
        losses=LossConfig(detail_from=0 if job.initial else int(_DETAIL_FROM * job.steps)),
    )


def buffer_config(job: TrainJob) -> BufferConfig:
    """Return how many clips a process holds; decoded crops are limited by memory."""
    if job.buffer:
        return job.buffer
    if job.model == "motion":
        return BufferConfig()
    clip_bytes = _LONGEST_CLIP * crop_size(job) ** 2 * 3
    return BufferConfig(capacity=min(_CROP_BYTES // clip_bytes, BufferConfig.capacity))


def run_name(job: TrainJob) -> str:
    """Return a name with a digest of all that decides the weights.

    Only a run of the same name is continued.
    """
    train, held_out = clip_index(job.data, "train"), clip_index(job.data, "val")
    size, recipe = (
        (MOTION_SIZES[job.size], (job.motion, VoiceConfig(), FEATURES))
        if job.model == "motion"
        else (RENDERER_SIZES[job.size], appearance_config(job))
    )
    # The interval of checkpoints does not change the weights.
    loop = replace(loop_config(job), checkpoint_seconds=0)
    models = [job.initial, job.speech_encoder]
    if job.judges:
        models += astuple(job.judges)
    weights = [checksums(path) for path in models]
    parts = (size, recipe, loop, buffer_config(job), job.workers, weights, checksums(job.speech))
    settings = [str(part) for part in parts]
    identity = [str(made_with(ResultKind.TRAINING)), train.digest(), held_out.digest(), *settings]
    digest = hashlib.sha256("\n".join(identity).encode()).hexdigest()[:8]
    return f"{job.model}-{job.size}-{job.steps}-{job.seed}-{digest}"


def crop_size(job: TrainJob) -> int:
    """Return the side of the first clip's crops, in pixels."""
    return decode_meta(read_clip(clip_index(job.data, "train"), 0)["json"]).crop_size
