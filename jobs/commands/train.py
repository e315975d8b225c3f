"""`mytalk train`: shards to the weights of one of the two models."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cluster_option import Address
from jobs.console import counted, note, result
from jobs.options import with_options
from mytalk_core.errors import BadInputError, Reason

if TYPE_CHECKING:
    from pipelines.training_job import TrainJob


class Model(StrEnum):
    """What can be trained."""

    MOTION = "motion"
    APPEARANCE = "appearance"


class Size(StrEnum):
    """The written configurations."""

    TINY = "tiny"
    CPU = "cpu"
    GPU = "gpu"
    GPU512 = "gpu512"


# Endings of the files that a run writes, besides two folders.
_WRITTEN = ("safetensors", "history.json", "progress.txt", "report.html", "report.md")

_STEPS = {Model.MOTION: 300, Model.APPEARANCE: 1600}


@dataclass(frozen=True)
class TrainOptions:
    """What `mytalk train` takes."""

    model: Annotated[Model, typer.Argument(show_default=False)]
    """Which of the two models."""

    data: Annotated[str, typer.Option(show_default=False, metavar="FOLDER")]
    """What `mytalk curate` wrote, or `mytalk preprocess`; path or URL."""

    out: Annotated[Path, typer.Option(show_default=False)]
    """Folder for weights, report, TensorBoard events and checkpoints; where several machines
    train, one that all of them see."""

    size: Size = Size.CPU
    """tiny: seconds, for trying out. cpu: minutes to half an hour on two cores. gpu: for hundreds
    of hours of footage; the renderer then sees a lower face at 256 pixels. gpu512: the renderer at
    512."""

    steps: Annotated[int | None, typer.Option(min=1, show_default="by model")] = None
    """Optimiser steps."""

    workers: Annotated[
        int | None, typer.Option(min=1, show_default="one per GPU or else CPU, at most 2")
    ] = None
    """Processes, or GPUs."""

    initial: Annotated[Path | None, typer.Option("--from", show_default=False)] = None
    """Weights of a renderer to go on from, same size."""

    patience: Annotated[int, typer.Option(min=1)] = 8
    """Of some 20 validations of a run, how many in a row may bring nothing better before it ends
    early."""

    address: Address = ""


@with_options
def train(options: TrainOptions) -> None:
    """Train speech-to-motion or the renderer; the same command goes on where it stopped.

    Writes the weights as safetensors, a report (HTML and Markdown) with curves, samples and
    held-out numbers, and curves for TensorBoard. Held-out speakers choose the weights; motion is
    judged on their clips dubbed with the speech of their other clips. Data that was not curated
    is split by the speakers' names. On a Ray cluster (--address), workers go where it has GPUs.

    \b
    mytalk train motion --data curated/ --out trained/
    mytalk train appearance --data curated/ --out trained/ --steps 1500
    tensorboard --logdir trained/tensorboard
    """
    from jobs.training_report import PREPROCESSED, is_preprocessed, write_training_report
    from pipelines.train import run_training

    _check(options)
    job = _job(options)
    if is_preprocessed(options.data):
        note(PREPROCESSED)
    name = options.model.value
    with counted(f"training {name}", job.steps) as report:
        trained = run_training(job, report, note, options.address)
    page = write_training_report(options.out / f"{name}.report.html", job, trained)
    text = page.with_suffix(".md")
    result(
        {
            "weights": str(trained.weights),
            "report": str(page),
            "report_text": str(text),
            "tensorboard": str(options.out / "tensorboard"),
            "stopped_early": trained.stopped_early,
            "best_score": trained.best_score,
            "history": trained.history,
        },
        f"weights: {trained.weights}\nreport:  {page}, {text.name}",
    )


def _check(options: TrainOptions) -> None:
    """Check the output folder and the combination of options, before data are read."""
    from mytalk_core.data.output_check import Output, check_output_folder

    names = (f"{options.model.value}.{ending}" for ending in _WRITTEN)
    written = [*map(Output, names), Output("tensorboard", True), Output("checkpoints", True)]
    initial = [options.initial] if options.initial else []
    check_output_folder(options.out, written, [options.data, *initial])
    if options.model is Model.APPEARANCE:
        if options.initial:
            _check_size(options.initial, options.size)
    elif options.initial:
        raise BadInputError(
            "goes on from a renderer only.",
            reason=Reason.BAD_CONFIGURATION,
            where="--from",
            remedy="Leave it out, or train appearance.",
        )
    elif options.size is Size.GPU512:
        raise BadInputError(
            "is a size of the renderer only.",
            reason=Reason.BAD_CONFIGURATION,
            where="--size gpu512",
            remedy="Take gpu.",
        )


def _job(options: TrainOptions) -> TrainJob:
    from mytalk_core.appearance.training import JudgingModels
    from pipelines.training_job import TrainJob, default_workers

    judges = None
    if options.model is Model.APPEARANCE:
        judges = JudgingModels("perceptual-vgg16", "perceptual-alexnet")
    return TrainJob(
        model=options.model.value,
        data=options.data,
        out=options.out,
        size=options.size.value,
        steps=options.steps or _STEPS[options.model],
        speech_encoder="whisper-base",
        workers=options.workers or default_workers(),
        patience=options.patience,
        judges=judges,
        begun=options.initial,
    )


def _check_size(weights: Path, size: Size) -> None:
    """Check that a run can continue from these weights."""
    from mytalk_core.appearance.checkpoint import load_renderer
    from mytalk_core.appearance.renderer import SIZES

    if load_renderer(weights).config != SIZES[size.value]:
        raise BadInputError(
            f"is a renderer of another size than {size.value}.",
            reason=Reason.BAD_CONFIGURATION,
            where=str(weights),
            remedy="Name its own size with --size.",
        )
