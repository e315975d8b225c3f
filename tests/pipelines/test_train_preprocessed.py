"""Training on the output of preprocessing, with one worker in this process, without Ray."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
import torch

from mytalk_core.data.clip_buffer import BufferConfig
from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.manifest import Kind, ManifestRow, Status, write_manifest
from mytalk_core.data.splits import SplitConfig, assign_split
from mytalk_core.errors import BadInputError
from pipelines import train, train_worker
from pipelines.train import run_training
from pipelines.train_worker import TrainRun
from pipelines.training_job import TrainJob
from tests.small_judges import write_small_judges
from tests.synthetic_face import write_curated

NAMES = [f"speaker{number}" for number in range(40)]
HELD_OUT = [n for n in NAMES if assign_split(n, n, frozenset(), SplitConfig()) == "val"]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps that are taken, by one worker in this process."""
    taken: list[int] = []
    alone = SimpleNamespace(get_world_rank=lambda: 0, get_world_size=lambda: 1)

    def fit(job: TrainJob, name: str, progress: Callable[[int, int], None]) -> None:
        train_worker.train_worker(TrainRun(job, name, ""))

    monkeypatch.setattr(train_worker, "ray_train", SimpleNamespace(get_context=lambda: alone))
    monkeypatch.setattr(train_worker, "get_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(train_worker, "prepare_model", lambda module: module)
    monkeypatch.setattr(train_worker, "step_writer", lambda key: taken.append)
    monkeypatch.setattr(train, "connected", lambda address: nullcontext())
    monkeypatch.setattr(train, "_fit", fit)
    return taken


def test_preprocessed_clips_train_until_nothing_improves(
    steps: list[int], whisper_dir: Path, tmp_path: Path
) -> None:
    """Speakers are split by name. The stopped run counts as finished."""
    speakers = [HELD_OUT[0], *(name for name in NAMES[:3] if name != HELD_OUT[0])]
    data, out = tmp_path / "data", tmp_path / "out"
    write_preprocessed(data, speakers)
    job = TrainJob(
        "appearance",
        data,
        out,
        "tiny",
        20,
        whisper_dir,
        1,
        buffer=BufferConfig(capacity=2, draws_per_clip=5),
        judges=write_small_judges(tmp_path),
        patience=1,
    )
    stopped = run_training(job, lambda *_: None)
    *before, last = [entry["mouth_lpips"] for entry in stopped.history]

    assert clip_index(data, "val").speakers == (HELD_OUT[0],)
    assert stopped.stopped_early
    assert stopped.history[-1]["step"] == steps[-1] < job.steps
    assert last >= min(before) == stopped.best_score
    record = out / job.record
    assert json.loads(record.read_text())["stopped_early"]

    for lost in ([], [record]):  # the record is enough, and so is the last checkpoint
        for path in lost:
            path.unlink()
        steps.clear()
        assert run_training(job, lambda *_: None) == stopped
        assert steps == []


def test_preprocessed_clips_without_held_out_speakers_are_refused(
    steps: list[int], whisper_dir: Path, tmp_path: Path
) -> None:
    trained = [name for name in NAMES if name not in HELD_OUT][:2]
    write_preprocessed(tmp_path / "few", trained)
    job = TrainJob("motion", tmp_path / "few", tmp_path / "out", "tiny", 2, whisper_dir, 1)
    with pytest.raises(BadInputError, match="--val-share"):
        run_training(job, lambda *_: None)
    assert steps == []


def write_preprocessed(folder: Path, speakers: list[str]) -> None:
    """Write the part of the output of preprocessing that training reads: shards and manifest."""
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
