"""Checkpoints of a run in a folder and in an object store."""

import uuid
from pathlib import Path

import pytest
import torch

from mytalk_core.data.storage import Store, open_store
from mytalk_core.training.checkpoints import CHECKPOINTS, Checkpoints
from mytalk_core.training.state import TrainingState


@pytest.fixture(params=["folder", "object store"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_store(tmp_path if request.param == "folder" else f"memory://{uuid.uuid4().hex}")


def state(step: int) -> TrainingState:
    return TrainingState(
        step=step,
        optimiser={
            "state": {0: {"step": torch.tensor(float(step))}},
            "param_groups": [{"lr": 0.1}],
        },
        weights={"layer": torch.full((2, 3), float(step))},
        history=[{"step": step, "score": 0.5}],
    )


def test_the_last_two_checkpoints_of_a_run_are_kept(store: Store) -> None:
    run, other = Checkpoints(store, "motion-a"), Checkpoints(store, "motion-ab")
    assert run.last() == 0
    other.add(state(7))
    for step in (20, 40, 1_000):
        run.add(state(step))
    assert run.last() == 1_000
    assert len(list(store.names(f"{CHECKPOINTS}/motion-a/"))) == 2
    assert other.last() == 7
    read = run.read(1_000)
    assert torch.equal(read.weights["layer"], state(1_000).weights["layer"])
    assert read.optimiser["state"][0]["step"] == 1_000
    assert (read.step, read.history) == (1_000, state(1_000).history)


def test_a_checkpoint_that_cannot_be_written_whole_leaves_the_one_before(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Checkpoints(store, "motion-a")
    run.add(state(20))

    def killed(content: object, path: Path) -> None:
        path.write_bytes(b"half a checkpoint")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        run.add(state(40))
    assert run.last() == 20
    assert run.read(20).step == 20
