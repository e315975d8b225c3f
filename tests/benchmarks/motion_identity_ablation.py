"""Ablation of identity in stage 1: as a condition, as a loss, both, and neither.

    python tests/benchmarks/motion_identity_ablation.py CURATED [SEEDS] [STEPS]

`CURATED`: output of `mytalk curate`. Every variant is trained with `SEEDS` seeds (1) for `STEPS`
steps (300) of 16 windows on one process, on the same clips and voices; the split val selects the
step, as in training. Prints two tables, val and test: means over speakers and seeds, the range of
LMD over seeds, and the retrieval of clips of the same person by the identity vector.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import iter_clips
from mytalk_core.evaluation.cases import (
    DubCase,
    MotionClip,
    cross_cases,
    read_motion_clips,
    reconstruction_cases,
)
from mytalk_core.evaluation.speaker_retrieval import CHANCE, IDENTITY_VECTOR, retrieval_table
from mytalk_core.motion.identity import IdentityExtractor
from mytalk_core.motion.model import SpeechToMotion
from tests.benchmarks.motion_scores import means, motion_of
from tests.benchmarks.short_motion_runs import USUAL, ShortMotionRuns

NO_LOSS = replace(USUAL, identity_weight=0.0, contrast_weight=0.0)


class VectorOnly(nn.Module):
    """An extractor with its vector for the losses and empty tokens for the denoiser."""

    def __init__(self, extractor: IdentityExtractor) -> None:
        super().__init__()
        self.extractor = extractor

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        tokens, vector = self.extractor(frames)
        return torch.zeros_like(tokens), vector


def without_tokens(model: SpeechToMotion) -> None:
    """Remove the identity tokens from the input of the denoiser."""
    model.identity = VectorOnly(model.identity)  # type: ignore[assignment]


def unchanged(model: SpeechToMotion) -> None:
    """Change nothing."""


VARIANTS = {  # the condition of the denoiser, and the losses
    "neither": (without_tokens, NO_LOSS),
    "condition": (unchanged, NO_LOSS),
    "loss": (without_tokens, USUAL),
    "condition and loss": (unchanged, USUAL),
}


def scores(model: SpeechToMotion, cases: Sequence[DubCase]) -> dict[str, float]:
    """Return means over speakers."""
    return means(motion_of(model), cases)


def row(
    table: Table, label: str, models: Sequence[SpeechToMotion], clips: list[MotionClip]
) -> None:
    """Add a row of means over seeds."""
    own = [scores(model, reconstruction_cases(clips)) for model in models]
    cross = [scores(model, cross_cases(clips)) for model in models]
    retrieval = [retrieval_table(model, clips) for model in models]
    distances = [each["lmd"] for each in own]
    table.add_row(
        label,
        f"{np.mean(distances):.5f}",
        f"{min(distances):.5f} to {max(distances):.5f}",
        f"{np.mean([each['aperture_r'] for each in own]):.3f}",
        f"{np.mean([each['velocity_error'] for each in own]):.5f}",
        f"{np.mean([each['lmd'] for each in cross]):.5f}",
        f"{np.mean([each.value(IDENTITY_VECTOR, 'retrieval') for each in retrieval]):.2f}",
        f"{retrieval[0].value(CHANCE, 'retrieval'):.2f}",
    )


def main(curated: Path, seeds: int, steps: int) -> None:
    """Print the two tables."""
    trained = ShortMotionRuns(curated, steps)
    models = {
        label: [trained(config, seed, change)[0] for seed in range(seeds)]
        for label, (change, config) in VARIANTS.items()
    }
    for split in ("val", "test"):
        clips = list(read_motion_clips(iter_clips(clip_index(curated, split))))
        table = Table(title=f"{split}, {seeds} seeds, {steps} steps")
        columns = ("LMD", "over seeds", "aperture r", "velocity error", "cross-LMD", "retrieval")
        for heading in ("identity as", *columns, "chance"):
            table.add_column(heading, justify="right")
        for label, made in models.items():
            row(table, label, made, clips)
        Console(width=120).print(table)


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        int(sys.argv[2]) if len(sys.argv) > 2 else 1,
        int(sys.argv[3]) if len(sys.argv) > 3 else 300,
    )
