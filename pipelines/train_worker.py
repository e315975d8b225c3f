"""A worker of a training run on Ray Train: the loop, its checkpoints and its results."""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from ray import train as ray_train
from ray.train.torch import get_device, prepare_model
from torch import Tensor, nn

from mytalk_core.appearance.checkpoint import save_renderer
from mytalk_core.appearance.training import RendererInTraining
from mytalk_core.data.clip_choice import spread_over_speakers
from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import Members, read_clip
from mytalk_core.evaluation.sample_pictures import appearance_picture, motion_picture
from mytalk_core.media.output import atomic_path, temporary_root, work_folder
from mytalk_core.motion.model import save_model
from mytalk_core.training.event_log import EventLog
from mytalk_core.training.loop import Hooks, Replica, train
from mytalk_core.training.state import TrainingState, Validation
from pipelines.training_job import TrainJob, loop_config, run_name
from pipelines.training_objective import Process, training_objective

_STATE = "state.pt"
_PROGRESS_SECONDS = 1.0


def train_worker(settings: dict[str, TrainJob]) -> None:
    """Train as one process of the run; rank 0 also validates and writes the results."""
    job = settings["job"]
    context = ray_train.get_context()
    rank, device = context.get_world_rank(), get_device()
    torch.manual_seed(job.seed)
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")  # TF32 where steps are not in half precision
    state = _restored()
    process = Process(rank, context.get_world_size(), device, _sum_over_processes)
    objective, draws = training_objective(job, process, state)
    if rank == 0 and state.step:
        # The loop yields nothing where the restored run had ended.
        _write_results(job, objective, state)
    with ExitStack() as open_files:
        hooks = Hooks(draws=draws)
        if rank == 0:
            writer = _event_writer(job, objective, state.step, open_files)
            hooks = Hooks(_progress_writer(job), draws, writer)
        config, replica = loop_config(job), Replica(rank, _wrap)
        for saved in train(objective, config, state, device, replica, hooks):
            if rank == 0:
                _write_results(job, objective, saved)
            _report(saved, rank)


def _wrap(module: nn.Module) -> nn.Module:
    """Make a module data-parallel, and compile it on GPUs."""
    wrapped: nn.Module = prepare_model(module)
    if get_device().type != "cuda":
        return wrapped
    return torch.compile(wrapped)  # type: ignore[return-value]


def _progress_writer(job: TrainJob) -> Callable[[int], None]:
    """Return a function that writes the number of steps to a file, for the driver to read."""
    written_at = 0.0

    def write(step: int) -> None:
        nonlocal written_at
        if time.monotonic() - written_at > _PROGRESS_SECONDS:
            job.progress.write_text(str(step))
            written_at = time.monotonic()

    return write


def _event_writer(
    job: TrainJob, objective: Any, step: int, open_files: ExitStack
) -> Callable[[Validation], None]:
    """Return a function that logs a validation to TensorBoard, with a sample of the model."""
    held_out = clip_index(job.data, "val")
    members = read_clip(held_out, spread_over_speakers(held_out, 1)[0])
    log = open_files.enter_context(EventLog(job.events(run_name(job)), step))
    picture: Callable[[Any, Members], NDArray[np.uint8]]
    picture = motion_picture if job.model == "motion" else appearance_picture
    return lambda found: log.add(found, picture(_shipped(objective.model), members))


def _shipped(model: nn.Module) -> Any:
    """Return the part of a trained model that is written: without the discriminator."""
    return model.renderer if isinstance(model, RendererInTraining) else model


def _sum_over_processes(tensor: Tensor) -> Tensor:
    moved = tensor.to(get_device())
    if torch.distributed.is_initialized():
        torch.distributed.all_reduce(moved)
    return moved.cpu()


def _restored() -> TrainingState:
    """Return the state of the run's last checkpoint, or a new one. It is read without pickle."""
    checkpoint = ray_train.get_checkpoint()
    if checkpoint is None:
        return TrainingState()
    with checkpoint.as_directory() as folder:
        fields: dict[str, Any] = torch.load(
            Path(folder) / _STATE, weights_only=True, map_location="cpu"
        )
    return TrainingState(**fields)


def _report(state: TrainingState, rank: int) -> None:
    """Report a checkpoint to Ray Train, which stores it; every process takes part."""
    metrics = {"step": state.step, "best_score": state.best_score}
    with work_folder(temporary_root() / "checkpoint") as folder:
        if rank == 0:
            torch.save(vars(state), folder / _STATE)
            ray_train.report(metrics, checkpoint=ray_train.Checkpoint.from_directory(folder))
        else:
            ray_train.report(metrics)


def _write_results(job: TrainJob, objective: Any, state: TrainingState) -> None:
    """Write the best weights and the history so far, for use while training continues."""
    model = objective.model
    current = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(state.best or state.average)
    save = save_model if job.model == "motion" else save_renderer
    with atomic_path(job.weights) as temporary:
        save(_shipped(model), temporary)
    model.load_state_dict(current)
    settings = asdict(job)
    settings["begun"] = settings.pop("initial")  # the key of earlier versions
    record = {
        "run": run_name(job),
        "job": {name: str(value) for name, value in settings.items()},
        "best_score": state.best_score,
        "history": state.history,
        "stopped_early": state.stopped,
        "seconds": state.seconds,
        "steps_per_second": state.rates,
    }
    with atomic_path(job.record) as temporary:
        temporary.write_text(json.dumps(record, indent=1))
