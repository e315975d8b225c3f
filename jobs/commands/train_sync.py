"""`mytalk train-sync`: curated shards to the weights of one sync expert."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from jobs.console import counted, result
from jobs.options import with_options


class Copy(StrEnum):
    """Purposes of a sync expert."""

    PREPROCESSING = "preprocessing"
    TRAINING = "training"
    EVALUATION = "evaluation"
    PIXELS = "pixels"


@dataclass(frozen=True)
class SyncOptions:
    """What `mytalk train-sync` takes."""

    copy: Annotated[Copy, typer.Argument(show_default=False)]
    """Purpose of the weights."""

    data: Annotated[str, typer.Option(show_default=False)]
    """Folder that `mytalk curate` wrote; path or URL."""

    out: Annotated[Path, typer.Option(show_default=False)]
    """Folder for the weights."""


@with_options
def train_sync(options: SyncOptions) -> None:
    """Train the audio-visual sync expert for one purpose.

    The experts for preprocessing, training and evaluation are separate models. Training takes a
    minute or two; the same data give the same weights on the same machine.

    \b
    mytalk train-sync preprocessing --data curated/ --out trained/
    mytalk train-sync pixels --data curated/ --out trained/
    """
    from mytalk_core.data.clip_index import described_by
    from mytalk_core.data.model_store import pull
    from mytalk_core.data.output_check import Output, check_output_folder
    from mytalk_core.sync.expert_file import Purpose, expert_path
    from pipelines.train_sync import SyncTrainJob, run_sync_training

    purpose = Purpose(options.copy.value)
    check_output_folder(options.out, [Output(expert_path(purpose).name)], [options.data])
    described_by(options.data)  # before the model is fetched
    job = SyncTrainJob(purpose, options.data, options.out, pull("whisper-base"))
    with counted(f"training the sync expert for {options.copy.value}", None) as report:
        accuracy = run_sync_training(job, report)
    result(
        {"weights": str(job.weights), "accuracy": accuracy},
        f"weights: {job.weights}\n"
        f"one-second segments of held-out speakers placed within one frame: {accuracy:.0%}",
    )
