"""Shards to model weights, on Ray Train: the driver. Two CPU workers and many GPUs run alike."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer
from ray.train.v2.api.exceptions import WorkerGroupError

from mytalk_core.appearance.renderer import SIZES as RENDERER_SIZES
from mytalk_core.data.lease import LEASE, held_lease
from mytalk_core.data.storage import open_store
from mytalk_core.errors import BadInputError, ModelError, MytalkError, Reason
from mytalk_core.media.output import make_folder
from pipelines.cluster import connected, machines
from pipelines.resources import Resources, available
from pipelines.train_worker import train_worker
from pipelines.training_job import TrainJob, crop_size, run_name

# The driver and Ray's controller reserve no CPU, so two workers run on two CPUs.
TRAINER = Resources(cpus=1.0, gpus=1.0)


@dataclass(frozen=True)
class TrainResult:
    """Result of a run."""

    weights: Path
    best_score: float  # of the validation that chose the weights
    history: list[dict[str, float]]  # one entry per validation
    stopped_early: bool = False  # after as many validations without improvement as `patience`
    seconds: float = 0.0  # of steps and validations
    steps_per_second: tuple[float, ...] = ()  # before each validation


class TrainingFailedError(MytalkError):
    """Training workers failed after every retry."""


def run_training(
    job: TrainJob,
    progress: Callable[[int, int], None],
    say: Callable[[str], None] = lambda text: None,
    address: str = "",
) -> TrainResult:
    """Train on a Ray cluster, or on this machine.

    The same job continues from its last checkpoint; one that has ended returns its result.

    Args:
        progress: called about once a second with the steps taken and their total.
        say: called with a note for the user.
        address: of a Ray cluster, as `connected` takes it.

    Raises:
        BadInputError: where `job.data` holds no clips, or crops whose width is not a multiple of 6;
            the cluster has no room for all workers; or another run trains the same model there.
        ModelError: where a machine lacks a model and cannot fetch it.
        ClusterError: where the cluster cannot be reached.
        OutputError: where `job.out` cannot be made.
        TrainingFailedError: where the workers fail.
    """
    initial = job.initial.resolve() if job.initial else None
    job = replace(job, data=_absolute(job.data), out=job.out.resolve(), initial=initial)
    name = run_name(job)
    if job.model == "appearance":
        _check_crops(job)
    if done := _finished(job, name):
        return done
    make_folder(job.out)
    lock = held_lease(open_store(job.out), say, f"{job.model}.{LEASE}")
    with lock, connected(address):
        _fit(job, name, progress)
    return _result(job, json.loads(job.record.read_text()))


def _fit(job: TrainJob, name: str, progress: Callable[[int, int], None]) -> None:
    """Run the workers to the end."""
    gpus = _have_gpus(job)
    trainer = TorchTrainer(
        train_worker,
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
            remedy="The same command continues from the last checkpoint.",
        ) from error


def _model_error(error: Exception) -> ModelError | None:
    """Return the error of a machine that lacks a model, where workers failed for it."""
    failures = error.worker_failures.values() if isinstance(error, WorkerGroupError) else ()
    raised = (getattr(failure, "_base_exc", failure) for failure in failures)
    return next((each for each in raised if isinstance(each, ModelError)), None)


def _have_gpus(job: TrainJob) -> bool:
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
            remedy="Give a smaller number, or add machines to the cluster first.",
        )
    return kind == "GPU"


def _absolute(data: str | Path) -> str | Path:
    """Return a path or URL that is valid in the working folder of any worker."""
    return data if "://" in str(data) else Path(data).resolve()


def _finished(job: TrainJob, name: str) -> TrainResult | None:
    """Return the result of the run of this name, where it has ended."""
    if not (job.record.exists() and job.weights.exists()):
        return None
    record = json.loads(job.record.read_text())
    if record["run"] != name:  # checked first, as records of other versions differ
        return None
    history = record["history"]  # empty where it was killed before its first validation
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
    """Return the last line of the error: Ray's text is the traceback of every worker."""
    failures = error.worker_failures.values() if isinstance(error, WorkerGroupError) else [error]
    return str(next(iter(failures))).strip().splitlines()[-1]


def _check_crops(job: TrainJob) -> None:
    """Check that the window of the lower face has whole pixels."""
    found, target = crop_size(job), RENDERER_SIZES[job.size].size * 3 // 2
    if found % 6:
        raise BadInputError(
            f"its crops are {found} pixels wide, which is not a multiple of 6.",
            reason=Reason.BAD_CONFIGURATION,
            where=str(job.data),
            remedy=f"Preprocess the footage with --crop-size {target}.",
        )


class _Watching:
    """Reads the number of steps that rank 0 writes to a file, while `fit` blocks."""

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
