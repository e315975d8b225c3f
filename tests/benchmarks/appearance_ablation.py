"""Ablation of the renderer: one short training for every alternative design choice.

    python tests/benchmarks/appearance_ablation.py CURATED OUT [STEPS] [MINUTES]

`CURATED`: output of `mytalk curate`. Every variant is trained for `STEPS` steps (250) of four runs
with the same seed, on the same clips of the split train, and measured on the split val. `OUT` holds
the results: a restarted benchmark continues, and several processes may share it (a core and 2 GB
each, OMP_NUM_THREADS=1). No variant is started after `MINUTES`; 0 prints the available results.

Column "references / drawn from": 32/3 draws each frame from the nearest three of 32 references,
4/4 always from the same four.

A small mask keeps true pixels, so the scores of pictures with their own lips favour it. A mask is
chosen by the correlation of the drawn opening with that of the original frame under other lips.
"""

import fcntl
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from mytalk_core.appearance.batches import BatchConfig
from mytalk_core.appearance.clip import AppearanceClip, appearance_clip
from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.appearance.losses import LossConfig
from mytalk_core.appearance.perceptual import perceptual_lpips
from mytalk_core.appearance.renderer import Renderer, RendererConfig
from mytalk_core.appearance.training import (
    AppearanceClips,
    AppearanceObjective,
    AppearanceTrainingConfig,
    JudgingModels,
)
from mytalk_core.data.clip_choice import spread_over_speakers
from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import read_clip
from mytalk_core.data.model_store import pull
from mytalk_core.evaluation.lip_fidelity import LipReader
from mytalk_core.evaluation.redrawing import REFERENCES
from mytalk_core.faces.alignment import Points
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.training.loop import LoopConfig, train
from mytalk_core.training.state import TrainingState
from tests.benchmarks.mask_variants import lower_face, mouth_only, up_to_the_eyes
from tests.benchmarks.redrawing_scores import (
    MaskShape,
    held_out_clips,
    mask_outlines,
    redrawing_scores,
)
from tests.benchmarks.renderer_variants import (
    ConcatenatingRenderer,
    MomentRenderer,
    landmark_warped,
    undecided,
    unwarped,
)

SIZE = RendererConfig(size=64, widths=(16, 32, 64, 96))
MASKS: tuple[MaskShape, ...] = (lower_face, mouth_only, up_to_the_eyes)
TRAIN_CLIPS = 120
# Share of the steps before feature and critic losses start, as in training.
DETAIL_FROM = 0.3
COLUMNS = {  # name of a metric: its heading and decimals
    "psnr": ("mouth PSNR, dB", 2),
    "lpips": ("mouth LPIPS", 4),
    "sharpness": ("sharpness", 2),
    "later_sharpness": ("sharpness, other lips", 2),
    "asked_r": ("r with target lips", 3),
    "own_r": ("r with lips under mask", 3),
}


class Shown(NamedTuple):
    """Number of references, and how many of them each frame is drawn from."""

    references: int = REFERENCES
    looked_at: int = RendererConfig.looked_at

    def __str__(self) -> str:
        return f"{self.references}/{self.looked_at}"


@dataclass(frozen=True)
class Variant:
    """Choices of one training; the defaults are as shipped."""

    label: str
    renderer: Callable[[RendererConfig], Renderer] = Renderer
    mask: MaskShape = lower_face
    # Reference frames per example.
    references: int = 4
    shown: tuple[Shown, ...] = (Shown(),)
    # Factors on weights of losses, by name.
    losses: dict[str, float] = field(default_factory=dict)
    # Random references instead of a choice by pose and mouth.
    any_references: bool = False
    seed: int = 0


NO_CRITIC = {"adversarial": 0.0, "matching": 0.0}
# The most informative first.
VARIANTS = (
    Variant(
        "as shipped",
        shown=(
            Shown(),
            *(Shown(looked_at=count) for count in (1, 2, 4, 8)),
            *(Shown(count, count) for count in (1, 2, 4, 8)),
        ),
    ),
    Variant("references not warped", unwarped),
    Variant("references concatenated", ConcatenatingRenderer, shown=(Shown(looked_at=4),)),
    Variant("mask: mouth only", mask=mouth_only),
    Variant("mask: up to the eyes", mask=up_to_the_eyes),
    Variant("1 reference", references=1, shown=(Shown(looked_at=1), Shown(1, 1))),
    Variant("no neighbouring frames", MomentRenderer),
    Variant("8 references", references=8, shown=(Shown(), Shown(looked_at=8), Shown(8, 8))),
    Variant("as shipped, another seed", seed=1),
    Variant("no features, no critic", losses={"perceptual": 0.0, **NO_CRITIC}),
    Variant("2 references", references=2, shown=(Shown(), Shown(looked_at=2), Shown(2, 2))),
    Variant("references at random", any_references=True),
    Variant("no critic", losses=NO_CRITIC),
    Variant("no temporal loss", losses={"temporal": 0.0}),
    Variant("no identity loss", losses={"identity": 0.0}),
    Variant("warp of landmarks alone", landmark_warped),
    Variant("references taken less decisively", undecided),
)


def name_of(variant: Variant, steps: int) -> str:
    """Return the stem of the files of a variant's results."""
    words = "".join(letter if letter.isalnum() else " " for letter in variant.label).split()
    return "_".join([*words, str(steps)])


@dataclass(frozen=True)
class TrainClip:
    """A clip with every mask."""

    clip: AppearanceClip
    outlines: dict[MaskShape, Points]

    def seen(self, variant: Variant, random: np.random.Generator) -> AppearanceClip:
        """Return the clip as a training example of a variant."""
        crops = replace(self.clip.crops, mask_outlines=self.outlines[variant.mask])
        clip = replace(self.clip, crops=crops)
        if variant.any_references:  # references are chosen by random values
            chance = random.random((2, len(clip.opening)), np.float32)
            return replace(clip, opening=chance[0], pose=chance[1, :, None])
        return clip


def train_clips(data: Path) -> list[TrainClip]:
    """Read some clips of every speaker."""
    index = clip_index(data, "train")
    clips = []
    for number in spread_over_speakers(index, TRAIN_CLIPS):
        members = read_clip(index, number)
        clip = appearance_clip(members, MaskConfig())
        clips.append(TrainClip(clip, mask_outlines(members, MASKS)))
    return clips


class ShortRuns:
    """Runs one training after another on clips that are read once."""

    def __init__(self, data: Path, folder: Path, steps: int) -> None:
        """Args: `folder` holds the checkpoints of interrupted trainings."""
        self._data, self._folder, self._steps = data, folder, steps
        self._judges = JudgingModels(pull("perceptual-vgg16"), pull("perceptual-alexnet"))
        self._clips = train_clips(data)

    def __call__(self, variant: Variant) -> Renderer:
        """Train a variant and return its averaged weights of the last step."""
        device = torch.device("cpu")
        by_chance = np.random.default_rng(0)
        clips = [each.seen(variant, by_chance) for each in self._clips]
        losses = LossConfig(detail_from=int(DETAIL_FROM * self._steps))
        factors = {name: getattr(losses, name) * factor for name, factor in variant.losses.items()}
        torch.manual_seed(variant.seed)
        objective = AppearanceObjective(
            SIZE,
            AppearanceTrainingConfig(
                BatchConfig(runs=4, references=variant.references), replace(losses, **factors)
            ),
            # The held-out clip chooses nothing: the only validation is after the last step.
            AppearanceClips(lambda random: clips[int(random.integers(len(clips)))], clips[:1]),
            self._judges,
            device,
        )
        torch.manual_seed(variant.seed)
        objective.model.renderer = variant.renderer(SIZE).to(memory_format=torch.channels_last)
        kept = self._folder / f"{name_of(variant, self._steps)}.pt"
        state = TrainingState()
        if kept.exists():
            state = TrainingState(**torch.load(kept, weights_only=True))
        loop = LoopConfig(
            self._steps,
            learning_rate=6e-4,
            weight_decay=0.01,
            validate_every=self._steps,
            checkpoint_seconds=60,
            half_precision_on=("cuda", "cpu"),
            seed=variant.seed,
        )
        for saved in train(objective, loop, state, device):  # the same `state`, updated
            torch.save(vars(saved), kept.with_suffix(".part"))
            kept.with_suffix(".part").replace(kept)
        objective.model.load_state_dict(state.best)
        return objective.model.renderer.eval()


def measure(runs: ShortRuns, data: Path, results: Path, steps: int, until: float) -> None:
    """Train and measure missing variants, and print all results after each."""
    clips = held_out_clips(data, "val", MASKS)
    lpips = perceptual_lpips(pull("perceptual-alexnet"))
    with MeshLandmarker(pull("face-landmarker")) as landmarker:
        reader = LipReader(landmarker)
        for variant in missing(results, steps):
            if time.monotonic() > until:
                return
            path = results / f"{name_of(variant, steps)}.json"
            with path.with_suffix(".lock").open("w") as lock:
                if not _ours(lock) or path.exists():
                    continue
                start = time.monotonic()
                renderer = runs(variant)
                seconds = time.monotonic() - start
                figures = {}
                for shown in variant.shown:
                    renderer.config = replace(renderer.config, looked_at=shown.looked_at)
                    figures[str(shown)] = redrawing_scores(
                        renderer, clips, variant.mask, shown.references, lpips, reader
                    )
                record = {"figures": figures, "training_seconds": seconds}
                path.with_suffix(".new").write_text(json.dumps(record, indent=1))
                path.with_suffix(".new").replace(path)
                path.with_suffix(".pt").unlink()
            show(results, steps)


def _ours(lock: TextIO) -> bool:
    """Lock a variant unless another process has it; the lock ends with its process."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def missing(results: Path, steps: int) -> Sequence[Variant]:
    """Return the variants that are not measured yet."""
    return [
        variant
        for variant in VARIANTS
        if not (results / f"{name_of(variant, steps)}.json").exists()
    ]


def show(results: Path, steps: int) -> None:
    """Print the table of available results."""
    table = Table(title=f"val, {steps} steps of four runs, {SIZE.size} pixels")
    table.add_column("variant")
    table.add_column("references / drawn from")
    for heading, _ in COLUMNS.values():
        table.add_column(heading, justify="right")
    for variant in VARIANTS:
        path = results / f"{name_of(variant, steps)}.json"
        if not path.exists():
            continue
        for shown, figures in json.loads(path.read_text())["figures"].items():
            cells = (f"{figures[name]:.{digits}f}" for name, (_, digits) in COLUMNS.items())
            table.add_row(variant.label, shown, *cells)
    Console(width=140).print(table)


def main(data: Path, results: Path, steps: int, minutes: float) -> None:
    """Measure missing variants, then print all."""
    results.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + 60 * minutes
    if minutes and missing(results, steps):
        measure(ShortRuns(data, results, steps), data, results, steps, until)
    show(results, steps)


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        int(sys.argv[3]) if len(sys.argv) > 3 else 250,
        float(sys.argv[4]) if len(sys.argv) > 4 else float("inf"),
    )
