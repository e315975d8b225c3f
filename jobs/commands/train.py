"""`mytalk train`: shards to the weights of one of the two models."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from jobs.cluster_option import Address
from jobs.console import note, progress, result
from mytalk_core.errors import BadInputError, Reason


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


# Of what a run writes into its folder, beside two folders.
_WRITTEN = ("safetensors", "history.json", "progress.txt", "report.html", "report.md")

_STEPS = {Model.MOTION: 300, Model.APPEARANCE: 1600}


def train(
    model: Annotated[Model, typer.Argument(show_default=False, help="Which of the two models.")],
    data: Annotated[
        str,
        typer.Option(
            show_default=False,
            metavar="FOLDER",
            help="What `mytalk curate` wrote, or `mytalk preprocess`; path or URL.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            show_default=False,
            help="Folder for weights, report, TensorBoard events and checkpoints; where several"
            " machines train, one that all of them see.",
        ),
    ],
    size: Annotated[
        Size,
        typer.Option(
            help="tiny: seconds, for trying out. cpu: minutes to half an hour on two cores."
            " gpu: for hundreds of hours of footage; the renderer then sees a lower face at 256"
            " pixels. gpu512: the renderer at 512."
        ),
    ] = Size.CPU,
    steps: Annotated[
        int | None, typer.Option(min=1, show_default="by model", help="Optimiser steps.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, show_default="one per GPU or else CPU, at most 2", help="Processes, or GPUs."
        ),
    ] = None,
    begun: Annotated[
        Path | None,
        typer.Option(
            "--from", show_default=False, help="Weights of a renderer to go on from, same size."
        ),
    ] = None,
    patience: Annotated[
        int,
        typer.Option(
            min=1,
            help="Of some 20 validations of a run, how many in a row may bring nothing better"
            " before it ends early.",
        ),
    ] = 8,
    address: Address = "",
) -> None:
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
    from mytalk_core.data.output_check import Output, check_output_folder
    from pipelines.train import run_training
    from pipelines.training_job import TrainJob, default_workers

    names = (f"{model.value}.{ending}" for ending in _WRITTEN)
    written = [*map(Output, names), Output("tensorboard", True), Output("checkpoints", True)]
    check_output_folder(out, written, [data, *([begun] if begun else [])])
    judges = None
    if model is Model.APPEARANCE:
        from mytalk_core.appearance.training import JudgingModels

        judges = JudgingModels("perceptual-vgg16", "perceptual-alexnet")
        if begun:
            _check_size(begun, size)
    elif begun:
        raise BadInputError(
            "goes on from a renderer only.",
            reason=Reason.BAD_CONFIGURATION,
            where="--from",
            remedy="Leave it out, or train appearance.",
        )
    elif size is Size.GPU512:
        raise BadInputError(
            "is a size of the renderer only.",
            reason=Reason.BAD_CONFIGURATION,
            where="--size gpu512",
            remedy="Take gpu.",
        )
    job = TrainJob(
        model=model.value,
        data=data,
        out=out,
        size=size.value,
        steps=steps or _STEPS[model],
        speech_encoder="whisper-base",
        workers=workers or default_workers(),
        patience=patience,
        judges=judges,
        begun=begun,
    )
    if is_preprocessed(data):
        note(PREPROCESSED)
    seen = 0
    with progress(f"training {model.value}", job.steps) as advance:

        def report(done: int, total: int) -> None:
            nonlocal seen
            advance(done - seen)
            seen = done

        trained = run_training(job, report, note, address)
    page = write_training_report(out / f"{model.value}.report.html", job, trained)
    result(
        {
            "weights": str(trained.weights),
            "report": str(page),
            "report_text": str(page.with_suffix(".md")),
            "tensorboard": str(out / "tensorboard"),
            "stopped_early": trained.stopped_early,
            "best_score": trained.best_score,
            "history": trained.history,
        },
        f"weights: {trained.weights}\nreport:  {page}, {page.with_suffix('.md').name}",
    )


def _check_size(weights: Path, size: Size) -> None:
    """Find out now whether a run can go on from these weights."""
    from mytalk_core.appearance.checkpoint import load_renderer
    from mytalk_core.appearance.renderer import SIZES

    if load_renderer(weights).config != SIZES[size.value]:
        raise BadInputError(
            f"is a renderer of another size than {size.value}.",
            reason=Reason.BAD_CONFIGURATION,
            where=str(weights),
            remedy="Name its own size with --size.",
        )
