from dataclasses import replace
from pathlib import Path

import pytest
import torch

from jobs.commands.train_sync import Copy
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.sync.expert import load_expert
from mytalk_core.sync.expert_file import Purpose
from mytalk_core.sync.recipes import RECIPES
from pipelines.train_sync import SyncTrainJob, run_sync_training
from tests.synthetic_face import write_curated


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recipes of a few steps."""
    for purpose, recipe in RECIPES.items():
        training = replace(recipe.training, steps=4, batch=2)
        monkeypatch.setitem(RECIPES, purpose, replace(recipe, training=training))


def test_every_expert_is_trained_on_curated_shards(
    tmp_path: Path, whisper_dir: Path, hasty: None
) -> None:
    torch.set_num_threads(1)
    data = write_curated(tmp_path / "data", {"train": ["ann"], "val": ["jo"]}, frames=70)
    for purpose in Purpose:
        steps = []
        job = SyncTrainJob(purpose, data, tmp_path / "out", whisper_dir)
        accuracy = run_sync_training(job, lambda done, total: steps.append((done, total)))  # noqa: B023
        assert steps == [(done, 6) for done in range(1, 7)]
        assert 0 <= accuracy <= 1
        assert job.weights.name == f"sync_{purpose}.safetensors"
        found = load_expert(purpose, job.weights).config
        assert replace(found, in_step=0.0) == RECIPES[purpose].expert
    first = (tmp_path / "out" / "sync_training.safetensors").read_bytes()
    again = SyncTrainJob(Purpose.TRAINING, data, tmp_path / "again", whisper_dir)
    run_sync_training(again, lambda done, total: None)
    assert again.weights.read_bytes() == first


def test_the_command_offers_every_expert() -> None:
    assert [copy.value for copy in Copy] == [purpose.value for purpose in Purpose]


def test_clips_that_are_too_short_are_refused(
    tmp_path: Path, whisper_dir: Path, hasty: None
) -> None:
    data = write_curated(tmp_path / "data", {"train": ["ann"], "val": ["jo"]}, frames=40)
    job = SyncTrainJob(Purpose.EVALUATION, data, tmp_path / "out", whisper_dir)
    with pytest.raises(BadInputError, match="no clip has 64 frames") as refused:
        run_sync_training(job, lambda done, total: None)
    assert refused.value.reason is Reason.TOO_SHORT
    assert not job.weights.exists()
