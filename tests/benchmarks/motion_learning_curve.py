"""Learning curve of the linear estimate by the number of speakers and minutes.

    python tests/benchmarks/motion_learning_curve.py CURATED

`CURATED`: output of `mytalk curate` with the splits train and test. The linear estimate, which the
network does not improve on little data, is fitted to growing numbers of speakers (all of their
clips) and to growing shares of every speaker's clips, in several draws each, and evaluated on the
test split. Prints two tables.
"""

import itertools
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import iter_clips
from mytalk_core.data.model_store import pull
from mytalk_core.media.clock import MOTION_FPS
from mytalk_core.motion.clip import MotionClip, motion_clip
from mytalk_core.motion.closed_forms import ReadingConfig, Sounds, fit_closed_form
from mytalk_core.motion.model import SIZES, SpeechToMotion
from mytalk_core.motion.silence import quiet_features
from mytalk_core.motion.training import score_clips
from mytalk_core.speech.features import SpeechEncoder

DRAWS = 4
SHARES = (0.125, 0.25, 0.5, 1.0)


def by_speaker(clips: Sequence[MotionClip]) -> dict[str, list[MotionClip]]:
    speakers: dict[str, list[MotionClip]] = defaultdict(list)
    for clip in clips:
        speakers[clip.speaker].append(clip)
    return speakers


def minutes(clips: Sequence[MotionClip]) -> float:
    return sum(len(clip.displacement) for clip in clips) / float(MOTION_FPS) / 60


def evaluated(
    train: Sequence[MotionClip], test: Sequence[MotionClip], quiet: NDArray[np.float32]
) -> tuple[float, float]:
    """Fit to `train`; return opening correlation and lip distance on `test`."""
    model = SpeechToMotion(SIZES["cpu"]).eval()
    counts = {speaker: len(own) for speaker, own in by_speaker(train).items()}
    weights = np.array([counts[clip.speaker] ** -0.5 for clip in train])
    fit_closed_form(
        model, train, weights / weights.sum(), Sounds(quiet), ReadingConfig(), lambda tensor: tensor
    )
    scores = score_clips(model, test)
    return scores["aperture_r"], scores["lmd"]


def row(
    table: Table,
    label: str,
    draws: Sequence[Sequence[MotionClip]],
    test: Sequence[MotionClip],
    quiet: NDArray[np.float32],
) -> None:
    """Add a row of means over draws, with the range of the correlation."""
    found = np.array([evaluated(draw, test, quiet) for draw in draws])
    correlation, distance = found.mean(axis=0)
    table.add_row(
        label,
        f"{np.mean([minutes(draw) for draw in draws]):.1f}",
        f"{correlation:.3f}",
        f"{found[:, 0].min():.3f} to {found[:, 0].max():.3f}",
        f"{distance:.4f}",
    )


def table_of(title: str, what: str) -> Table:
    table = Table(title=title)
    for heading in (what, "minutes", "aperture r", "over draws", "LMD"):
        table.add_column(heading, justify="right")
    return table


def main(curated: Path) -> None:
    """Print the two tables."""
    console = Console(width=100)
    torch.manual_seed(0)
    train = [motion_clip(members) for members in iter_clips(clip_index(curated, "train"))]
    test = [motion_clip(members) for members in iter_clips(clip_index(curated, "test"))]
    quiet = quiet_features(SpeechEncoder(pull("whisper-base")))
    speakers = by_speaker(train)
    random = np.random.default_rng(0)

    table = table_of("more speakers, all of their clips", "speakers")
    counts = [count for count in (1, 2, 4, 8) if count < len(speakers)]
    for count in counts:
        names = [random.permutation(sorted(speakers))[:count] for _ in range(DRAWS)]
        draws = [list(itertools.chain(*(speakers[name] for name in each))) for each in names]
        row(table, str(count), draws, test, quiet)
    row(table, str(len(speakers)), [train], test, quiet)
    console.print(table)

    table = table_of(f"more clips of each of the {len(speakers)} speakers", "share")
    for share in SHARES:
        draws = [
            [
                own[place]
                for own in speakers.values()
                for place in random.permutation(len(own))[: max(round(share * len(own)), 1)]
            ]
            for _ in range(DRAWS if share < 1 else 1)
        ]
        row(table, f"{share:.1%}", draws, test, quiet)
    console.print(table)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
