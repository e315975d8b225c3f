"""Data and settings that training refuses before or in its first steps."""

import shutil
from pathlib import Path

import pytest
from ray.train import FailureConfig
from ray.train.v2._internal.exceptions import (
    WorkerGroupStartupTimeoutError,
    WorkerHealthCheckFailedError,
)
from ray.train.v2.api.exceptions import ControllerError, WorkerGroupError

from mytalk_core.errors import BadInputError, MytalkError, Reason
from mytalk_core.training.state import TrainingState
from pipelines import train
from pipelines.train import run_training
from pipelines.train_worker import TrainRun
from pipelines.training_job import TrainJob, buffer_config
from tests.synthetic_face import write_curated

pytestmark = pytest.mark.usefixtures("fast_polls", "two_cpus")


@pytest.fixture(scope="module")
def curated(tmp_path_factory) -> Path:
    """Clips of drawn talking faces, as curation stores them: more than the buffer holds."""
    speakers = {"train": ["ann", "bo"], "val": ["cy"]}
    return write_curated(tmp_path_factory.mktemp("curated"), speakers, clips=3)


def test_missing_data_is_refused(tmp_path, whisper_dir):
    job = TrainJob("motion", tmp_path / "none", tmp_path / "out", "tiny", 2, whisper_dir, 1)
    with pytest.raises(BadInputError) as refusal:
        run_training(job, lambda *_: None)
    assert refusal.value.reason is Reason.NOT_FOUND
    assert not job.out.exists()


def test_more_workers_than_cpus_are_refused(curated, tmp_path, whisper_dir):
    job = TrainJob("motion", curated, tmp_path / "out", "tiny", 2, whisper_dir, 3)
    with pytest.raises(BadInputError, match="3 workers need a CPU each, and Ray has 2"):
        run_training(job, lambda *_: None)


@pytest.mark.parametrize("size, wanted", [("cpu", 192), ("gpu512", 768)])
def test_crops_of_a_size_that_is_no_multiple_of_6_are_refused_before_any_work(
    tmp_path, whisper_dir, size, wanted
):
    data = write_curated(tmp_path / "data", {"train": ["ann"], "val": ["cy"]}, clips=1, size=100)
    job = TrainJob("appearance", data, tmp_path / "out", size, 2, whisper_dir, 1)
    with pytest.raises(BadInputError, match="100 pixels wide") as refusal:
        run_training(job, lambda *_: None)
    assert refusal.value.reason is Reason.BAD_CONFIGURATION
    assert refusal.value.where == str(data)
    assert refusal.value.remedy == f"Preprocess the footage with --crop-size {wanted}."
    assert not job.out.exists()


def test_the_buffer_holds_as_many_clips_as_fit_into_memory(tmp_path, whisper_dir):
    """Clips of crops that are twice as wide fill four times the memory."""
    held = []
    for size in (240, 480):
        data = write_curated(
            tmp_path / f"{size}", {"train": ["ann"], "val": ["cy"]}, clips=1, frames=2, size=size
        )
        job = TrainJob("appearance", data, tmp_path / "out", "tiny", 2, whisper_dir, 1)
        held.append(buffer_config(job).capacity)
    assert held[0] == pytest.approx(4 * held[1], abs=4)
    assert held[0] * 250 * 240 * 240 * 3 < 5 << 30


def test_a_corrupt_shard_ends_the_run_with_one_line(curated, tmp_path, whisper_dir, monkeypatch):
    no_retries = FailureConfig(max_failures=0)
    monkeypatch.setattr(train, "FailureConfig", lambda **_: no_retries)
    data = tmp_path / "data"
    shutil.copytree(curated, data)
    shard = data / "train" / "shard-00000.tar"
    shard.write_bytes(b"no tar at all" * (shard.stat().st_size // 13))
    job = TrainJob("motion", data, tmp_path / "out", "tiny", 2, whisper_dir, 1)
    with pytest.raises(BadInputError, match="holds no sample") as failure:
        run_training(job, lambda *_: None)

    assert failure.value.reason is Reason.DECODE_ERROR
    assert not job.store.exists(job.weights)


class FailingTrainer:
    """Replaces a trainer of Ray: each fit adds the next of these checkpoints and fails."""

    def __init__(self, error: Exception, steps: list[int]) -> None:
        self.error, self.steps, self.fits = error, steps, 0

    def __call__(self, run: TrainRun, gpus: bool, account: str) -> "FailingTrainer":
        if self.fits < len(self.steps):
            run.checkpoints.add(TrainingState(step=self.steps[self.fits]))
        return self

    def fit(self) -> None:
        self.fits += 1
        raise self.error


LOST = WorkerHealthCheckFailedError("no answer", RuntimeError("the actor died"))
BAD = BadInputError("no sample.", reason=Reason.DECODE_ERROR)


@pytest.mark.parametrize(
    "error, steps, fits, reason",
    [
        (WorkerGroupError("", {1: RuntimeError("closed"), 0: LOST}), [20, 40], 3, "worker_lost"),
        (WorkerGroupError("", {0: RuntimeError("a bug\nat its end")}), [], 1, "internal"),
        (
            WorkerGroupError("", {0: RuntimeError("closed"), 1: BAD}),
            [20, 40],
            1,
            "decode_error",
        ),
        (ControllerError(WorkerGroupStartupTimeoutError(2)), [], 1, "no_cluster"),
    ],
)
def test_a_run_is_begun_again_as_long_as_it_gets_on(
    curated, tmp_path, whisper_dir, monkeypatch, error, steps, fits, reason
):
    trainer = FailingTrainer(error, steps)
    monkeypatch.setattr(train, "_trainer", trainer)
    job = TrainJob("motion", curated, tmp_path / "out", "tiny", 99, whisper_dir, 1)
    with pytest.raises(MytalkError) as failure:
        run_training(job, lambda *_: None)
    assert (failure.value.reason, trainer.fits) == (reason, fits)
    assert len(failure.value.what.splitlines()) == 1
