"""What choices of training do to the lips of speakers left out: deaf examples, loss weighting.

    python tests/benchmarks/motion_training.py CURATED [SEEDS] [STEPS]

`CURATED`: what `mytalk curate` wrote; the split val judges and chooses the step, as it does in
training, test is not looked at. Every choice is trained with `SEEDS` seeds (2), `STEPS` steps
(300) of 16 windows on one process, from the same clips in the same voices. Prints a table: means
over seeds, and the spread of the judgement, without which no difference means anything.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from mytalk_core.data.clip_buffer import BufferConfig, ClipBuffer
from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import iter_clips
from mytalk_core.data.model_store import pull
from mytalk_core.motion.clip import MotionClip, motion_clip
from mytalk_core.motion.closed_forms import fit_closed_form
from mytalk_core.motion.model import SIZES, SpeechToMotion
from mytalk_core.motion.silence import quiet_features
from mytalk_core.motion.training import (
    MotionObjective,
    MotionTrainingConfig,
    voiced_clips,
)
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.training.loop import LoopConfig, TrainingState, train

USUAL = MotionTrainingConfig(batch=16)
CHOICES = {
    "everybody hears": replace(USUAL, unheard=0.0, weighting="uniform"),
    "1 in 10 unheard": replace(USUAL, unheard=0.1, weighting="uniform"),
    "1 in 5 unheard": replace(USUAL, unheard=0.2, weighting="uniform"),
    "and min-SNR": replace(USUAL, unheard=0.1, weighting="min-snr"),
    "and truncated SNR": replace(USUAL, unheard=0.1, weighting="truncated-snr"),
}
VALIDATIONS = 10


class Trained:
    """One training after another, on clips that are made once."""

    def __init__(self, data: Path, steps: int) -> None:
        encoder = SpeechEncoder(pull("whisper-base"), threads=2)
        convert = voiced_clips(encoder, USUAL, whole=True)
        self._clips: ClipBuffer[MotionClip] = ClipBuffer(
            clip_index(data, "train"), convert, BufferConfig()
        )
        self._judges = [motion_clip(members) for members in iter_clips(clip_index(data, "val"))]
        self._silence = quiet_features(encoder)
        self._steps = steps
        model = SpeechToMotion(SIZES["cpu"])
        fit_closed_form(
            model,
            self._clips.clips,
            self._clips.weights,
            self._silence,
            USUAL.reading,
            lambda part: part,
        )
        self._fitted = dict(model.named_buffers())  # the same for every choice

    def __call__(self, config: MotionTrainingConfig, seed: int) -> dict[str, float]:
        """The figures of the best validation."""
        torch.manual_seed(seed)
        device = torch.device("cpu")
        objective = MotionObjective(
            SIZES["cpu"], config, self._clips.draw, self._silence, self._judges, device
        )
        objective.model.load_state_dict(self._fitted, strict=False)
        state = TrainingState()
        loop = LoopConfig(
            self._steps,
            learning_rate=5e-4,
            validate_every=max(self._steps // VALIDATIONS, 1),
            seed=seed,
        )
        for _ in train(objective, loop, state, device):
            pass
        return min(state.history, key=lambda entry: entry["judged_by"])


def row(table: Table, label: str, found: Sequence[dict[str, float]]) -> None:
    """Means over seeds."""

    def of(name: str) -> NDArray[np.float64]:
        return np.array([each[name] for each in found])

    judged = of("judged_by")
    table.add_row(
        label,
        f"{judged.mean():.5f}",
        f"{judged.min():.5f} to {judged.max():.5f}",
        f"{of('lmd').mean():.5f}",
        f"{of('aperture_r').mean():.4f}",
        f"{of('step').mean():.0f}",
    )


def main(curated: Path, seeds: int, steps: int) -> None:
    """Print the table."""
    trained = Trained(curated, steps)
    table = Table(title=f"val, {seeds} seeds, {steps} steps")
    for heading in ("training", "judged by", "over seeds", "LMD", "aperture r", "best step"):
        table.add_column(heading, justify="right")
    for label, config in CHOICES.items():
        row(table, label, [trained(config, seed) for seed in range(seeds)])
    Console(width=110).print(table)


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        int(sys.argv[2]) if len(sys.argv) > 2 else 2,
        int(sys.argv[3]) if len(sys.argv) > 3 else 300,
    )
