"""Shards to model weights, on Ray Train: the driver. Two CPU workers and many GPUs run alike."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer
from ray.train.v2._internal.exceptions import (
    WorkerGroupStartupFailedError,
    WorkerGroupStartupTimeoutError,
    WorkerHealthCheckFailedError,
)
from ray.train.v2.api.config import FailureConfig
from ray.train.v2.api.exceptions import ControllerError, WorkerGroupError

from mytalk_core.appearance.renderer import SIZES as RENDERER_SIZES
from mytalk_core.data.lease import LEASE, held_lease
from mytalk_core.data.stored_files import absolute
from mytalk_core.errors import BadInputError, ErrorClass, MytalkError, Reason
from mytalk_core.media.output import temporary_root, work_folder
from pipelines.cluster import ClusterError, connected, machines
from pipelines.resources import Resources, available
from pipelines.train_progress import Watching
from pipelines.train_start import settings_of, start_worker
from pipelines.train_worker import TrainRun
from pipelines.training_job import TrainJob, crop_size, run_name

# The driver and Ray's controller reserve no CPU, so two workers run on two CPUs.
TRAINER = Resources(cpus=1.0, gpus=1.0)
# Minutes that a run waits for room on the cluster, such as for the machine after a lost one; Ray
# gives up and begins to wait again after each.
_WAIT_MINUTES = 60
_NO_ROOM = (WorkerGroupStartupFailedError, WorkerGroupStartupTimeoutError)
_CONTINUE = "The same command continues from the last checkpoint, from any machine."


@dataclass(frozen=True)
class TrainResult:
    """Result of a run."""

    weights: str  # path or URL
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

    The same job continues from its last checkpoint, from any machine; one that has ended returns
    its result.

    Args:
        progress: called about once a second with the steps taken and their total.
        say: called with a note for the user.
        address: of a Ray cluster, as `connected` takes it.

    Raises:
        BadInputError: where `job.data` holds no clips, damaged ones, or crops whose width is not a
            multiple of 6; the cluster has no room for all workers; or another run trains the same
            model there.
        ModelError: where a machine lacks a model and cannot fetch it.
        ClusterError: NO_CLUSTER where the cluster cannot be reached, or has had no room for an
            hour; WORKER_LOST where it loses workers again and again.
        OutputError, StorageError: where `job.out` cannot be written, or a storage does not answer.
        DivergedError: where a loss is no longer finite.
        TrainingFailedError: where the workers fail for another reason.
    """
    initial, speech = (path.resolve() if path else None for path in (job.initial, job.speech))
    data, out = absolute(job.data), absolute(job.out)
    job = replace(job, data=data, out=out, initial=initial, speech=speech)
    name = run_name(job)
    if job.model == "appearance":
        _check_crops(job)
    if done := _finished(job, name):
        return done
    lock = held_lease(job.store, say, f"{job.model}.{LEASE}")
    with lock, connected(address):
        record = _record(job)
        if record and record["run"] != name:  # that of weights which this run replaces
            job.store.remove(job.record)
        _fit(job, name, progress)
    return _result(job, json.loads(job.store.read(job.record)))


def _fit(job: TrainJob, name: str, progress: Callable[[int, int], None]) -> None:
    """Run the workers to the end.

    Ray restarts them a few times. A run of weeks loses more machines than that, so it is begun
    again as long as checkpoints are added.
    """
    gpus = _have_gpus(job)
    watching = Watching(lambda step: progress(step, job.steps))
    run = TrainRun(job, name, watching.key)
    # Ray keeps an account of its own there; what a run needs to continue is in `job.out`.
    with work_folder(temporary_root() / "ray-train") as account, watching:
        while True:
            before = run.checkpoints.last()
            try:
                _trainer(run, gpus, str(account)).fit()
                return
            except Exception as error:
                found = _typed(error, str(job.out))
                lasting = not isinstance(error, WorkerGroupError)
                if lasting or found.error_class is ErrorClass.BAD_INPUT:
                    raise found from error
                if run.checkpoints.last() == before:
                    raise found from error


def _trainer(run: TrainRun, gpus: bool, account: str) -> TorchTrainer:
    needs = {"CPU": TRAINER.cpus} | ({"GPU": TRAINER.gpus} if gpus else {})
    return TorchTrainer(
        start_worker,
        train_loop_config=settings_of(run),
        torch_config=TorchConfig(backend="nccl" if gpus else "gloo"),
        scaling_config=ScalingConfig(
            num_workers=run.job.workers, use_gpu=gpus, resources_per_worker=needs
        ),
        run_config=RunConfig(
            name=run.name,
            storage_path=account,
            failure_config=FailureConfig(max_failures=2, controller_failure_limit=_WAIT_MINUTES),
        ),
    )


def _typed(error: Exception, where: str) -> MytalkError:
    """Return the error of the workers that has a type, or else one for what Ray says of them.

    Where one worker fails, others fail because they lost it, so all are looked at.
    """
    raised = list(error.worker_failures.values()) if isinstance(error, WorkerGroupError) else []
    for each in raised:
        if isinstance(each, MytalkError):
            return each
    if isinstance(error, ControllerError) and isinstance(error.controller_failure, _NO_ROOM):
        return ClusterError(
            f"the cluster had no room for all workers: {_last_line(error)}",
            reason=Reason.NO_CLUSTER,
            where=where,
            remedy=f"Add machines to it. {_CONTINUE}",
        )
    if any(isinstance(each, WorkerHealthCheckFailedError) for each in raised):
        return ClusterError(
            f"the cluster lost workers again and again: {_last_line(raised[0])}",
            reason=Reason.WORKER_LOST,
            where=where,
            remedy=_CONTINUE,
        )
    return TrainingFailedError(
        f"training stopped: {_last_line(raised[0] if raised else error)}",
        reason=Reason.INTERNAL,
        where=where,
        remedy=_CONTINUE,
    )


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


def _finished(job: TrainJob, name: str) -> TrainResult | None:
    """Return the result of the run of this name, where it has ended."""
    record = _record(job)
    # The run is compared first, as records of other versions differ.
    if record is None or record["run"] != name or not job.store.exists(job.weights):
        return None
    history = record["history"]  # empty where it was killed before its first validation
    ended = record["stopped_early"] or (history and history[-1]["step"] == job.steps)
    return _result(job, record) if ended else None


def _record(job: TrainJob) -> dict[str, Any] | None:
    """Return the record of the run that wrote the weights, where there is one."""
    if not job.store.exists(job.record):
        return None
    record: dict[str, Any] = json.loads(job.store.read(job.record))
    return record


def _result(job: TrainJob, record: dict[str, Any]) -> TrainResult:
    return TrainResult(
        f"{job.store.url}/{job.weights}",
        record["best_score"],
        record["history"],
        record["stopped_early"],
        record["seconds"],
        tuple(record["steps_per_second"]),
    )


def _last_line(error: Exception) -> str:
    """Return the last line of an error: Ray's text is the traceback of every worker."""
    return (str(error).strip() or type(error).__name__).splitlines()[-1]


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
