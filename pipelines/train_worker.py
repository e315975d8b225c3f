"""A worker of a training run on Ray Train: the loop, its checkpoints and its results."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
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
from mytalk_core.motion.model import save_model
from mytalk_core.training.checkpoints import Checkpoints
from mytalk_core.training.event_log import stored_event_log
from mytalk_core.training.loop import Hooks, Replica, train
from mytalk_core.training.state import TrainingState, Validation
from pipelines.train_progress import step_writer
from pipelines.training_job import TrainJob, events, loop_config
from pipelines.training_objective import Process, training_objective


@dataclass(frozen=True)
class TrainRun:
    """What every worker of a run is given."""

    job: TrainJob
    name: str  # as `run_name` has it
    steps_key: str  # under which the driver reads the number of steps

    @property
    def checkpoints(self) -> Checkpoints:
        """The checkpoints of the run."""
        return Checkpoints(self.job.store, self.name)


def train_worker(run: TrainRun) -> None:
    """Train as one process of the run; rank 0 also validates, and stores results and checkpoints.

    Raises:
        BadInputError, ModelError, OutputError, StorageError: this machine cannot read or write.
        DivergedError: as `train`.
    """
    job = run.job
    context = ray_train.get_context()
    rank, device = context.get_world_rank(), get_device()
    torch.manual_seed(job.seed)
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")  # TF32 where steps are not in half precision
    state = _restored(run.checkpoints, rank)
    process = Process(rank, context.get_world_size(), device, _sum_over_processes)
    objective, draws = training_objective(job, process, state)
    if rank == 0 and state.step:
        # The loop yields nothing where the restored run had ended.
        _write_results(run, objective, state)
    with ExitStack() as open_files:
        hooks = Hooks(draws=draws)
        if rank == 0:
            writer = _event_writer(run, objective, state.step, open_files)
            hooks = Hooks(step_writer(run.steps_key), draws, writer)
        config, replica = loop_config(job), Replica(rank, _wrap)
        for saved in train(objective, config, state, device, replica, hooks):
            if rank == 0:
                _write_results(run, objective, saved)
                run.checkpoints.add(saved)


def _wrap(module: nn.Module) -> nn.Module:
    """Make a module data-parallel, and compile it on GPUs."""
    wrapped: nn.Module = prepare_model(module)
    if get_device().type != "cuda":
        return wrapped
    return torch.compile(wrapped)  # type: ignore[return-value]


def _event_writer(
    run: TrainRun, objective: Any, step: int, open_files: ExitStack
) -> Callable[[Validation], None]:
    """Return a function that logs a validation to TensorBoard, with a sample of the model."""
    # Not in the processes that draw nothing: their imports take a second.
    from mytalk_core.evaluation.sample_pictures import appearance_picture, motion_picture

    job = run.job
    held_out = clip_index(job.data, "val")
    members = read_clip(held_out, spread_over_speakers(held_out, 1)[0])
    log = open_files.enter_context(stored_event_log(job.store, events(run.name), step))
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


def _restored(checkpoints: Checkpoints, rank: int) -> TrainingState:
    """Return the state of the run's last checkpoint, or a new one.

    The first process decides which one: two processes may not see the same list.
    """
    last = checkpoints.last() if rank == 0 else 0
    step = int(_sum_over_processes(torch.tensor(last)))
    return checkpoints.read(step) if step else TrainingState()


def _write_results(run: TrainRun, objective: Any, state: TrainingState) -> None:
    """Store the best weights and the history so far, for use while training continues."""
    job = run.job
    model = objective.model
    current = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(state.best or state.average)
    save = save_model if job.model == "motion" else save_renderer
    with job.store.publish(job.weights) as temporary:
        save(_shipped(model), temporary)
    model.load_state_dict(current)
    settings = asdict(job)
    settings["begun"] = settings.pop("initial")  # the key of earlier versions
    record = {
        "run": run.name,
        "job": {name: str(value) for name, value in settings.items()},
        "best_score": state.best_score,
        "history": state.history,
        "stopped_early": state.stopped,
        "seconds": state.seconds,
        "steps_per_second": state.rates,
    }
    with job.store.publish(job.record) as temporary:
        temporary.write_text(json.dumps(record, indent=1))
