"""Throughput of the clip loader against the training steps of both models.

    python tests/benchmarks/loader_speed.py [CURATED_FOLDER]

Measured for each model in samples per second, in one process with the batch and model size of
`mytalk train` on CPUs: the loader alone (clips read, converted, replaced and drawn, with its
background threads), the loader with batches, the training step on a constant batch, and the whole
training loop. The difference between the last two is time spent waiting or sharing the processor.
The buffer is smaller than the data set, so that clips are replaced all the time. Without a folder,
clips of synthetic faces are packed first. Run it on an idle machine.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from mytalk_core.appearance.batches import RUN
from mytalk_core.appearance.clip import appearance_clip
from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.appearance.renderer import SIZES as RENDERER_SIZES
from mytalk_core.appearance.training import AppearanceClips, AppearanceObjective, JudgingModels
from mytalk_core.data.clip_buffer import ClipBuffer
from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.model_store import pull
from mytalk_core.motion.model import SIZES as MOTION_SIZES
from mytalk_core.motion.training import MotionObjective, MotionTrainingConfig, voiced_clips
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.training.loop import Hooks, LoopConfig, Replica, train
from mytalk_core.training.objective import Objective
from mytalk_core.training.state import TrainingState
from pipelines.training_job import TrainJob, appearance_config, buffer_config, loop_config
from tests.synthetic_face import write_curated

CPU = torch.device("cpu")
CAPACITY = 64  # clips in the buffer; other settings are defaults
SYNTHETIC_CLIPS = 96  # in the data set that is packed if none is given
STEPS = 24
LOADER_SECONDS = 10.0
TARGET = 3.0  # smallest ratio of the loader's throughput to the step's


@dataclass(frozen=True)
class Rates:
    """Samples per second; a sample is one example of a batch, for the renderer a frame."""

    model: str
    clips: int  # in the data set
    loader: float
    batches: float
    step: float
    training: float
    load: float  # load average of the last minute at the end


@dataclass(frozen=True)
class Subject:
    """A model with its data and training configuration."""

    clips: ClipBuffer[Any]
    objective: Objective
    batch: int  # samples in a batch
    config: LoopConfig


def subject(model: str, data: Path) -> Subject:
    """Create model, loader and loop of one process of `mytalk train`, with a small buffer."""
    job = TrainJob(model, data, data, "cpu", STEPS, data, workers=1)
    config = replace(loop_config(job), validate_every=10**9, checkpoint_seconds=1e9)
    buffer = replace(buffer_config(job), capacity=CAPACITY)
    index = clip_index(data, "train")
    if model == "motion":
        motion_config = MotionTrainingConfig()
        encoder = SpeechEncoder(pull("whisper-base"), threads=1)
        moving = ClipBuffer(index, voiced_clips(encoder, motion_config, whole=False), buffer)
        silence = np.zeros((400, 512), np.float32)
        motion = MotionObjective(
            MOTION_SIZES["cpu"], motion_config, moving.draw, silence, moving.clips[:1], CPU
        )
        return Subject(moving, motion, motion_config.batch, config)
    pictures = ClipBuffer(index, partial(appearance_clip, mask=MaskConfig()), buffer)
    drawn = appearance_config(job)
    judges = JudgingModels(pull("perceptual-vgg16"), pull("perceptual-alexnet"))
    renderer = AppearanceObjective(
        RENDERER_SIZES["cpu"],
        drawn,
        AppearanceClips(pictures.draw, pictures.clips[:1]),
        judges,
        CPU,
    )
    return Subject(pictures, renderer, drawn.batches.runs * RUN, config)


def rate(work: Callable[[], object], samples: int, seconds: float) -> float:
    """Return the samples per second of `work`, which gives `samples` per call."""
    start, done = time.monotonic(), 0
    while (spent := time.monotonic() - start) < seconds:
        work()
        done += samples
    return done / spent


def step_rate(made: Subject) -> float:
    """Return the samples per second of training steps on a constant batch."""
    batch = made.objective.batch(np.random.default_rng(0), 0)
    made.objective.batch = lambda random, step: batch  # type: ignore[method-assign]
    found = training_rate(made)
    del made.objective.batch  # restores the method
    return found


def training_rate(made: Subject) -> float:
    """Return the samples per second of the training loop, without its warm-up steps."""
    times: list[float] = []
    hooks = Hooks(progress=lambda step: times.append(time.monotonic()))
    unvalidated = Replica(rank=1)
    for _ in train(made.objective, made.config, TrainingState(), CPU, unvalidated, hooks):
        pass
    warm = STEPS // 4
    return made.batch * (len(times) - 1 - warm) / (times[-1] - times[warm])


def measure(model: str, data: Path) -> Rates:
    """Measure all rates of one model."""
    made = subject(model, data)
    random = np.random.default_rng(0)
    return Rates(
        model=model,
        clips=len(clip_index(data, "train")),
        loader=rate(lambda: made.clips.draw(random), 1, LOADER_SECONDS),
        batches=rate(lambda: made.objective.batch(random, 0), made.batch, LOADER_SECONDS),
        step=step_rate(made),
        training=training_rate(made),
        load=os.getloadavg()[0],
    )


def table(found: Sequence[Rates]) -> Table:
    """Return a table of the rates, with one column per model."""
    title = f"samples/s, {os.cpu_count()} CPUs, buffer of {CAPACITY} clips"
    result = Table(title=f"{title}, torch on {torch.get_num_threads()} threads")
    result.add_column("")
    for rates in found:
        result.add_column(f"{rates.model}, {rates.clips} clips", justify="right")

    def row(name: str, figure: Callable[[Rates], str]) -> None:
        result.add_row(name, *map(figure, found))

    row("loader alone", lambda r: f"{r.loader:.0f}")
    row("loader and batches", lambda r: f"{r.batches:.1f}")
    row("training step alone", lambda r: f"{r.step:.1f}")
    row("training, loader and all", lambda r: f"{r.training:.1f}")
    row(f"loader / step (target: {TARGET:.0f})", lambda r: f"{r.loader / r.step:.1f}")
    row("loader and batches / step", lambda r: f"{r.batches / r.step:.1f}")
    row("training / step alone", lambda r: f"{r.training / r.step:.2f}")
    row("load of the machine", lambda r: f"{r.load:.1f}")
    return result


def main(folder: str | None) -> int:
    """Measure both models and print the table; return 1 if the loader misses the target."""
    torch.set_num_threads(1)  # a worker of `mytalk train` has one processor
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(folder) if folder else Path(scratch) / "curated"
        if not folder:
            write_curated(
                data, {"train": ["ann", "bo", "cy"]}, clips=SYNTHETIC_CLIPS // 3, size=192
            )
        found = [measure(model, data) for model in ("motion", "appearance")]
    Console(width=100).print(table(found))
    return int(any(rates.loader < TARGET * rates.step for rates in found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else None))
