"""Scaling of training with a second worker and with the size of the model.

    python tests/benchmarks/training_scaling.py CURATED [REPEATS]

Workers are processes of one thread with gloo between them, as in `mytalk train` but without Ray.
The work of a step is constant: two workers take half of its examples each. Sizes are measured in
one process of one thread. Both are measured in turn, REPEATS times; prints medians and the load of
the machine. torch counts the arithmetic operations of a step (matrix products and convolutions,
forward and backward, including critic and perceptual networks). The projection multiplies these
counts; the speed of other machines is a variable in it. Prints Markdown.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from rich.console import Console
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.flop_counter import FlopCounterMode

from mytalk_core.appearance.batches import RUN, BatchConfig
from mytalk_core.appearance.clip import appearance_clip
from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.appearance.renderer import SIZES as RENDERER_SIZES
from mytalk_core.appearance.training import (
    AppearanceClips,
    AppearanceObjective,
    AppearanceTrainingConfig,
    JudgingModels,
)
from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import read_clip
from mytalk_core.data.model_store import pull
from mytalk_core.media.clock import MOTION_FPS
from mytalk_core.motion.clip import motion_clip
from mytalk_core.motion.denoiser import DenoiserConfig
from mytalk_core.motion.model import SIZES as MOTION_SIZES
from mytalk_core.motion.model import MotionConfig
from mytalk_core.motion.training import MotionObjective, MotionTrainingConfig
from mytalk_core.training.loop import Hooks, LoopConfig, Replica, train
from mytalk_core.training.state import TrainingState

CPU = torch.device("cpu")
CLIPS = 16
EXAMPLES = 8  # per step over all workers; for the renderer, frames
STEPS = {"tiny": 16, "cpu": 12, "mid": 4, "gpu": 2}
WARM = 2  # first steps, not measured
HOURS = 1000
MOTION_MODELS: dict[str, MotionConfig] = {
    "tiny": MOTION_SIZES["tiny"],
    "cpu": MOTION_SIZES["cpu"],
    "mid": MotionConfig(denoiser=DenoiserConfig(width=256, layers=6, heads=8, speech_rank=128)),
    "gpu": MOTION_SIZES["gpu"],
}


@dataclass(frozen=True)
class Subject:
    """A model to train."""

    model: str  # "motion" or "appearance"
    size: str

    @property
    def name(self) -> str:
        return f"{self.model}, {self.size}"


def objective(subject: Subject, data: Path, examples: int) -> Any:
    """Return the objective with batches of `examples` from a few clips in memory."""
    torch.manual_seed(0)
    index = clip_index(data, "train")
    if subject.model == "motion":
        moving = [motion_clip(read_clip(index, number)) for number in range(CLIPS)]
        config = MotionTrainingConfig(batch=examples)
        made = MotionObjective(
            MOTION_MODELS[subject.size],
            config,
            lambda random: moving[random.integers(CLIPS)],
            np.zeros((400, 512), np.float32),
            moving[:1],
            CPU,
        )
        made.model.space.basis.normal_(std=0.1)  # any values; closed forms are not timed
        return made
    convert = partial(appearance_clip, mask=MaskConfig())
    drawn = [convert(read_clip(index, number)) for number in range(4)]
    return AppearanceObjective(
        RENDERER_SIZES[subject.size],
        AppearanceTrainingConfig(batches=BatchConfig(runs=examples // RUN)),
        AppearanceClips(lambda random: drawn[random.integers(len(drawn))], drawn[:1]),
        JudgingModels(pull("perceptual-vgg16"), pull("perceptual-alexnet")),
        CPU,
    )


def step_rate(subject: Subject, data: Path, world: int, rank: int) -> float:
    """Return the steps per second of the training loop in this process."""
    made = objective(subject, data, EXAMPLES // world)
    steps = STEPS[subject.size] + WARM
    both = ("cpu",) if subject.model == "appearance" else ()
    config = LoopConfig(
        steps, 1e-4, validate_every=10**9, checkpoint_seconds=1e9, half_precision_on=both
    )
    made.validate = lambda: {"none": 0.0}
    times: list[float] = []
    wrap = DistributedDataParallel if world > 1 else lambda module: module
    hooks = Hooks(progress=lambda step: times.append(time.monotonic()))
    for _ in train(made, config, TrainingState(), CPU, Replica(rank, wrap), hooks):
        pass
    return (len(times) - WARM) / (times[-1] - times[WARM - 1])


def _worker(rank: int, subject: Subject, data: Path, world: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world
    )
    rate = step_rate(subject, data, world, rank)
    if rank == 0:
        Path(folder, "rate").write_text(str(rate))
    dist.destroy_process_group()


def workers_rate(subject: Subject, data: Path, world: int) -> float:
    """Return the steps per second of `world` processes."""
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(_worker, (subject, data, world, folder), nprocs=world)
        return float(Path(folder, "rate").read_text())


def counted(subject: Subject, data: Path) -> tuple[int, float]:
    """Return parameters, and operations per example (multiply-add counts as two)."""
    examples = 2  # for the renderer, a run of two frames
    made = objective(subject, data, examples)
    batch = made.batch(np.random.default_rng(0), 0)
    with FlopCounterMode(display=False) as counter:
        losses = made.losses(batch, torch.Generator().manual_seed(0))
        torch.stack(list(losses.values())).sum().backward()
    parameters = sum(weight.numel() for weight in trained(made.model))
    return parameters, counter.get_total_flops() / examples


def trained(model: nn.Module) -> Iterator[nn.Parameter]:
    return (weight for weight in model.parameters() if weight.requires_grad)


def main(data: Path, repeats: int) -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    say = Console(soft_wrap=True, highlight=False, markup=False).print
    pairs = [Subject("motion", "cpu"), Subject("appearance", "cpu")]
    sizes = [Subject("motion", size) for size in MOTION_MODELS] + [
        Subject("appearance", size) for size in ("tiny", "cpu")
    ]
    by_workers: dict[tuple[Subject, int], list[float]] = defaultdict(list)
    by_size: dict[Subject, list[float]] = defaultdict(list)
    loads = []
    for _ in range(repeats):
        for subject in pairs:
            for world in (1, 2):
                by_workers[subject, world].append(workers_rate(subject, data, world))
        for subject in sizes:
            by_size[subject].append(step_rate(subject, data, 1, 1))
        loads.append(os.getloadavg()[0])

    say(f"{os.cpu_count()} CPUs, load {min(loads):.1f} to {max(loads):.1f}, medians of")
    say(f"{repeats}, {EXAMPLES} examples per step; in brackets the slowest and the fastest.\n")
    headings = "steps/s, 1 worker | steps/s, 2 workers | examples/s | ratio | gradients per step"
    say(f"| model | {headings} |")
    say("| --- | ---: | ---: | ---: | ---: | ---: |")
    counts = {subject: counted(subject, data) for subject in sizes}
    for subject in pairs:
        one, two = (by_workers[subject, world] for world in (1, 2))
        ratios = [b / a for a, b in zip(one, two, strict=True)]
        mean = statistics.median
        examples = f"{EXAMPLES * mean(one):.1f}, {EXAMPLES * mean(two):.1f}"
        gradients = f"{4 * counts[subject][0] / 1e6:.1f} MB"
        cells = [subject.name, spread(one), spread(two), examples, spread(ratios), gradients]
        say(f"| {' | '.join(cells)} |")

    say("\n| model | parameters | GFLOP per example | steps/s | GFLOP/s |")
    say("| --- | ---: | ---: | ---: | ---: |")
    for subject in sizes:
        parameters, operations = counts[subject]
        reached = operations * EXAMPLES * statistics.median(by_size[subject]) / 1e9
        gigas = f"{operations / 1e9:.3f}"
        cells = [subject.name, f"{parameters:,}", gigas, spread(by_size[subject]), f"{reached:.1f}"]
        say(f"| {' | '.join(cells)} |")
    say("")
    for subject in (Subject("motion", "gpu"), Subject("appearance", "cpu")):
        project(subject, *counts[subject], statistics.median(by_size[subject]), say)


def project(subject: Subject, parameters: int, operations: float, rate: float, say: Any) -> None:
    """Print the arithmetic of one pass over many hours, with the speed of a GPU as a variable."""
    frames = HOURS * 3600 * float(MOTION_FPS)
    window = MotionTrainingConfig().window
    per_example = window if subject.model == "motion" else 5  # one frame in five is drawn
    examples = frames / per_example
    total = examples * operations
    here = operations * EXAMPLES * rate
    unit = f"windows of {window} frames" if subject.model == "motion" else "frames, one in five"
    say(
        f"{subject.name}: {HOURS} h are {frames:.2e} frames, {examples:.2e} {unit}; one pass takes"
        f" {examples:.2e} x {operations:.2e} = {total:.2e} FLOP. At the measured"
        f" {here / 1e9:.1f} GFLOP/s of one thread: {total / here / 86400:.1f} days. On N GPUs with"
        f" F FLOP/s each: {total:.2e} / (N x F) seconds, if the ring all-reduce of gradients,"
        f" 2 (N - 1) / N x {4 * parameters / 1e6:.1f} MB per GPU and step, takes less time than the"
        f" backward pass of a batch of B: B x {operations:.2e} x 2/3 / F.\n"
    )


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} [{min(values):.2f}, {max(values):.2f}]"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3)
