"""How lips are best put between their frames: along lines, or along curves, and which.

    python tests/benchmarks/motion_resampling.py CURATED [WEIGHTS]

`CURATED`: what `mytalk curate` wrote; its split val is looked at. Every second frame of true and
of generated motion is left out and put back, and errors of place, speed and acceleration printed;
then all frames are put on 60 a second, and how rough that is: acceleration over that of the 25
(root mean square; largest), and by how much of its range a point overshoots.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.interpolate import CubicSpline, PchipInterpolator

from mytalk_core.dubbing.models import shipped_weights
from mytalk_core.media.clock import MOTION_FPS
from mytalk_core.media.resampling import resampled
from mytalk_core.motion.model import load_model
from tests.benchmarks.motion_scores import cases_of, motion_of

Track = NDArray[np.float64]
Between = Callable[[Track, Track], Track]
FILM_FPS = 60


def straight(track: Track, at: Track) -> Track:
    before = np.minimum(at.astype(int), len(track) - 2)
    share = (at - before)[:, None]
    result: Track = track[before] * (1 - share) + track[before + 1] * share
    return result


WAYS: dict[str, Between] = {
    "lines": straight,
    "Catmull-Rom (ours)": lambda track, at: resampled(track, at).astype(np.float64),
    "PCHIP": lambda track, at: PchipInterpolator(np.arange(len(track)), track)(at),
    "spline of the whole": lambda track, at: CubicSpline(np.arange(len(track)), track)(at),
}


def figures(track: Track, way: Between) -> list[float]:
    """Errors of place, speed, acceleration; roughness, mean and largest; overshoot."""
    at = np.arange(len(track) - 3) / 2
    error = way(track[::2], at) - track[: len(at)]
    errors = [float(np.abs(np.diff(error, order, axis=0)).mean()) for order in range(3)]
    step = float(MOTION_FPS) / FILM_FPS
    film = way(track, np.arange(int((len(track) - 1) / step)) * step)
    rough, own = np.diff(film, 2, axis=0) / step**2, np.diff(track, 2, axis=0)
    over = (film.max(axis=0) - track.max(axis=0)).max() / np.ptp(track, axis=0).max()
    return [
        *errors,
        float(np.sqrt((rough**2).mean() / (own**2).mean())),
        float(np.abs(rough).max() / np.abs(own).max()),
        max(float(over), 0.0),
    ]


def table_of(title: str, tracks: Sequence[Track]) -> Table:
    table = Table(title=title)
    errors, rough = ("place", "speed", "acceleration"), ("roughness", "largest", "overshoot")
    for heading in ("between frames", *errors, *rough):
        table.add_column(heading, justify="right")
    for name, way in WAYS.items():
        mean = np.mean([figures(track, way) for track in tracks], axis=0)
        errors, rough = mean[:3], mean[3:5]
        table.add_row(
            name, *(f"{x:.6f}" for x in errors), *(f"{x:.2f}" for x in rough), f"{mean[5]:.1%}"
        )
    return table


def main(curated: Path, weights: Path) -> None:
    """Print the two tables."""
    console = Console(width=110)
    own, _ = cases_of(curated, "val")
    motion = motion_of(load_model(weights))
    true = [(case.truth - case.rest).reshape(case.frames, -1).astype(np.float64) for case in own]
    made = [motion(case).reshape(case.frames, -1).astype(np.float64) for case in own]
    console.print(table_of("true lips", true))
    console.print(table_of("generated lips", made))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else shipped_weights("motion"))
