"""Training of both models on drawn faces: the smallest size, few steps, two processes."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mytalk_core.appearance.checkpoint import load_renderer
from mytalk_core.appearance.renderer import SIZES, Renderer
from mytalk_core.appearance.training import JudgingModels
from mytalk_core.data.clip_buffer import BufferConfig
from mytalk_core.motion.closed_forms import ReadingConfig
from mytalk_core.motion.model import load_model
from mytalk_core.motion.training import MotionTrainingConfig
from mytalk_core.training.checkpoints import CHECKPOINTS, Checkpoints
from mytalk_core.training.event_log import read_events
from pipelines import train
from pipelines.train import TrainResult, run_training
from pipelines.training_job import TrainJob, run_name
from tests.preprocess_runs import Killer, processes
from tests.small_judges import write_small_judges
from tests.synthetic_face import write_curated

STEPS = {"motion": 60, "appearance": 20}
JUDGED_BY = {"motion": "judged_by", "appearance": "mouth_lpips"}
BUFFER = BufferConfig(capacity=2, draws_per_clip=5)  # of the three clips of each process
# The closed-form predictions have no effect, so that there is something left to learn.
NO_READINGS = ReadingConfig(opening_ridge=1e6, motion_ridge=1e6, closure_ridge=1e6)
RECIPE = MotionTrainingConfig(voices=0, voiced_share=0.0, reading=NO_READINGS)

pytestmark = pytest.mark.usefixtures("fast_polls", "two_cpus")


@pytest.fixture(scope="module")
def curated(tmp_path_factory) -> Path:
    """Clips of drawn talking faces, as curation stores them: more than the buffer holds."""
    speakers = {"train": ["ann", "bo"], "val": ["cy"]}
    return write_curated(tmp_path_factory.mktemp("curated"), speakers, clips=3)


class Training:
    """A finished run that can be started again."""

    def __init__(self, job: TrainJob) -> None:
        self.job = job
        self.steps: list[int] = []  # as reported
        self.result = self.again()
        self.record = Path(job.out) / job.record

    def again(self) -> TrainResult:
        return run_training(self.job, lambda step, _: self.steps.append(step))

    def scores(self) -> np.ndarray:
        """The error on held-out clips, (validations,).

        It is compared instead of the losses, which vary with the noise and light of each batch.
        """
        return np.array([entry[JUDGED_BY[self.job.model]] for entry in self.result.history])


@pytest.fixture(scope="module")
def judges(tmp_path_factory) -> JudgingModels:
    """Networks that compare images, with few channels and random weights."""
    folder = tmp_path_factory.mktemp("judges")
    return write_small_judges(folder)


@pytest.fixture(scope="module", params=sorted(STEPS))
def training(request, curated, whisper_dir, judges, tmp_path_factory) -> Training:
    out = tmp_path_factory.mktemp("trained")
    steps = STEPS[request.param]
    job = TrainJob(
        request.param,
        curated,
        out,
        "tiny",
        steps,
        whisper_dir,
        2,
        buffer=BUFFER,
        motion=RECIPE,
        judges=judges,
        patience=20,
    )
    return Training(job)


def test_the_error_on_held_out_clips_falls(training):
    scores = training.scores()
    share = len(scores) // 4
    first, last = scores[:share].mean(), scores[-share:].mean()

    assert np.isfinite(scores).all()
    assert last < first - 0.02 * abs(first)
    assert training.result.history[-1]["step"] == training.job.steps


def test_averaged_weights_are_validated_and_shipped(training):
    """The stored weights are the averages at the best validation."""
    if training.job.model == "motion":
        pytest.skip("shown with one model")
    scores = training.scores()
    assert training.result.best_score == scores.min()
    state, shipped = last_state(training.job), load_file(training.result.weights)
    best = renderer_of(state["best"])
    assert all(torch.equal(weight, best[name]) for name, weight in shipped.items())
    average, last = renderer_of(state["average"]), renderer_of(state["weights"])
    if scores.argmin() == len(scores) - 1:
        assert all(torch.equal(weight, best[name]) for name, weight in average.items())
    apart = [name for name in average if not torch.equal(average[name], last[name])]
    assert len(apart) > 0.9 * len(average)


def renderer_of(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights of the renderer, under its own names."""
    return {
        name.removeprefix("renderer."): weight
        for name, weight in weights.items()
        if name.startswith("renderer.")
    }


def last_state(job: TrainJob) -> dict[str, Any]:
    """The content of the last checkpoint of the run."""
    checkpoints = Checkpoints(job.store, run_name(job))
    return vars(checkpoints.read(checkpoints.last()))


def test_the_critic_is_not_shipped(training):
    """It is trained and stored in checkpoints, from which a run continues."""
    if training.job.model == "motion":
        pytest.skip("motion has no critic")
    shipped = load_file(training.result.weights)
    assert set(shipped) == set(Renderer(SIZES["tiny"]).state_dict())
    assert not any("critic" in name for name in shipped)
    kept = last_state(training.job)["weights"]
    assert {name.partition(".")[0] for name in kept} == {"renderer", "critic"}
    assert {"critic", "adversarial", "matching", "perceptual", "identity"} <= set(
        training.result.history[-1]
    )


def test_detail_losses_start_after_a_share_of_the_run(training):
    if training.job.model == "motion":
        pytest.skip("a loss of the renderer")
    judged = [entry["step"] for entry in training.result.history if "perceptual" in entry]
    assert judged[0] == pytest.approx(0.3 * training.job.steps, abs=2)
    assert judged[-1] == training.job.steps


def test_the_best_weights_are_stored_and_load(training):
    load = load_model if training.job.model == "motion" else load_renderer
    model = load(Path(training.result.weights))

    assert training.result.weights == str(training.job.out / training.job.weights)
    assert not model.training
    assert all(np.isfinite(p.detach().numpy()).all() for p in model.parameters())
    record = json.loads(training.record.read_text())
    assert record["best_score"] == training.result.best_score < float("inf")


def test_no_temporary_file_is_left(training):
    out = Path(training.job.out)
    left = {path.name for path in out.iterdir()}
    kept = [path.name for path in (out / CHECKPOINTS).rglob("*") if path.is_file()]
    assert len(kept) <= 2 and all(name.startswith("step-") for name in kept)
    assert left == {
        training.job.weights,
        training.job.record,
        "checkpoints",
        "tensorboard",
    }


def test_the_same_job_again_returns_the_stored_result(training):
    weights = Path(training.result.weights)
    written = weights.stat().st_mtime_ns
    training.steps.clear()

    assert training.again() == training.result
    assert weights.stat().st_mtime_ns == written
    assert training.steps == []  # not a step was taken


def test_a_record_without_history_does_not_count_as_finished(training, monkeypatch):
    """Such a record is left by a run that was stopped before its first validation."""
    record = json.loads(training.record.read_text())
    started = []
    monkeypatch.setattr(train, "_fit", lambda job, *_: started.append(job))
    training.record.write_text(json.dumps({**record, "history": []}))
    training.again()
    training.record.write_text(json.dumps(record))

    assert len(started) == 1


def own_train_workers() -> list[int]:
    """Ids of the training processes of this process's cluster."""
    return processes("ray::RayTrainWorker")


def test_a_run_continues_exactly_after_a_worker_was_killed(training, tmp_path):
    """The buffer holds less than the data, so the position in the stream matters too."""
    if training.job.model == "appearance":
        pytest.skip("shown with one model")
    job = replace(training.job, out=tmp_path, checkpoint_seconds=0)
    steps: list[int] = []

    def checkpointed() -> bool:
        return bool(Checkpoints(job.store, run_name(job)).last())

    def one_of_two() -> list[int]:
        return own_train_workers()[:1]

    with Killer(checkpointed, one_of_two) as killer:
        result = run_training(job, lambda step, _: steps.append(step) if killer.killed else None)

    assert killer.killed
    # The step of the killed processes is reported until the next ones have written theirs.
    resumed = [step for step in steps if step != steps[0]]
    assert min(resumed, default=job.steps) > 20  # the step of the first checkpoint
    assert result.history == training.result.history
    assert Path(result.weights).read_bytes() == Path(training.result.weights).read_bytes()
    assert logged(job) == logged(training.job)  # no step twice, none missing


def logged(job: TrainJob) -> list[tuple[int, str, float]]:
    """Step, name and value of the scalars that TensorBoard reads, without those that time steps."""
    (run,) = (job.out / "tensorboard").iterdir()
    return sorted(
        (event.step, value.tag, value.simple_value)
        for file in run.iterdir()
        for event, _ in read_events(file)
        for value in event.summary.value
        if value.tag != "pace/steps_per_second" and not value.image.encoded_image_string
    )


def test_tensorboard_shows_the_history_and_a_sample_at_every_validation(training):
    read = {(step, name): value for step, name, value in logged(training.job)}
    judged = JUDGED_BY[training.job.model]
    for entry in training.result.history:
        assert read[entry["step"], f"held_out/{judged}"] == pytest.approx(entry[judged])
    (run,) = (training.job.out / "tensorboard").iterdir()
    pictures = [
        event.step
        for file in run.iterdir()
        for event, _ in read_events(file)
        for value in event.summary.value
        if value.image.encoded_image_string
    ]
    assert pictures == [entry["step"] for entry in training.result.history]


def test_the_record_has_the_times_of_the_run(training):
    result = training.result
    assert len(result.steps_per_second) == len(result.history)
    assert result.seconds > 0 and min(result.steps_per_second) > 0
    assert not result.stopped_early


def test_the_name_of_a_run_covers_all_that_decides_its_weights(training, curated, tmp_path):
    job = training.job
    assert run_name(replace(job, out=tmp_path, checkpoint_seconds=1.0)) == run_name(job)
    others = [
        replace(job, workers=1),
        replace(job, steps=7),
        replace(job, seed=1),
        replace(job, size="cpu"),
        replace(job, speech=curated),
    ]
    assert run_name(job) not in [run_name(other) for other in others]

    data = tmp_path / "data"
    shutil.copytree(curated, data)
    assert run_name(replace(job, data=data)) == run_name(job)
    shutil.rmtree(data)
    write_curated(data, {"train": ["ann", "bo"], "val": ["cy"]}, clips=2)
    assert run_name(replace(job, data=data)) != run_name(job)
