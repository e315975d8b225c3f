"""Number and choice of reference frames.

    python tests/benchmarks/reference_choice.py CURATED[:SPLIT] [CURATED[:SPLIT]...]

`CURATED`: output of `mytalk curate`. The first `CLIPS` clips of each speaker of `SPLIT` (val) are
drawn with their own lips, as in a dub: each frame from the two references nearest to its target,
those within 0.8 s avoided. Prints a table of means over speakers, and one for each speaker.
"""

import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from operator import methodcaller
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from mytalk_core.appearance.checkpoint import load_renderer
from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.appearance.perceptual import perceptual_lpips
from mytalk_core.appearance.reference_choice import covering_frames, mouths_of
from mytalk_core.data.clip_index import Split, clip_index
from mytalk_core.data.clip_reader import read_clip
from mytalk_core.data.model_store import pull
from mytalk_core.data.shards import decode_sample
from mytalk_core.dubbing.models import shipped_weights
from mytalk_core.evaluation.appearance_scores import (
    picture_scores,
    source_texture,
    texture_scores,
    truth_of,
)
from mytalk_core.evaluation.redrawing import (
    RedrawCase,
    in_place,
    reconstruction_case,
    renderer_drawer,
)
from tests.benchmarks.speaker_table import speaker_table

CLIPS = 4
COLUMNS = {  # name of a metric: its heading and decimals
    "psnr_mouth": ("mouth PSNR, dB", 2),
    "lpips_mouth": ("mouth LPIPS", 4),
    "sharpness": ("sharpness", 2),
    "flicker": ("flicker", 2),
}

Choice: TypeAlias = Callable[[RedrawCase], NDArray[np.int64]]


def covering(count: int, case: RedrawCase) -> NDArray[np.int64]:
    """Choose frames that cover all frames of the clip, independent of the targets."""
    free = np.flatnonzero(case.usable)
    own = mouths_of(case.own, case.timestamps, case.scheme).choose(free)
    return free[covering_frames(own.lips, own.anchors, count)]


CHOICES: dict[str, Choice] = {
    **{f"{count} that serve": methodcaller("serving", count) for count in (16, 32, 64, 96, 128)},
    **{f"{count} that cover": partial(covering, count) for count in (32, 64, 96, 128)},
    **{f"{count} by opening": methodcaller("over_opening", count) for count in (32, 48)},
    "all": lambda case: np.flatnonzero(case.usable),
}

Scores = dict[str, dict[str, list[dict[str, float]]]]  # of each clip, by choice and speaker


def cases(given: str) -> list[RedrawCase]:
    """Return the first clips of every speaker of a split."""
    folder, _, split = given.partition(":")
    index = clip_index(Path(folder), cast(Split, split or "val"))
    found = []
    for number, speaker in enumerate(index.speakers):
        clips = (n for n in range(len(index)) if index.speaker[n] == number)
        for clip in islice(clips, CLIPS):
            sample = decode_sample(read_clip(index, clip))
            found.append(reconstruction_case(sample, speaker, MaskConfig()))
    return found


def main(given: Sequence[str]) -> None:
    """Print the tables."""
    draw = renderer_drawer(load_renderer(shipped_weights("appearance")), apart=True)
    lpips = perceptual_lpips(pull("perceptual-alexnet"))
    found: Scores = {name: defaultdict(list) for name in CHOICES}
    for case in (case for each in given for case in cases(each)):
        truth, source = truth_of(case, lpips), source_texture(case)
        for name, choose in CHOICES.items():
            drawn = in_place(case, draw(replace(case, references=choose(case))))
            scores = picture_scores(case, drawn, lpips, truth)
            found[name][case.speaker].append(scores | texture_scores(case, drawn, source))
    speakers = found["all"].keys()
    console = Console(width=100)
    for speaker in speakers:
        alone = {name: {speaker: of[speaker]} for name, of in found.items()}
        console.print(speaker_table(speaker, "shown", COLUMNS, alone))
    title = f"mean over {len(speakers)} speakers"
    console.print(speaker_table(title, "shown", COLUMNS, found))


if __name__ == "__main__":
    main(sys.argv[1:])
