"""Mouth opening and loudness over a whole film, reduced to a bounded number of samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

import numpy as np
from numpy.typing import NDArray

# Samples of a film at most: every frame of two hours at 25 fps.
MAX_SAMPLES = 180_000


@dataclass(frozen=True)
class MouthLane:
    """Mouth opening of a member in N consecutive samples of the film."""

    member: str | None  # id
    first: int  # sample of the film that is the first one here
    target: NDArray[np.float32]  # (N,) of the dub, inter-ocular units; NaN where nothing is drawn
    source: NDArray[np.float32]  # (N,) of the film, the same


@dataclass(frozen=True)
class ReportedCurves:
    """Samples of a film that are `step` seconds apart, the first at its start."""

    step: Fraction  # seconds
    loudness: NDArray[np.float32]  # (S,) dBFS of the dub's sound, the largest of a sample's frames
    lanes: tuple[MouthLane, ...]  # by first sample; a member has one for each track

    @property
    def mean_openings(self) -> tuple[float, float] | None:
        """Mean of source and dub in inter-ocular units; None where nothing is drawn."""
        drawn = [np.isfinite(lane.target) & np.isfinite(lane.source) for lane in self.lanes]
        if not sum(int(each.sum()) for each in drawn):
            return None
        lanes = list(zip(self.lanes, drawn, strict=True))
        source = np.concatenate([lane.source[here] for lane, here in lanes])
        target = np.concatenate([lane.target[here] for lane, here in lanes])
        return float(source.mean()), float(target.mean())


@dataclass(frozen=True)
class MouthOpening:
    """Mouth opening of a track in T consecutive frames of the film."""

    member: str | None  # id
    first: int  # frame of the film
    target: NDArray[np.float64]  # (T,) of the dub, inter-ocular units; NaN where nothing is drawn
    source: NDArray[np.float64]  # (T,) of the film, the same


def reported_curves(
    loudness: NDArray[np.float64], mouths: Sequence[MouthOpening], fps: Fraction
) -> ReportedCurves:
    """Reduce curves to at most `MAX_SAMPLES`.

    A sample is the largest value of its frames: at the rates that are left, peaks of an opening
    matter and stay in place. Frames are taken to be equally long, as `fps` says.

    Args:
        loudness: (F,) dBFS of each frame of the film.
        mouths: of tracks; those in which nothing is drawn are left out.
    """
    frames = max(1, ceil(len(loudness) / MAX_SAMPLES))
    lanes = []
    for mouth in sorted(mouths, key=lambda each: each.first):
        drawn = np.flatnonzero(np.isfinite(mouth.target))
        if not len(drawn):
            continue
        part = slice(int(drawn[0]), int(drawn[-1]) + 1)
        first = mouth.first + part.start
        lanes.append(
            MouthLane(
                mouth.member,
                first // frames,
                _largest(mouth.target[part], first % frames, frames),
                _largest(mouth.source[part], first % frames, frames),
            )
        )
    return ReportedCurves(frames / fps, _largest(loudness, 0, frames), tuple(lanes))


def _largest(values: NDArray[np.float64], before: int, frames: int) -> NDArray[np.float32]:
    """The largest of each `frames` values, `before` of them missing at the start; NaN of none."""
    after = -(before + len(values)) % frames
    padded = np.pad(values.astype(np.float32), (before, after), constant_values=np.nan)
    rows = padded.reshape(-1, frames)
    known = np.isfinite(rows).any(axis=1)
    return np.where(known, np.fmax.reduce(rows, axis=1), np.float32(np.nan)).astype(np.float32)
