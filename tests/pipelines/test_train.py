"""Both models trained for real on real clips: tiny, a few steps, two processes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import ray

from mytalk_core.appearance.checkpoint import load_renderer
from mytalk_core.data.footage import FootageConfig, Source, extract_clips
from mytalk_core.data.shards import encode_sample, write_shard
from mytalk_core.errors import BadInputError, MytalkError, Reason
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.motion.model import load_model
from mytalk_core.speech.features import SpeechEncoder
from pipelines.train import TrainJob, TrainResult, run_training

STEPS = {"motion": 60, "appearance": 20}
# What else an entry of the history says: the step, and the figures on held-out clips.
NO_LOSS = {"step", "lmd", "aperture_r", "negative_mouth_psnr"}


@pytest.fixture(scope="module", autouse=True)
def _two_cpus():
    """One local cluster for the module, as small as the smallest machine."""
    ray.shutdown()
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


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
        """Sum of the losses, (validations,)."""
        return np.array(
            [
                sum(value for name, value in entry.items() if name not in NO_LOSS)
                for entry in self.result.history
            ]
        )


@pytest.fixture(scope="module", params=sorted(STEPS))
def training(request, curated, whisper_dir, tmp_path_factory) -> Training:
    out = tmp_path_factory.mktemp("trained")
    job = TrainJob(request.param, curated, out, "tiny", STEPS[request.param], whisper_dir, 2)
    return Training(job)


def test_the_loss_falls(training):
    loss = training.loss()
    share = len(loss) // 4

    assert np.isfinite(loss).all()
    assert loss[-share:].mean() < 0.9 * loss[:share].mean()
    assert training.result.history[-1]["step"] == training.job.steps


def test_the_weights_are_the_best_and_load(training):
    load = load_model if training.job.model == "motion" else load_renderer
    model = load(training.result.weights)

    assert training.result.weights == training.job.weights
    assert not model.training
    assert all(np.isfinite(p.detach().numpy()).all() for p in model.parameters())
    record = json.loads((training.job.out / "history.json").read_text())
    assert record["best_score"] == training.result.best_score < float("inf")


def test_nothing_unfinished_is_left(training):
    left = {path.name for path in training.job.out.iterdir()}
    assert left == {training.job.weights.name, "history.json", "checkpoints"}


def test_the_same_again_returns_what_is_there(training):
    weights, written = training.job.weights.read_bytes(), training.job.weights.stat().st_mtime_ns
    training.told.clear()

    assert training.again() == training.result
    assert training.job.weights.read_bytes() == weights
    assert training.job.weights.stat().st_mtime_ns == written
    assert training.told == []  # not a step was taken


def test_another_seed_is_another_run(training, tmp_path):
    if training.job.model == "appearance":
        pytest.skip("one model shows it")
    other = Training(replace(training.job, out=tmp_path, steps=4, seed=1, workers=1))
    same = Training(replace(training.job, out=tmp_path / "same", steps=4, seed=1, workers=1))
    third = Training(replace(training.job, out=tmp_path / "third", steps=4, seed=2, workers=1))

    assert same.result.history == other.result.history
    assert third.result.history != other.result.history


def test_data_that_is_none_is_refused(tmp_path, whisper_dir):
    job = TrainJob("motion", tmp_path / "none", tmp_path / "out", "tiny", 2, whisper_dir, 1)
    with pytest.raises(BadInputError) as refusal:
        run_training(job, lambda *_: None)
    assert refusal.value.reason is Reason.NOT_FOUND
    assert not job.out.exists()


def test_shards_that_are_none_end_the_run_with_a_word(tmp_path, curated, whisper_dir):
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "shard-00000.tar").write_bytes(b"no tar at all" * 100)
    job = TrainJob("motion", tmp_path, tmp_path / "out", "tiny", 2, whisper_dir, 1)
    with pytest.raises(MytalkError):
        run_training(job, lambda *_: None)
    assert not job.weights.exists()
