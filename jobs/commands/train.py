"""`mytalk train`: curated shards to the weights of one of the two models."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from jobs.console import progress, result


class Model(StrEnum):
    """What can be trained."""

    MOTION = "motion"
    APPEARANCE = "appearance"


class Size(StrEnum):
    """The written configurations."""

    TINY = "tiny"
    CPU = "cpu"
    GPU = "gpu"


_STEPS = {Model.MOTION: 800, Model.APPEARANCE: 1600}


def train(
    model: Annotated[Model, typer.Argument(show_default=False, help="Which of the two models.")],
    data: Annotated[Path, typer.Option(show_default=False, help="What `mytalk curate` wrote.")],
    out: Annotated[Path, typer.Option(show_default=False, help="Folder for the weights.")],
    size: Annotated[
        Size, typer.Option(help="tiny: seconds, for trying out. cpu: an hour on two cores.")
    ] = Size.CPU,
    steps: Annotated[
        int | None, typer.Option(min=1, show_default="by model", help="Optimiser steps.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, show_default="one per CPU, at most 2", help="Processes, or GPUs."),
    ] = None,
) -> None:
    """Train speech-to-motion or the renderer; the same command goes on where it stopped.

    Writes the weights as safetensors, and a report with curves and held-out numbers.

    \b
    mytalk train motion --data curated/ --out trained/
    mytalk train appearance --data curated/ --out trained/ --steps 1500
    """
    from jobs.training_report import write_training_report
    from mytalk_core.data.model_store import pull
    from pipelines.train import TrainJob, run_training

    job = TrainJob(
        model=model.value,
        data=data,
        out=out,
        size=size.value,
        steps=steps or _STEPS[model],
        speech_encoder=pull("whisper-base"),
        workers=workers or min(os.cpu_count() or 1, 2),
    )
    seen = 0
    with progress(f"training {model.value}", job.steps) as advance:

        def report(done: int, total: int) -> None:
            nonlocal seen
            advance(done - seen)
            seen = done

        trained = run_training(job, report)
    page = write_training_report(out / f"{model.value}.report.html", job, trained)
    result(
        {
            "weights": str(trained.weights),
            "report": str(page),
            "best_score": trained.best_score,
            "history": trained.history,
        },
        f"weights: {trained.weights}\nreport:  {page}",
    )
