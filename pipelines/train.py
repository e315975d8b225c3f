"""Shards to model weights, on Ray Train: two CPU workers or many GPUs, the same code."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from ray import train as ray_train
from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer
from ray.train.v2.api.exceptions import WorkerGroupError
from torch import Tensor, nn

from mytalk_core.appearance.checkpoint import load_renderer, save_renderer
from mytalk_core.appearance.clip import appearance_clip
from mytalk_core.appearance.conditioning import MaskConfig
from mytalk_core.appearance.renderer import SIZES as RENDERER_SIZES
from mytalk_core.appearance.training import (
    AppearanceClips,
    AppearanceObjective,
    RendererInTraining,
)
from mytalk_core.data.clip_buffer import ClipBuffer
from mytalk_core.data.clip_choice import spread_over_speakers
from mytalk_core.data.clip_index import ClipIndex, clip_index
from mytalk_core.data.clip_order import ClipShare
from mytalk_core.data.clip_reader import Members, read_clip
from mytalk_core.data.model_store import located
from mytalk_core.data.run_lock import LOCK_FILE, run_lock
from mytalk_core.data.storage import open_store
from mytalk_core.errors import BadInputError, ModelError, MytalkError, Reason
from mytalk_core.evaluation.sample_pictures import appearance_picture, motion_picture
from mytalk_core.media.output import atomic_path, make_folder, temporary_root, work_folder
from mytalk_core.motion.clip import motion_clip
from mytalk_core.motion.closed_forms import fit_closed_form
from mytalk_core.motion.model import SIZES as MOTION_SIZES
from mytalk_core.motion.model import save_model
from mytalk_core.motion.silence import quiet_features
from mytalk_core.motion.training import (
    MotionObjective,
    voiced_clips,
)
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.training.event_log import EventLog
from mytalk_core.training.loop import Hooks, Replica, train
from mytalk_core.training.objective import Objective
from mytalk_core.training.state import TrainingState, Validation
from pipelines.cluster import connected, machines
from pipelines.resources import Resources, available
from pipelines.training_job import (
    TrainJob,
    appearance_config,
    buffer_config,
    crop_size,
    loop_config,
    run_name,
)

# The driver and Ray's controller reserve no CPU, so two workers run on two CPUs.
TRAINER = Resources(cpus=1.0, gpus=1.0)

_STATE = "state.pt"
# Held-out clips that judge the model while it trains.
_VALIDATION_CLIPS = 32


@dataclass(frozen=True)
class TrainResult:
    """What came out of a run."""

    weights: Path
    best_score: float  # of the validation that chose the weights
    history: list[dict[str, float]]  # one entry per validation
    stopped_early: bool = False  # nothing got better for as many validations as patience says
    seconds: float = 0.0  # that its steps and validations took
    steps_per_second: tuple[float, ...] = ()  # before each validation


class TrainingFailedError(MytalkError):
    """A training worker failed more often than a retry can mend."""


def run_training(
    job: TrainJob,
    progress: Callable[[int, int], None],
    say: Callable[[str], None] = lambda text: None,
    address: str = "",
) -> TrainResult:
    """Train on a Ray cluster, or on this machine.

    The same job continues from its last checkpoint; one that is done returns what is there.

    Args:
        progress: told (steps taken, steps in all) about once a second.
        say: called with a sentence that people should read.
        address: of a Ray cluster, as `connected` takes it.

    Raises:
        BadInputError: where `job.data` holds no clips, or crops out of which no window of whole
            pixels can be cut, or there are more workers than places for them, or another run
            trains the same model there.
        ModelError: where a machine that trains lacks a model and cannot get it.
        ClusterError: where the cluster cannot be reached.
        OutputError: where `job.out` cannot be made.
        TrainingFailedError: where the workers fail.
    """
    initial = job.initial.resolve() if job.initial else None
    job = replace(job, data=_from_anywhere(job.data), out=job.out.resolve(), initial=initial)
    name = run_name(job)
    if job.model == "appearance":
        _check_crops(job)
    if done := _finished(job, name):
        return done
    make_folder(job.out)
    lock = run_lock(open_store(job.out), say, f"{job.model}.{LOCK_FILE}")
    with lock, connected(address):
        _fit(job, name, progress)
    return _result(job, json.loads(job.record.read_text()))


def _fit(job: TrainJob, name: str, progress: Callable[[int, int], None]) -> None:
    """Have Ray's workers train."""
    gpus = _places(job)
    trainer = TorchTrainer(
        _train_worker,
        train_loop_config={"job": job},
        torch_config=TorchConfig(backend="nccl" if gpus else "gloo"),
        scaling_config=ScalingConfig(
            num_workers=job.workers,
            use_gpu=gpus,
            resources_per_worker={"CPU": TRAINER.cpus} | ({"GPU": TRAINER.gpus} if gpus else {}),
        ),
        run_config=RunConfig(
            name=name,
            storage_path=str(job.out / "checkpoints"),
            checkpoint_config=CheckpointConfig(num_to_keep=2),
            failure_config=FailureConfig(max_failures=2),
        ),
    )
    try:
        with _Watching(job, progress):
            trainer.fit()
    except Exception as error:
        if lacking := _model_error(error):
            raise lacking from error
        raise TrainingFailedError(
            f"training stopped: {_cause(error)}",
            reason=Reason.INTERNAL,
            where=str(job.out),
            remedy="The same command goes on from the last checkpoint.",
        ) from error


def _model_error(error: Exception) -> ModelError | None:
    """That a machine lacks a model, where this is what workers failed of."""
    failures = error.worker_failures.values() if isinstance(error, WorkerGroupError) else ()
    raised = (getattr(failure, "_base_exc", failure) for failure in failures)
    return next((each for each in raised if isinstance(each, ModelError)), None)


def _places(job: TrainJob) -> bool:
    """Return whether workers have GPUs.

    Raises:
        BadInputError: where the cluster lacks room for all workers, as Ray would wait forever.
    """
    found = list(machines().values())
    needs = available(TRAINER, found)
    room = sum(machine.room(needs) for machine in found)
    kind = "GPU" if needs.gpus else "CPU"
    if job.workers > room:
        raise BadInputError(
            f"{job.workers} workers need a {kind} each, and Ray has {room}.",
            reason=Reason.BAD_CONFIGURATION,
            where="--workers",
            remedy="Ask for fewer, or start Ray on more machines first.",
        )
    return kind == "GPU"


def _from_anywhere(data: str | Path) -> str | Path:
    """A path that workers in other folders understand; a URL is one."""
    return data if "://" in str(data) else Path(data).resolve()


def _finished(job: TrainJob, name: str) -> TrainResult | None:
    """What the run of this name left, where it came to its end."""
    if not (job.record.exists() and job.weights.exists()):
        return None
    record = json.loads(job.record.read_text())
    if record["run"] != name:  # before all else: another version's record has other fields
        return None
    history = record["history"]  # none where it was killed before its first validation
    ended = record["stopped_early"] or (history and history[-1]["step"] == job.steps)
    return _result(job, record) if ended else None


def _result(job: TrainJob, record: dict[str, Any]) -> TrainResult:
    return TrainResult(
        job.weights,
        record["best_score"],
        record["history"],
        record["stopped_early"],
        record["seconds"],
        tuple(record["steps_per_second"]),
    )


def _cause(error: Exception) -> str:
    """The last line of what went wrong: Ray's own text is the traceback of every worker."""
    failures = error.worker_failures.values() if isinstance(error, WorkerGroupError) else [error]
    return str(next(iter(failures))).strip().splitlines()[-1]


def _check_crops(job: TrainJob) -> None:
    """The window of the lower face must be whole pixels."""
    found, wanted = crop_size(job), RENDERER_SIZES[job.size].size * 3 // 2
    if found % 6:
        raise BadInputError(
            f"its crops are {found} pixels wide, which is no multiple of 6.",
            reason=Reason.BAD_CONFIGURATION,
            where=str(job.data),
            remedy=f"Preprocess the footage with --crop-size {wanted}.",
        )


class _Watching:
    """Passes on the progress that worker 0 writes to a file while `fit` blocks."""

    def __init__(self, job: TrainJob, progress: Callable[[int, int], None]) -> None:
        self._file = job.progress
        self._steps = job.steps
        self._progress = progress
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._file.unlink(missing_ok=True)
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()
        self._file.unlink(missing_ok=True)

    def _watch(self) -> None:
        while not self._done.wait(1.0):
            if self._file.exists() and (text := self._file.read_text()):
                self._progress(int(text), self._steps)


def _train_worker(settings: dict[str, TrainJob]) -> None:
    """One process of the run."""
    job = settings["job"]
    context = ray_train.get_context()
    rank, world = context.get_world_rank(), context.get_world_size()
    device = ray_train.torch.get_device()
    torch.manual_seed(job.seed)
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")  # TF32 for what is not in half precision
    state = _restored()
    objective, draws = _objective(job, rank, world, device, state)
    written = 0.0

    def note(step: int) -> None:
        nonlocal written
        if rank == 0 and time.monotonic() - written > 1:
            job.progress.write_text(str(step))
            written = time.monotonic()

    def wrap(module: nn.Module) -> nn.Module:
        wrapped: nn.Module = ray_train.torch.prepare_model(module)
        return torch.compile(wrapped) if device.type == "cuda" else wrapped  # type: ignore[return-value]

    if rank == 0 and state.step:
        # Of a run that had come to its end nothing more is yielded.
        _write_results(job, objective, state)
    with ExitStack() as open_files:
        hooks = Hooks(progress=note, draws=draws)
        if rank == 0:
            writer = _event_writer(job, objective, state.step, open_files)
            hooks = replace(hooks, on_validation=writer)
        config, replica = loop_config(job), Replica(rank, wrap)
        for saved in train(objective, config, state, device, replica, hooks):
            if rank == 0:
                _write_results(job, objective, saved)
            _report(saved, rank)


def _event_writer(
    job: TrainJob, objective: Any, step: int, open_files: ExitStack
) -> Callable[[Validation], None]:
    """What writes validations for TensorBoard, with what the model does to a held-out clip."""
    held_out = clip_index(job.data, "val")
    members = read_clip(held_out, spread_over_speakers(held_out, 1)[0])
    log = open_files.enter_context(EventLog(job.events(run_name(job)), step))
    picture: Callable[[Any, Members], NDArray[np.uint8]]
    picture = motion_picture if job.model == "motion" else appearance_picture
    return lambda found: log.add(found, picture(_shipped(objective.model), members))


def _shipped(model: nn.Module) -> Any:
    """Of what is trained, what is written: the critic stays behind."""
    return model.renderer if isinstance(model, RendererInTraining) else model


def _objective(
    job: TrainJob, rank: int, world: int, device: torch.device, state: TrainingState
) -> tuple[Objective, Callable[[], int]]:
    """Data, model and losses of a job, for one process of it; and the count of clips drawn."""
    index, held_out = clip_index(job.data, "train"), clip_index(job.data, "val")
    reading = (buffer_config(job), ClipShare(job.seed, rank, world), state.draws)
    if job.model == "motion":
        config = job.motion
        encoder = SpeechEncoder(located(job.speech_encoder), threads=1)
        whole = len(index.shard) <= buffer_config(job).capacity * world
        clips = ClipBuffer(index, voiced_clips(encoder, config, whole), *reading)
        judges = [motion_clip(members) for members in _judging_clips(held_out)]
        quiet = quiet_features(encoder)
        motion = MotionObjective(MOTION_SIZES[job.size], config, clips.draw, quiet, judges, device)
        if not state.weights:
            fit_closed_form(
                motion.model,
                clips.clips,
                clips.weights,
                quiet,
                config.reading,
                _sum_over_workers,
            )
        return motion, lambda: clips.draws
    to_clip = partial(appearance_clip, mask=MaskConfig())
    crops = ClipBuffer(index, to_clip, *reading)
    views = [to_clip(members) for members in _judging_clips(held_out)]
    size, batches = RENDERER_SIZES[job.size], appearance_config(job)
    assert job.judges is not None  # as the job asks for
    initial = load_renderer(job.initial) if job.initial else None
    footage = AppearanceClips(crops.draw, views)
    renderer = AppearanceObjective(size, batches, footage, job.judges, device, initial)
    return renderer, lambda: crops.draws


def _judging_clips(index: ClipIndex) -> Iterator[Members]:
    return (read_clip(index, number) for number in spread_over_speakers(index, _VALIDATION_CLIPS))


def _sum_over_workers(tensor: Tensor) -> Tensor:
    device = ray_train.torch.get_device()
    moved = tensor.to(device)
    if torch.distributed.is_initialized():
        torch.distributed.all_reduce(moved)
    return moved.cpu()


def _restored() -> TrainingState:
    """The state of the run's last checkpoint, or a new one. Tensors and numbers, no pickle."""
    checkpoint = ray_train.get_checkpoint()
    if checkpoint is None:
        return TrainingState()
    with checkpoint.as_directory() as folder:
        fields: dict[str, Any] = torch.load(
            Path(folder) / _STATE, weights_only=True, map_location="cpu"
        )
    return TrainingState(**fields)


def _report(state: TrainingState, rank: int) -> None:
    """Hand a checkpoint to Ray Train, which puts it into storage; every process takes part."""
    metrics = {"step": state.step, "best_score": state.best_score}
    with work_folder(temporary_root() / "checkpoint") as folder:
        if rank == 0:
            torch.save(vars(state), folder / _STATE)
            ray_train.report(metrics, checkpoint=ray_train.Checkpoint.from_directory(folder))
        else:
            ray_train.report(metrics)


def _write_results(job: TrainJob, objective: Any, state: TrainingState) -> None:
    """The best weights and the history so far, usable while training goes on."""
    model = objective.model
    current = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(state.best or state.average)
    save = save_model if job.model == "motion" else save_renderer
    with atomic_path(job.weights) as temporary:
        save(_shipped(model), temporary)
    model.load_state_dict(current)
    record = {
        "run": run_name(job),
        "job": {name: str(value) for name, value in asdict(job).items()},
        "best_score": state.best_score,
        "history": state.history,
        "stopped_early": state.stopped,
        "seconds": state.seconds,
        "steps_per_second": state.rates,
    }
    with atomic_path(job.record) as temporary:
        temporary.write_text(json.dumps(record, indent=1))
