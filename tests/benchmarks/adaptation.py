"""Gain of adaptation to an actor on held-out clips, by minutes of training.

    python tests/benchmarks/adaptation.py CURATED [WEIGHTS] [MINUTES] [SPEAKERS]

`CURATED`: output of `mytalk curate`, or several separated by commas. The renderer is adapted to the
speakers of their test splits (or to `SPEAKERS`, separated by commas) one after the other, from
`WEIGHTS` (default: the shipped ones), for `MINUTES` (4) each. Three clips of every speaker, or half
of fewer than six, are held out for measurement; the others are used for training and validation as
in a dub. Metrics are those of `mytalk evaluate appearance`: clips are drawn with their own lips
from their own references, which are not trained on, and, as in an adapted dub, also from similar
frames of the other clips.

Prints a table for each speaker and one of the means over speakers: before, at the first validation
after each time regardless of its score, and last the returned weights. The machine must be idle.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from mytalk_core.appearance.actor_frames import Take
from mytalk_core.appearance.adaptation import (
    AdaptationConfig,
    ValidationPoint,
    learn_actor,
    split_takes,
)
from mytalk_core.appearance.adaptation_scores import take_pages
from mytalk_core.appearance.album import AlbumPage
from mytalk_core.appearance.checkpoint import load_renderer
from mytalk_core.appearance.clip import AppearanceClip, appearance_clip
from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.appearance.perceptual import Lpips, perceptual_lpips
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.data.clip_index import ClipIndex, clip_index
from mytalk_core.data.clip_reader import Members, read_clip
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

MINUTES = (0.5, 1.0, 2.0, 4.0)
HELD_OUT = 3  # clips of a speaker
COLUMNS = {  # name of a metric: its heading and decimals
    "psnr_alone": ("mouth PSNR, dB", 2),
    "lpips_alone": ("mouth LPIPS", 4),
    "psnr_mouth": ("with others' frames", 2),
    "lpips_mouth": ("LPIPS", 4),
    "sharpness": ("sharpness", 2),
    "flicker": ("flicker", 2),
}

Row = dict[str, float]  # minutes, steps and the metrics


class Measured:
    """Measures held-out cases at the validations of an adaptation."""

    def __init__(
        self,
        cases: Sequence[RedrawCase],
        album: Sequence[AlbumPage],
        lpips: Lpips,
        minutes: float,
        steps: int,
    ) -> None:
        """Args: measurement ends after `minutes` or at the last of `steps`."""
        self._album = album
        self._cases = [(case, truth_of(case, lpips), source_texture(case)) for case in cases]
        self._lpips = lpips
        self._due = [0.0, *(each for each in MINUTES if each <= minutes)]
        self._steps = steps
        self.rows: list[Row] = []

    def __call__(self, point: ValidationPoint, renderer: Renderer) -> None:
        """Measure the first validation after each of MINUTES."""
        minutes = point.seconds / 60
        due = [each for each in self._due if each <= minutes]
        if not due and point.step < self._steps:
            return
        self._due = self._due[len(due) :]
        self.measure(renderer, minutes, point.step)

    def measure(self, renderer: Renderer, minutes: float, step: int) -> None:
        """Append a row."""
        training = renderer.training
        renderer.eval()
        found: list[dict[str, float]] = []
        for case, truth, source in self._cases:
            alone, drawn = (
                in_place(case, renderer_drawer(renderer, others=album)(case))
                for album in ((), self._album)
            )
            scores = picture_scores(case, alone, self._lpips, truth)
            scores = {"psnr_alone": scores["psnr_mouth"], "lpips_alone": scores["lpips_mouth"]}
            scores |= picture_scores(case, drawn, self._lpips, truth)
            found.append(scores | texture_scores(case, drawn, source))
        renderer.train(training)
        means = {name: float(np.mean([each[name] for each in found])) for name in COLUMNS}
        self.rows.append({"minutes": minutes, "steps": float(step), **means})


def adapted_rows(
    index: ClipIndex, speaker: str, shipped: Renderer, lpips: Lpips, minutes: float
) -> tuple[list[Row], int]:
    """Return the rows of a speaker, and the step of the returned weights (0: the shipped ones)."""
    numbers = [n for n in range(len(index)) if index.speakers[index.speaker[n]] == speaker]
    chosen = np.linspace(0, len(numbers) - 1, min(HELD_OUT, len(numbers) // 2) + 1)
    kept = [numbers[n] for n in chosen[:-1].round().astype(int)]
    members = {n: read_clip(index, n) for n in numbers}
    takes = [take_of(clip_of(members[n])) for n in numbers if n not in kept]
    # Without patience, so that training uses all of its time.
    config = replace(AdaptationConfig.lasting(60 * minutes), patience=10**6)
    cases = [reconstruction_case(decode_sample(members[n]), speaker, MaskConfig()) for n in kept]
    measured = Measured(cases, take_pages(takes), lpips, minutes, config.steps)
    data = split_takes(takes, config)
    adapted = learn_actor(shipped, data, config, lpips, lambda done, total: None, measured)
    record = adapted.record
    step = record.chosen_step if record.helped else 0
    measured.measure(adapted.renderer, record.seconds / 60, step)
    return measured.rows, step


def clip_of(members: Members) -> AppearanceClip:
    """Decode a clip for adaptation."""
    return appearance_clip(members, MaskConfig())


def take_of(clip: AppearanceClip) -> Take:
    """Return a whole clip as a take."""
    return Take(clip, np.arange(len(clip.opening)), 25.0)


def print_table(title: str, rows: Sequence[Row]) -> None:
    """Print the rows; gains are relative to the shipped weights with the clip's own frames."""
    table = Table(title=title)
    for heading in (
        "minutes",
        "steps",
        *(name for name, _ in COLUMNS.values()),
        "gain",
        "a minute",
    ):
        table.add_column(heading, justify="right")
    for row in rows:
        if row is rows[-1]:
            table.add_section()
        gain = row["psnr_mouth"] - rows[0]["psnr_alone"]
        table.add_row(
            f"{row['minutes']:.1f}",
            f"{row['steps']:.0f}",
            *(f"{row[name]:.{decimals}f}" for name, (_, decimals) in COLUMNS.items()),
            f"{gain:+.2f}",
            f"{gain / row['minutes']:+.2f}" if row["minutes"] else "",
        )
    Console(width=100).print(table)


def main(sets: Sequence[Path], weights: Path, minutes: float, wanted: Sequence[str]) -> None:
    """Print the tables."""
    shipped, lpips = load_renderer(weights), perceptual_lpips(pull("perceptual-alexnet"))
    every: list[list[Row]] = []
    for curated in sets:
        index = clip_index(curated, "test")
        for speaker in wanted or index.speakers:
            rows, best = adapted_rows(index, speaker, shipped, lpips, minutes)
            title = f"{speaker} in {curated.name}"
            print_table(f"{title}; step {best} is returned", rows)
            every.append(rows)
    alike = [*zip(*(rows[:-1] for rows in every), strict=False), [rows[-1] for rows in every]]
    means = [{name: float(np.mean([row[name] for row in at])) for name in at[0]} for at in alike]
    print_table(f"mean over {len(every)} speakers", means)


if __name__ == "__main__":
    main(
        [Path(curated) for curated in sys.argv[1].split(",")],
        Path(sys.argv[2]) if len(sys.argv) > 2 else shipped_weights("appearance"),
        float(sys.argv[3]) if len(sys.argv) > 3 else MINUTES[-1],
        sys.argv[4].split(",") if len(sys.argv) > 4 else (),
    )
