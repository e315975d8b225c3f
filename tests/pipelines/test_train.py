"""Both models trained for real on real clips: tiny, a few steps, two processes."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.appearance.checkpoint import load_renderer
from mytalk_core.data.footage import FootageConfig, Source, extract_clips
from mytalk_core.data.shards import encode_sample, write_shard
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.motion.model import load_model
from mytalk_core.speech.features import SpeechEncoder
from pipelines.train import (
    TrainingFailedError,
    TrainJob,
    TrainResult,
    run_name,
    run_training,
)

STEPS = {"motion": 60, "appearance": 20}
MOTION_LOSSES = ("points", "velocity", "aperture", "identity", "contrast")


pytestmark = pytest.mark.usefixtures("two_cpus")


@pytest.fixture(scope="module")
def curated(tmp_path_factory, sample_clips, landmarker_model, whisper_dir) -> Path:
    """Clips of two seconds to train on and to judge by, as curation lays them out."""
    root = tmp_path_factory.mktemp("curated")
    encoder = SpeechEncoder(whisper_dir, threads=1)
    config = FootageConfig(clip_seconds=2)
    with MeshLandmarker(landmarker_model) as landmarker:
        for split, name in (("train", "jwp_intro"), ("val", "test_movie")):
            source = Source(sample_clips[name].path, name, f"speaker_{split}")
            clips = [*extract_clips(source, landmarker, encoder, config, {})][:3]
            members = [(clip.meta.key, encode_sample(clip)) for clip in clips]
            (root / split).mkdir()
            write_shard(root / split / "shard-00000.tar", members)
    return root


class Training:
    """A run that has ended, and what it takes to start it again."""

    def __init__(self, job: TrainJob) -> None:
        self.job = job
        self.told: list[int] = []
        self.result = self.again()

    def again(self) -> TrainResult:
        return run_training(self.job, lambda step, _: self.told.append(step))

    def loss(self) -> np.ndarray:
        """What is to fall, (validations,): of motion the losses of the steps.

        Those of the renderer leap with the light that its batches are shown in; it is judged by
        its error on held-out clips.
        """
        if self.job.model == "appearance":
            return np.array([entry["negative_mouth_psnr"] for entry in self.result.history])
        return np.array(
            [sum(entry[name] for name in MOTION_LOSSES) for entry in self.result.history]
        )


@pytest.fixture(scope="module", params=sorted(STEPS))
def training(request, curated, whisper_dir, tmp_path_factory) -> Training:
    out = tmp_path_factory.mktemp("trained")
    job = TrainJob(request.param, curated, out, "tiny", STEPS[request.param], whisper_dir, 2)
    return Training(job)


def test_the_loss_falls(training):
    loss = training.loss()
    share = len(loss) // 4
    first, last = loss[:share].mean(), loss[-share:].mean()

    assert np.isfinite(loss).all()
    assert last < first - 0.02 * abs(first)
    assert training.result.history[-1]["step"] == training.job.steps


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
    assert left == {training.job.weights.name, training.job.record.name, "checkpoints"}


def test_the_same_again_returns_what_is_there(training):
    written = training.job.weights.stat().st_mtime_ns
    training.told.clear()

    assert training.again() == training.result
    assert training.job.weights.stat().st_mtime_ns == written
    assert training.told == []  # not a step was taken


def test_a_run_goes_on_after_its_last_checkpoint(training):
    if training.job.model == "motion":
        pytest.skip("one model shows it")
    training.job.record.unlink()  # all that is left of a run that was stopped: its checkpoints
    weights = training.job.weights.read_bytes()
    training.told.clear()
    again = training.again()

    assert again.history == training.result.history
    assert training.job.weights.read_bytes() == weights
    assert training.told == []  # its last checkpoint was that of the last step


def test_only_a_run_of_the_same_name_is_continued(training, curated, tmp_path):
    job = training.job
    assert run_name(replace(job, out=tmp_path, workers=1)) == run_name(job)
    others = [replace(job, steps=7), replace(job, seed=1), replace(job, size="cpu")]
    assert run_name(job) not in [run_name(other) for other in others]

    data = tmp_path / "data"
    shutil.copytree(curated, data)
    assert run_name(replace(job, data=data)) == run_name(job)
    write_shard(data / "train" / "shard-00001.tar", [])
    assert run_name(replace(job, data=data)) != run_name(job)


def test_data_that_is_none_is_refused(tmp_path, whisper_dir):
    job = TrainJob("motion", tmp_path / "none", tmp_path / "out", "tiny", 2, whisper_dir, 1)
    with pytest.raises(BadInputError) as refusal:
        run_training(job, lambda *_: None)
    assert refusal.value.reason is Reason.NOT_FOUND
    assert not job.out.exists()


def test_crops_of_another_size_are_refused_before_any_work(curated, tmp_path, whisper_dir):
    job = TrainJob("appearance", curated, tmp_path / "out", "gpu", 2, whisper_dir, 1)
    with pytest.raises(BadInputError, match="--crop-size 256") as refusal:
        run_training(job, lambda *_: None)
    assert refusal.value.reason is Reason.BAD_CONFIGURATION
    assert not job.out.exists()


def test_shards_that_are_none_end_the_run_with_one_line(tmp_path, whisper_dir):
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "shard-00000.tar").write_bytes(b"no tar at all" * 100)
    job = TrainJob("motion", tmp_path, tmp_path / "out", "tiny", 2, whisper_dir, 1)
    with pytest.raises(TrainingFailedError) as failure:
        run_training(job, lambda *_: None)

    assert len(failure.value.what.splitlines()) == 1
    assert "shard-00000.tar: is not a shard" in failure.value.what
    assert not job.weights.exists()
