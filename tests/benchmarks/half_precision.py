"""Quality cost and time saving of half precision on this machine.

    python tests/benchmarks/half_precision.py DATA [DATA...]

`DATA`: output of `mytalk curate`. The first `CLIPS` clips of each speaker of its test split are
drawn with their own lips, as in a dub, in float32 and in bfloat16, which needs hardware support.
Prints means over speakers, and the difference of the two pictures.
"""

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from mytalk_core.appearance.checkpoint import load_renderer
from mytalk_core.appearance.perceptual import perceptual_lpips
from mytalk_core.data.model_store import pull
from mytalk_core.dubbing.models import shipped_weights
from mytalk_core.evaluation.appearance_cases import AppearanceCases
from mytalk_core.evaluation.appearance_scores import (
    picture_scores,
    source_texture,
    texture_scores,
    truth_of,
)
from mytalk_core.evaluation.redrawing import RedrawCase, in_place, renderer_drawer
from mytalk_core.training import precision
from mytalk_core.training.precision import has_fast_bfloat16
from tests.benchmarks.speaker_table import speaker_table

CLIPS = 4
COLUMNS = {  # name of a metric: its heading and decimals
    "psnr_mouth": ("mouth PSNR, dB", 3),
    "lpips_mouth": ("mouth LPIPS", 4),
    "sharpness": ("sharpness", 3),
    "flicker": ("flicker", 3),
    "milliseconds": ("ms a frame, references included", 1),
}


def cases(data: Sequence[str]) -> Iterator[RedrawCase]:
    """Yield the first clips of every speaker."""
    seen: Counter[str] = Counter()
    for own, *_ in AppearanceCases(data, "test"):
        seen[own.speaker] += 1
        if seen[own.speaker] <= CLIPS:
            yield own


def main(data: Sequence[str]) -> None:
    """Print the table."""
    if not has_fast_bfloat16(torch.device("cpu")):
        sys.exit("this machine has no hardware bfloat16: it draws in float32 only")
    draw = renderer_drawer(load_renderer(shipped_weights("appearance")), apart=True)
    lpips = perceptual_lpips(pull("perceptual-alexnet"))
    scores: dict[str, dict[str, list[dict[str, float]]]] = defaultdict(lambda: defaultdict(list))
    apart: list[NDArray[np.float32]] = []
    for case in cases(data):
        truth, source = truth_of(case, lpips), source_texture(case)
        drawn = {}
        for name, halved in (("float32", False), ("bfloat16", True)):
            with patch.object(precision, "has_fast_bfloat16", lambda _, halved=halved: halved):
                start = time.perf_counter()
                drawn[name] = draw(case)
                spent = 1000 * (time.perf_counter() - start) / len(case.frames)
            pictures = in_place(case, drawn[name])
            scores[name][case.speaker].append(
                picture_scores(case, pictures, lpips, truth)
                | texture_scores(case, pictures, source)
                | {"milliseconds": spent}
            )
        apart.append(np.abs(drawn["float32"] - drawn["bfloat16"])[case.masks > 0].ravel())

    console = Console(width=110)
    title = f"mean over {len(scores['float32'])} speakers"
    console.print(speaker_table(title, "numbers", COLUMNS, scores))
    every = np.concatenate(apart)
    console.print(
        f"difference of the two pictures, of 255: mean {every.mean():.3f}, 99.9th percentile"
        f" {np.quantile(every, 0.999):.2f}, maximum {every.max():.1f}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
