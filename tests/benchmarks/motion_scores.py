"""Cases and scores for the benchmarks of motion."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.table import Table

from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import iter_clips
from mytalk_core.data.splits import Split
from mytalk_core.evaluation.cases import (
    DubCase,
    cross_cases,
    read_motion_clips,
    reconstruction_cases,
)
from mytalk_core.evaluation.lip_metrics import aperture, motion_scores
from mytalk_core.evaluation.motion_methods import ModelMotion
from mytalk_core.faces.alignment import Points
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.motion.sampler import DiffusionConfig

HEADINGS = ("aperture r", "LMD", "cross r", "cross-LMD", "velocity error", "opening", "speed")

Motion = Callable[[DubCase], Points]
"""Map a case to displacements (frames, M, 3)."""


def cases_of(data: Path, split: Split) -> tuple[list[DubCase], list[DubCase]]:
    """Return reconstruction and cross cases of a split of curated data."""
    clips = list(read_motion_clips(iter_clips(clip_index(data, split))))
    return reconstruction_cases(clips), cross_cases(clips)


def with_diffusion(model: SpeechToMotion, diffusion: DiffusionConfig) -> SpeechToMotion:
    """Copy a model with another sampler."""
    other = SpeechToMotion(replace(model.config, diffusion=diffusion))
    other.load_state_dict(model.state_dict())
    return other.eval()


def motion_of(model: SpeechToMotion, guidance: float = 1.0) -> Motion:
    """Return the motion of a model without articulation factor."""

    def moved(case: DubCase) -> Points:
        return ModelMotion(model, guidance=guidance)(case) - case.rest

    return moved


def scores(
    motion: Motion, cases: tuple[Sequence[DubCase], Sequence[DubCase]], factor: float = 1.0
) -> list[float]:
    """Return the values under `HEADINGS`, means over clips, then over speakers.

    Opening is the ratio of the standard deviations of predicted and true mouth opening. Speed is
    the ratio of mean frame-to-frame lip motion, predicted to true.

    Args:
        factor: applied to the motion.
    """
    own, cross = (means(motion, some, factor) for some in cases)
    names = ("velocity_error", "opening", "speed")
    return [
        own["aperture_r"],
        own["lmd"],
        cross["aperture_r"],
        cross["lmd"],
        *(own[name] for name in names),
    ]


def table_of(title: str, what: str) -> Table:
    """Return a table with a first column and `HEADINGS`."""
    table = Table(title=title)
    for heading in (what, *HEADINGS):
        table.add_column(heading, justify="right")
    return table


def row_of(figures: Sequence[float]) -> list[str]:
    """Format `scores`."""
    decimals = (3, 5, 3, 5, 5, 2, 2)
    return [f"{figure:.{places}f}" for figure, places in zip(figures, decimals, strict=True)]


def means(motion: Motion, cases: Sequence[DubCase], factor: float = 1.0) -> dict[str, float]:
    """Return all metrics by name, means over clips, then over speakers; motion times `factor`."""
    by_speaker: dict[str, list[dict[str, float]]] = defaultdict(list)
    for case in cases:
        by_speaker[case.source.speaker].append(_scores(case, factor * motion(case)))
    speakers = [
        {name: float(np.mean([each[name] for each in every])) for name in every[0]}
        for every in by_speaker.values()
    ]
    return {name: float(np.mean([each[name] for each in speakers])) for name in speakers[0]}


def _scores(case: DubCase, moved: Points) -> dict[str, float]:
    lips = len(case.source.scheme.lips)
    predicted, true = ((shape[:, :lips, :2]) for shape in (case.rest + moved, case.truth))
    opening, speed = (
        [measure(shape) for shape in (predicted, true)]
        for measure in (
            lambda shape: aperture(shape, case.source.scheme).std(),
            lambda shape: np.linalg.norm(np.diff(shape, axis=0), axis=-1).mean(),
        )
    )
    return motion_scores(predicted, true, case.source.scheme) | {
        "opening": float(opening[0] / opening[1]),
        "speed": float(speed[0] / speed[1]),
    }
