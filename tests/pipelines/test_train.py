"""Both models trained for real on drawn faces: tiny, a few steps, two processes."""

import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from mytalk_core.appearance.checkpoint import load_renderer
from mytalk_core.appearance.renderer import SIZES, Renderer
from mytalk_core.appearance.training import JudgingModels
from mytalk_core.data.clip_buffer import BufferConfig
from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.manifest import Kind, ManifestRow, Status, write_manifest
from mytalk_core.data.splits import SplitConfig, assign_split
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.motion.closed_forms import ReadingConfig
from mytalk_core.motion.model import load_model
from mytalk_core.motion.training import MotionTrainingConfig
from mytalk_core.training.event_log import read_events
from pipelines.train import TrainingFailedError, TrainResult, run_training
from pipelines.training_job import TrainJob, buffer_config, run_name
from tests.small_judges import write_small_judges
from tests.synthetic_face import write_curated

STEPS = {"motion": 160, "appearance": 40}
JUDGED_BY = {"motion": "judged_by", "appearance": "mouth_lpips"}
BUFFER = BufferConfig(capacity=2, draws_per_clip=5)  # of the three clips of each process

pytestmark = pytest.mark.usefixtures("two_cpus")


@pytest.fixture(scope="module")
def curated(tmp_path_factory) -> Path:
    """Clips of drawn faces that speak, as curation lays them out: more than the buffer holds."""
    speakers = {"train": ["ann", "bo"], "val": ["cy"]}
    return write_curated(tmp_path_factory.mktemp("curated"), speakers, clips=3)


class Training:
    """A run that has ended, and what it takes to start it again."""

    def __init__(self, job: TrainJob) -> None:
        self.job = job
        self.told: list[int] = []
        self.result = self.again()

    def again(self) -> TrainResult:
        return run_training(self.job, lambda step, _: self.told.append(step))

    def scores(self) -> np.ndarray:
        """What is to fall, (validations,): the error on held-out clips.

        The losses of the steps leap with the noise and the light that batches are shown in.
        """
        return np.array([entry[JUDGED_BY[self.job.model]] for entry in self.result.history])


@pytest.fixture(scope="module")
def judges(tmp_path_factory) -> JudgingModels:
    """Networks that judge pictures, of few channels and any weights."""
    folder = tmp_path_factory.mktemp("judges")
    return write_small_judges(folder)


@pytest.fixture(scope="module", params=sorted(STEPS))
def training(request, curated, whisper_dir, judges, tmp_path_factory) -> Training:
    out = tmp_path_factory.mktemp("trained")
    steps = STEPS[request.param]
    # Drawn faces do not say what their features tell, so no other voice can tell it either.
    # The readings are kept from saying anything, so that there is something left to learn.
    silenced = ReadingConfig(motion_ridge=1e6, closure_ridge=1e6)
    recipe = MotionTrainingConfig(voices=0, voiced_share=0.0, reading=silenced)
    job = TrainJob(
        request.param,
        curated,
        out,
        "tiny",
        steps,
        whisper_dir,
        2,
        buffer=BUFFER,
        motion=recipe,
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


def test_the_average_is_what_is_judged_and_shipped(training):
    """The weights on disk are those that the best validation saw, averages all of them."""
    if training.job.model == "motion":
        pytest.skip("one model shows it")
    scores = training.scores()
    assert training.result.best_score == scores.min()
    state, shipped = last_state(training.job), load_file(training.job.weights)
    best = renderer_of(state["best"])
    assert all(torch.equal(weight, best[name]) for name, weight in shipped.items())
    average, last = renderer_of(state["average"]), renderer_of(state["weights"])
    if scores.argmin() == len(scores) - 1:
        assert all(torch.equal(weight, best[name]) for name, weight in average.items())
    apart = [name for name in average if not torch.equal(average[name], last[name])]
    assert len(apart) > 0.9 * len(average)


def renderer_of(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The renderer's half of what is trained, under its own names."""
    return {
        name.removeprefix("renderer."): weight
        for name, weight in weights.items()
        if name.startswith("renderer.")
    }


def last_state(job: TrainJob) -> dict[str, Any]:
    """What the run's last checkpoint holds."""
    folders = (job.out / "checkpoints").rglob("state.pt")
    last = max(folders, key=lambda path: path.stat().st_mtime_ns)
    state: dict[str, Any] = torch.load(last, weights_only=True)
    return state


def test_the_critic_stays_behind(training):
    """It is trained, kept in checkpoints for a run to go on with, and not shipped."""
    if training.job.model == "motion":
        pytest.skip("there is none")
    shipped = load_file(training.job.weights)
    assert set(shipped) == set(Renderer(SIZES["tiny"]).state_dict())
    assert not any("critic" in name for name in shipped)
    kept = last_state(training.job)["weights"]
    assert {name.partition(".")[0] for name in kept} == {"renderer", "critic"}
    assert {"critic", "adversarial", "matching", "perceptual", "identity"} <= set(
        training.result.history[-1]
    )


def test_detail_is_judged_after_a_part_of_the_run(training):
    if training.job.model == "motion":
        pytest.skip("the renderer's alone")
    judged = [entry["step"] for entry in training.result.history if "perceptual" in entry]
    assert judged[0] == pytest.approx(0.3 * training.job.steps, abs=2)
    assert judged[-1] == training.job.steps


def test_the_weights_are_the_best_and_load(training):
    load = load_model if training.job.model == "motion" else load_renderer
    model = load(training.result.weights)

    assert training.result.weights == training.job.weights
    assert not model.training
    assert all(np.isfinite(p.detach().numpy()).all() for p in model.parameters())
    record = json.loads(training.job.record.read_text())
    assert record["best_score"] == training.result.best_score < float("inf")


def test_nothing_unfinished_is_left(training):
    left = {path.name for path in training.job.out.iterdir()}
    assert left == {
        training.job.weights.name,
        training.job.record.name,
        "checkpoints",
        "tensorboard",
    }


def test_the_same_again_returns_what_is_there(training):
    written = training.job.weights.stat().st_mtime_ns
    training.told.clear()

    assert training.again() == training.result
    assert training.job.weights.stat().st_mtime_ns == written
    assert training.told == []  # not a step was taken


def test_a_run_goes_on_after_its_last_checkpoint(training):
    record = json.loads(training.job.record.read_text())
    if training.job.model == "motion":  # as of a run that was stopped before it was judged at all
        training.job.record.write_text(json.dumps({**record, "history": []}))
    else:  # all that is left of a run that was stopped: its checkpoints
        training.job.record.unlink()
    weights = training.job.weights.read_bytes()
    training.told.clear()
    again = training.again()

    assert again.history == training.result.history
    assert training.job.weights.read_bytes() == weights
    assert training.told == []  # its last checkpoint was that of the last step


def own_train_workers() -> list[int]:
    """Process ids of the training workers that this process's cluster runs."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, name, rest = status.read_text().replace("(", ")").split(")", 2)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        parents[int(status.parent.name)] = (name, int(rest.split()[1]))

    def is_ours(pid: int) -> bool:
        return pid == os.getpid() or (pid in parents and is_ours(parents[pid][1]))

    # The system keeps the first fifteen letters of a name.
    return [pid for pid, (name, _) in parents.items() if "RayTrainWo" in name and is_ours(pid)]


def lists_checkpoints(snapshot: Path) -> bool:
    """Whether Ray knows a checkpoint of the run by now: it asks its workers every other second."""
    try:
        return bool(json.loads(snapshot.read_text())["checkpoint_results"])
    except ValueError:
        return False  # it is just being written


def test_a_run_whose_worker_was_killed_ends_as_if_it_had_not_been(training, tmp_path):
    """The buffer holds less than the data, so the place in the stream matters too."""
    if training.job.model == "appearance":
        pytest.skip("its own test kills all of its workers")
    killed: list[int] = []
    later: list[int] = []

    def kill_one(step: int, _: int) -> None:
        if killed:
            later.append(step)
        elif step > 20 and any(map(lists_checkpoints, tmp_path.rglob("*snapshot.json"))):
            os.kill(own_train_workers()[0], signal.SIGKILL)
            killed.append(step)

    job = replace(training.job, out=tmp_path, checkpoint_seconds=0)
    result = run_training(job, kill_one)

    assert killed and killed[0] < job.steps
    assert min(later, default=job.steps) > 20  # it did not begin anew
    assert result.history == training.result.history
    assert result.weights.read_bytes() == training.result.weights.read_bytes()
    assert logged(job) == logged(training.job)  # no step twice, none left out


def logged(job: TrainJob) -> list[tuple[int, str, float]]:
    """Step, name and value of the scalars that TensorBoard reads, but those of the clock."""
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


def test_the_record_says_how_long_it_took(training):
    result = training.result
    assert len(result.steps_per_second) == len(result.history)
    assert result.seconds > 0 and min(result.steps_per_second) > 0
    assert not result.stopped_early


def test_a_run_that_gets_no_better_stops_early_and_is_done(training, tmp_path):
    if training.job.model == "appearance":
        pytest.skip("one model shows it")
    job = replace(training.job, out=tmp_path, steps=300, patience=1)
    stopped = Training(job)
    *before, last = stopped.scores()

    assert stopped.result.stopped_early
    assert stopped.result.history[-1]["step"] < job.steps
    assert last >= min(before) == stopped.result.best_score
    assert json.loads(job.record.read_text())["stopped_early"]

    for lost in ([], [job.record]):  # what is there is enough, and so is its last checkpoint
        for path in lost:
            path.unlink()
        stopped.told.clear()
        assert stopped.again() == stopped.result
        assert stopped.told == []


def test_preprocessed_clips_are_split_by_the_names_of_their_speakers(tmp_path, whisper_dir):
    names = [f"speaker{number}" for number in range(40)]
    held_out = [n for n in names if assign_split(n, n, frozenset(), SplitConfig()) == "val"][:1]
    speakers = [*held_out, *(name for name in names[:3] if name not in held_out)]
    data = tmp_path / "data"
    write_preprocessed(data, speakers)
    # The readings are kept from saying anything, so that there is something left to learn.
    silenced = ReadingConfig(motion_ridge=1e6, closure_ridge=1e6)
    recipe = MotionTrainingConfig(voices=0, voiced_share=0.0, reading=silenced)
    job = TrainJob(
        "motion", data, tmp_path / "out", "tiny", 2, whisper_dir, 1, buffer=BUFFER, motion=recipe
    )
    result = run_training(job, lambda *_: None)
    assert [entry["step"] for entry in result.history] == [1, 2]
    assert set(clip_index(data, "val").speakers) == set(held_out)

    write_preprocessed(tmp_path / "few", [name for name in speakers if name not in held_out])
    with pytest.raises(BadInputError, match="--val-share"):
        run_training(replace(job, data=tmp_path / "few"), lambda *_: None)


def write_preprocessed(folder: Path, speakers: list[str]) -> None:
    """The folder that preprocessing leaves, as far as training reads it: shards and manifest."""
    write_curated(folder, {"train": speakers})
    rows = pq.read_table(folder / "index.parquet").to_pylist()
    (folder / "index.parquet").unlink()
    write_manifest(
        folder / "manifest.parquet",
        [
            ManifestRow(
                id=row["key"],
                kind=Kind.CLIP,
                source="drawn",
                title=row["speaker"],
                speaker=row["speaker"],
                status=Status.OK,
                shard=row["shard"],
                key=row["key"],
                offset=row["offset"],
                size=row["size"],
            )
            for row in rows
        ],
    )


def test_only_a_run_of_the_same_name_is_continued(training, curated, tmp_path):
    job = training.job
    assert run_name(replace(job, out=tmp_path, checkpoint_seconds=1.0)) == run_name(job)
    others = [
        replace(job, workers=1),
        replace(job, steps=7),
        replace(job, seed=1),
        replace(job, size="cpu"),
    ]
    assert run_name(job) not in [run_name(other) for other in others]

    data = tmp_path / "data"
    shutil.copytree(curated, data)
    assert run_name(replace(job, data=data)) == run_name(job)
    shutil.rmtree(data)
    write_curated(data, {"train": ["ann", "bo"], "val": ["cy"]}, clips=2)
    assert run_name(replace(job, data=data)) != run_name(job)


def test_data_that_is_none_is_refused(tmp_path, whisper_dir):
    job = TrainJob("motion", tmp_path / "none", tmp_path / "out", "tiny", 2, whisper_dir, 1)
    with pytest.raises(BadInputError) as refusal:
        run_training(job, lambda *_: None)
    assert refusal.value.reason is Reason.NOT_FOUND
    assert not job.out.exists()


def test_more_workers_than_places_are_refused(curated, tmp_path, whisper_dir):
    job = TrainJob("motion", curated, tmp_path / "out", "tiny", 2, whisper_dir, 3)
    with pytest.raises(BadInputError, match="3 workers need a CPU each, and Ray has 2"):
        run_training(job, lambda *_: None)


@pytest.mark.parametrize("size, wanted", [("cpu", 192), ("gpu512", 768)])
def test_crops_without_a_window_of_whole_pixels_are_refused_before_any_work(
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


def test_as_many_clips_are_held_as_memory_has_room_for(tmp_path, whisper_dir):
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


def test_shards_that_are_none_end_the_run_with_one_line(curated, tmp_path, whisper_dir):
    data = tmp_path / "data"
    shutil.copytree(curated, data)
    shard = data / "train" / "shard-00000.tar"
    shard.write_bytes(b"no tar at all" * (shard.stat().st_size // 13))
    job = TrainJob("motion", data, tmp_path / "out", "tiny", 2, whisper_dir, 1)
    with pytest.raises(TrainingFailedError) as failure:
        run_training(job, lambda *_: None)

    assert len(failure.value.what.splitlines()) == 1
    assert "shard-00000.tar: holds no sample" in failure.value.what
    assert not job.weights.exists()
