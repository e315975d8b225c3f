"""Choice of the mouth opening below which lips count as closed.

    python tests/benchmarks/closure_threshold.py CURATED WORDS [SPLIT]

`CURATED`: output of `mytalk curate`. `WORDS`: a folder for `mytalk evaluate motion --words`; clips
without readable words are skipped. Prints for each threshold, over all phones of the split (train),
the share of M, B and P on which the true lips close, and that of open vowels that count as shut.
"""

import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import iter_clips
from mytalk_core.errors import BadInputError
from mytalk_core.evaluation.cases import MotionClip, read_motion_clips
from mytalk_core.evaluation.closure import closures, lip_range, shut_vowels
from mytalk_core.evaluation.spoken import WordFolder
from mytalk_core.faces.shape import signed_opening

SHARES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)


def readable(folder: WordFolder, clip: MotionClip) -> tuple[MotionClip, ...]:
    try:
        return folder([clip]).clips
    except BadInputError:
        return ()


def main(curated: Path, words: Path, split: str = "train") -> None:
    """Print the table."""
    folder = WordFolder(words)
    clips = [
        spoken
        for clip in read_motion_clips(iter_clips(clip_index(curated, split)))
        for spoken in readable(folder, clip)
    ]
    table = Table(title=f"true lips of {len(clips)} clips, split {split}")
    for heading in ("share of the range", "M B P closed", "of", "open vowels shut", "of "):
        table.add_column(heading, justify="right")
    for share in SHARES:
        closed: list[bool] = []
        shut: list[bool] = []
        for clip in clips:
            opening = signed_opening(clip.shape, clip.scheme)
            reach = lip_range(clip.shape, clip.closed, clip.scheme)
            most = reach.shut + share * (reach.wide - reach.shut)
            closed += closures(opening, clip.phones, most)
            shut += shut_vowels(opening, clip.phones, most)
        rates = (f"{np.mean(closed):.3f}", str(len(closed)), f"{np.mean(shut):.3f}", str(len(shut)))
        table.add_row(f"{share:.2f}", *rates)
    Console(width=100).print(table)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
