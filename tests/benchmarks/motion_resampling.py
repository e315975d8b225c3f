"""Interpolation of lip motion between frames: linear and cubic methods.

    python tests/benchmarks/motion_resampling.py CURATED [WEIGHTS]

`CURATED`: output of `mytalk curate`; its split val is used. Removes and interpolates every second
frame of true and generated motion, and prints errors of position, speed and acceleration. Then
resamples all frames to 60 fps and prints the acceleration relative to that at 25 fps (RMS and
largest), and the overshoot relative to the range of a point.
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
Interpolate = Callable[[Track, Track], Track]
FILM_FPS = 60


def linear(track: Track, at: Track) -> Track:
    before = np.minimum(at.astype(int), len(track) - 2)
    share = (at - before)[:, None]
    result: Track = track[before] * (1 - share) + track[before + 1] * share
    return result


METHODS: dict[str, Interpolate] = {
    "linear": linear,
    "Catmull-Rom (used)": lambda track, at: resampled(track, at).astype(np.float64),
    "PCHIP": lambda track, at: PchipInterpolator(np.arange(len(track)), track)(at),
    "cubic spline": lambda track, at: CubicSpline(np.arange(len(track)), track)(at),
}


def figures(track: Track, method: Interpolate) -> list[float]:
    """Return errors of position, speed, acceleration; roughness, RMS and largest; overshoot."""
    at = np.arange(len(track) - 3) / 2
    error = method(track[::2], at) - track[: len(at)]
    errors = [float(np.abs(np.diff(error, order, axis=0)).mean()) for order in range(3)]
    step = float(MOTION_FPS) / FILM_FPS
    film = method(track, np.arange(int((len(track) - 1) / step)) * step)
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
    errors, rough = ("position", "speed", "acceleration"), ("roughness", "largest", "overshoot")
    for heading in ("method", *errors, *rough):
        table.add_column(heading, justify="right")
    for name, method in METHODS.items():
        mean = np.mean([figures(track, method) for track in tracks], axis=0)
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
