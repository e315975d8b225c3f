"""`mytalk train`: shards to the weights of the motion model or the renderer."""

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
    """Models to train."""

    MOTION = "motion"
    APPEARANCE = "appearance"


class Size(StrEnum):
    """Model configurations."""

    TINY = "tiny"
    CPU = "cpu"
    GPU = "gpu"
    GPU512 = "gpu512"


# Endings of the files that a run writes, besides two folders.
_WRITTEN = ("safetensors", "history.json", "report.html", "report.md")

_STEPS = {Model.MOTION: 300, Model.APPEARANCE: 1600}


@dataclass(frozen=True)
class TrainOptions:
    """What `mytalk train` takes."""

    model: Annotated[Model, typer.Argument(show_default=False)]
    """Model to train."""

    data: Annotated[str, typer.Option(show_default=False, metavar="FOLDER")]
    """Folder that `mytalk curate` or `mytalk preprocess` wrote; path or URL."""

    out: Annotated[str, typer.Option(show_default=False)]
    """Folder or URL for weights, report, TensorBoard events and checkpoints; with several machines,
    a URL, or a folder that all of them share."""

    size: Size = Size.CPU
    """tiny: seconds, for a trial. cpu: minutes to half an hour on two cores. gpu: for hundreds of
    hours of footage; the renderer draws the lower face at 256 pixels. gpu512: at 512 pixels."""

    steps: Annotated[int | None, typer.Option(min=1, show_default="by model")] = None
    """Optimiser steps."""

    workers: Annotated[
        int | None, typer.Option(min=1, show_default="one per GPU or else CPU, at most 2")
    ] = None
    """Training processes; one GPU each where there are GPUs."""

    initial: Annotated[Path | None, typer.Option("--from", show_default=False)] = None
    """Initial weights of a renderer of the same size."""

    speech: Annotated[Path | None, typer.Option(show_default=False, metavar="FOLDER")] = None
    """English speech from which the motion model also learns to close the lips on M, B and P:
    SPEAKER/SOUND with the words beside it, as .txt or .json of `mytalk align`."""

    patience: Annotated[int, typer.Option(min=1)] = 8
    """Validations in a row without improvement, of some 20 in a run, after which it stops early."""

    address: Address = ""


@with_options
def train(options: TrainOptions) -> None:
    """Train the motion model or the renderer; the same command continues an interrupted run.

    Writes the weights as safetensors, a report (HTML and Markdown) with curves, samples and
    held-out metrics, and TensorBoard events. Held-out speakers choose the checkpoint; motion is
    validated on their clips dubbed with the speech of their other clips. Data that was not curated
    is split by speaker name. On a Ray cluster (--address), workers run on GPUs where it has any.

    \b
    mytalk train motion --data curated/ --out trained/
    mytalk train motion --data curated/ --speech librispeech/ --out trained/
    mytalk train appearance --data curated/ --out trained/ --steps 1500
    mytalk train motion --data s3://lab/curated --out s3://lab/trained --address head:6379
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
    page, text = write_training_report(job, trained)
    result(
        {
            "weights": trained.weights,
            "report": page,
            "report_text": text,
            "tensorboard": f"{job.store.url}/tensorboard",
            "stopped_early": trained.stopped_early,
            "best_score": trained.best_score,
            "history": trained.history,
        },
        f"weights: {trained.weights}\nreport:  {page}, {text.rpartition('/')[2]}",
    )


def _check(options: TrainOptions) -> None:
    """Check the output folder and the combination of options, before data are read."""
    from mytalk_core.data.output_check import Output, check_output_folder

    names = (f"{options.model.value}.{ending}" for ending in _WRITTEN)
    written = [*map(Output, names), Output("tensorboard", True), Output("checkpoints", True)]
    given = [path for path in (options.initial, options.speech) if path]
    check_output_folder(options.out, written, [options.data, *given])
    if options.model is Model.APPEARANCE:
        if options.speech:
            raise BadInputError(
                "is for the motion model only.",
                reason=Reason.BAD_CONFIGURATION,
                where="--speech",
                remedy="Omit it, or train motion.",
            )
        if options.initial:
            _check_size(options.initial, options.size)
    elif options.initial:
        raise BadInputError(
            "takes initial weights of a renderer only.",
            reason=Reason.BAD_CONFIGURATION,
            where="--from",
            remedy="Omit it, or train appearance.",
        )
    elif options.size is Size.GPU512:
        raise BadInputError(
            "is a size of the renderer only.",
            reason=Reason.BAD_CONFIGURATION,
            where="--size gpu512",
            remedy="Use gpu.",
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
        initial=options.initial,
        speech=options.speech,
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
            remedy="Give its size with --size.",
        )
