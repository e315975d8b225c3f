"""What `mytalk train` leaves beside the weights: its page, with numbers on held-out speakers."""

from pathlib import Path
from typing import Any

from jobs.console import Advance, progress
from mytalk_core.appearance.checkpoint import load_renderer
from mytalk_core.appearance.renderer import SIZES as RENDERER_SIZES
from mytalk_core.data.curated import shards_of
from mytalk_core.data.splits import Split
from mytalk_core.errors import BadInputError
from mytalk_core.evaluation.appearance_table import evaluate_appearance
from mytalk_core.evaluation.motion_section import evaluate_motion
from mytalk_core.evaluation.sections import Section
from mytalk_core.evaluation.training_page import TrainingPage, settings, write_training_page
from mytalk_core.motion.model import SIZES as MOTION_SIZES
from mytalk_core.motion.model import load_model
from mytalk_core.motion.training import MotionTrainingConfig
from mytalk_core.speech.features import SpeechEncoder
from pipelines.train import TrainJob, TrainResult, appearance_config, loop_config


def write_training_report(path: Path, job: TrainJob, trained: TrainResult) -> Path:
    """Measure the trained weights on speakers held out of training and write the page; its path.

    Raises:
        OutputError: where the page cannot be written.
    """
    split = _held_out_split(job.data)
    with progress(f"measuring {job.model} on held-out speakers", None) as advance:
        held_out = _measured(job, trained.weights, split, advance)
    page = TrainingPage(
        title=f"Training of the {job.model} model",
        facts={
            "weights": trained.weights.name,
            "steps": str(job.steps),
            "size": job.size,
        },
        history=trained.history,
        best_score=trained.best_score,
        configuration=_configuration(job),
        held_out=held_out,
    )
    write_training_page(path, page)
    return path


def _held_out_split(data: Path) -> Split:
    """`test` where there is one; else the speakers that have chosen the checkpoint."""
    try:
        shards_of(data, "test")
    except BadInputError:
        return "val"
    return "test"


def _measured(job: TrainJob, weights: Path, split: Split, advance: Advance) -> Section:
    if job.model == "motion":
        encoder = SpeechEncoder(job.speech_encoder)
        return evaluate_motion(job.data, split, load_model(weights), encoder, advance)
    # Identity is left to `mytalk evaluate`: its network may not be on this machine.
    return evaluate_appearance(job.data, split, load_renderer(weights), None, advance)


def _configuration(job: TrainJob) -> dict[str, dict[str, str]]:
    size: Any
    losses: Any
    if job.model == "motion":
        size, losses = MOTION_SIZES[job.size], MotionTrainingConfig()
    else:
        size, losses = RENDERER_SIZES[job.size], appearance_config(job)
    return {
        "run": settings(job),
        "model": settings(size),
        "examples and losses": settings(losses),
        "optimiser": settings(loop_config(job)),
    }
