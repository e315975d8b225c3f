"""The report of `mytalk train`: curves, samples and metrics on held-out speakers."""

import shutil
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from jobs.console import Advance, progress
from mytalk_core.appearance.checkpoint import load_renderer
from mytalk_core.appearance.renderer import SIZES as RENDERER_SIZES
from mytalk_core.data.clip_choice import spread_over_speakers
from mytalk_core.data.clip_index import MANIFEST_NAME, clip_index, described_by
from mytalk_core.data.clip_reader import read_clip
from mytalk_core.data.fetch import local_copy
from mytalk_core.data.model_store import located
from mytalk_core.data.shards import decode_sample
from mytalk_core.data.splits import Split
from mytalk_core.errors import BadInputError
from mytalk_core.evaluation.appearance_scores import Judges
from mytalk_core.evaluation.appearance_section import evaluate_appearance
from mytalk_core.evaluation.cases import read_motion_clips
from mytalk_core.evaluation.lip_samples import lip_figure, lip_samples
from mytalk_core.evaluation.motion_section import evaluate_motion
from mytalk_core.evaluation.ranking import best_median_worst
from mytalk_core.evaluation.redrawn_samples import redrawn_figure, redrawn_samples
from mytalk_core.evaluation.sections import Section
from mytalk_core.evaluation.training_page import (
    TrainingPage,
    settings,
    write_training_page,
    write_training_text,
)
from mytalk_core.media.limits import MediaLimits
from mytalk_core.media.output import temporary_root, work_folder
from mytalk_core.motion.model import SIZES as MOTION_SIZES
from mytalk_core.motion.model import load_model
from mytalk_core.speech.features import SpeechEncoder
from pipelines.train import TrainResult
from pipelines.training_job import TrainJob, appearance_config, loop_config

PREPROCESSED = (
    "The clips come from preprocessing without curation: no quality filter, no deduplication, and"
    " held-out speakers chosen by name alone. `mytalk curate` makes better training data."
)
"""Note on a model that was trained on footage without curation."""

# Held-out clips; the best, the median and the worst of them are shown.
_SAMPLES = 48


def is_preprocessed(data: str | Path) -> bool:
    """Whether a data set comes from preprocessing without curation.

    Raises:
        BadInputError: where there is no data set.
    """
    return described_by(data)[1].endswith(MANIFEST_NAME)


def write_training_report(job: TrainJob, trained: TrainResult) -> tuple[str, str]:
    """Measure the trained weights on held-out speakers; store an HTML page, and Markdown beside it.

    Returns the paths or URLs of both.

    Raises:
        OutputError, StorageError: where they cannot be stored.
    """
    store = job.store
    page_name, text_name = f"{job.model}.report.html", f"{job.model}.report.md"
    with local_copy(trained.weights, temporary_root(), MediaLimits()) as weights:
        page = _page(job, trained, weights)
    with work_folder(temporary_root() / "report") as here:
        write_training_text(here / text_name, page)
        write_training_page(here / page_name, page)
        for file in (each for each in here.rglob("*") if each.is_file()):
            with store.publish(file.relative_to(here).as_posix()) as temporary:
                shutil.copyfile(file, temporary)
    return f"{store.url}/{page_name}", f"{store.url}/{text_name}"


def _page(job: TrainJob, trained: TrainResult, weights: Path) -> TrainingPage:
    split = _held_out_split(job.data)
    with progress(f"measuring {job.model} on held-out speakers", None) as advance:
        held_out = _measured(job, weights, split, advance)
    with progress("drawing samples", None):
        samples = _samples(job, weights, split)
    return TrainingPage(
        title=f"Training of the {job.model} model",
        facts={
            "weights": job.weights,
            "size": job.size,
            "steps": _steps(job, trained),
            "wall time": f"{trained.seconds / 60:.1f} min",
            "steps a second": _pace(trained),
        },
        history=trained.history,
        best_score=trained.best_score,
        configuration=_configuration(job),
        held_out=held_out,
        samples=samples,
        notes=(PREPROCESSED,) if is_preprocessed(job.data) else (),
    )


def _steps(job: TrainJob, trained: TrainResult) -> str:
    taken = int(trained.history[-1]["step"])
    if not trained.stopped_early:
        return str(taken)
    return f"{taken} of {job.steps}: stopped early, {job.patience} validations without improvement"


def _pace(trained: TrainResult) -> str:
    rates = sorted(trained.steps_per_second)
    if not rates:
        return "unknown"
    return f"{rates[len(rates) // 2]:.2f} (from {rates[0]:.2f} to {rates[-1]:.2f})"


def _samples(job: TrainJob, weights: Path, split: Split) -> dict[str, Figure]:
    """Return figures of the best, the median and the worst of some held-out clips, by title."""
    index = clip_index(job.data, split)
    clips = (read_clip(index, number) for number in spread_over_speakers(index, _SAMPLES))
    if job.model == "motion":
        moved = best_median_worst(lip_samples(list(read_motion_clips(clips)), load_model(weights)))
        return {f"{name}: {each.title}": lip_figure(each) for name, each in moved.items()}
    drawn = redrawn_samples(map(decode_sample, clips), load_renderer(weights))
    chosen = best_median_worst(drawn)
    return {f"{name}: {each.title}": redrawn_figure(each) for name, each in chosen.items()}


def _held_out_split(data: str | Path) -> Split:
    """Return `test` where there is one, else `val`, which has chosen the checkpoint."""
    try:
        clip_index(data, "test")
    except BadInputError:
        return "val"
    return "test"


def _measured(job: TrainJob, weights: Path, split: Split, advance: Advance) -> Section:
    if job.model == "motion":
        encoder = SpeechEncoder(located(job.speech_encoder))
        return evaluate_motion(job.data, split, load_model(weights), encoder, advance)
    # Without perceptual networks, which may not be on this machine; `mytalk evaluate` needs them.
    return evaluate_appearance([job.data], split, load_renderer(weights), Judges(), advance)


def _configuration(job: TrainJob) -> dict[str, dict[str, str]]:
    size: Any
    losses: Any
    if job.model == "motion":
        size, losses = MOTION_SIZES[job.size], job.motion
    else:
        size, losses = RENDERER_SIZES[job.size], appearance_config(job)
    return {
        "run": settings(job),
        "model": settings(size),
        "examples and losses": settings(losses),
        "optimiser": settings(loop_config(job)),
    }
