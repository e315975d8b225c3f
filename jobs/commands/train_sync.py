"""`mytalk train-sync`: curated shards to one copy of the sync expert."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from jobs.console import progress, result


class Copy(StrEnum):
    """What a copy is for."""

    PREPROCESSING = "preprocessing"
    TRAINING = "training"
    EVALUATION = "evaluation"
    PIXELS = "pixels"


def train_sync(
    copy: Annotated[Copy, typer.Argument(show_default=False, help="What the copy is for.")],
    data: Annotated[Path, typer.Option(show_default=False, help="What `mytalk curate` wrote.")],
    out: Annotated[Path, typer.Option(show_default=False, help="Folder for the weights.")],
) -> None:
    """Train the expert that tells whether lips and sound fit, for one purpose only.

    The copies for preprocessing, training and evaluation are separate and never mix. It takes a
    minute or two; the same data give the same weights on the same machine.

    \b
    mytalk train-sync preprocessing --data curated/ --out trained/
    mytalk train-sync pixels --data curated/ --out trained/
    """
    from mytalk_core.data.model_store import pull
    from mytalk_core.data.output_check import Output, check_output_folder
    from mytalk_core.sync.expert_file import Purpose, expert_path
    from pipelines.train_sync import SyncTrainJob, run_sync_training

    purpose = Purpose(copy.value)
    check_output_folder(out, [Output(expert_path(purpose).name)], [data])
    job = SyncTrainJob(purpose, data, out, pull("whisper-base"))
    seen = 0
    with progress(f"training the sync expert for {copy.value}", None) as advance:

        def report(done: int, total: int) -> None:
            nonlocal seen
            advance(done - seen, total)
            seen = done

        accuracy = run_sync_training(job, report)
    result(
        {"weights": str(job.weights), "accuracy": accuracy},
        f"weights: {job.weights}\na second of held-out speakers within one frame: {accuracy:.0%}",
    )
