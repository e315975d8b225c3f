"""Lips predicted for single clips, as samples for reports: mouth opening and lip outlines."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mytalk_core.evaluation.cases import DubCase, MotionClip, cross_cases, reconstruction_cases
from mytalk_core.evaluation.lip_metrics import aperture, aperture_correlation, lmd
from mytalk_core.evaluation.motion_methods import ModelMotion
from mytalk_core.faces.alignment import Points
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.shape import moving_positions
from mytalk_core.media.clock import MOTION_FPS
from mytalk_core.motion.model import SpeechToMotion

_OUTLINED = 8  # frames whose lips are drawn
_TRUTH, _OURS = "0.55", "#d1495b"


@dataclass(frozen=True)
class LipSample:
    """Predicted and true lips (T, L, 2), inter-ocular units."""

    source: str  # key of the clip that gives the face
    target: str  # key of the clip that gives the speech
    scheme: LandmarkScheme
    ours: Points
    truth: Points

    @property
    def score(self) -> float:
        """Negative lip distance."""
        return -lmd(self.ours, self.truth)

    @property
    def title(self) -> str:
        """Clips and scores in one line."""
        correlation = aperture_correlation(self.ours, self.truth, self.scheme)
        clips = f"{self.source}, speech of {self.target}"
        if self.source == self.target:
            clips = f"{self.source}, own speech"
        return f"{clips}: LMD {-self.score:.4f}, aperture r {correlation:.2f}"


def lip_samples(clips: Sequence[MotionClip], model: SpeechToMotion) -> list[LipSample]:
    """Predict every clip with the speech of its speaker's next clip, or else with its own.

    Args:
        clips: at least one.
    """
    return [_sample(case, model) for case in cross_cases(clips) or reconstruction_cases(clips)]


def _sample(case: DubCase, model: SpeechToMotion) -> LipSample:
    lips = len(case.source.scheme.lips)
    return LipSample(
        source=case.source.key,
        target=case.target.key,
        scheme=case.source.scheme,
        ours=ModelMotion(model)(case)[:, :lips, :2],
        truth=case.truth[:, :lips, :2],
    )


def lip_figure(sample: LipSample) -> Figure:
    """Draw the opening over time, and below it the lips at evenly spaced frames; truth in grey."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    grid = figure.add_gridspec(2, _OUTLINED, height_ratios=(3, 2))
    seconds = np.arange(len(sample.ours)) / float(MOTION_FPS)
    frames = np.linspace(0, len(sample.ours) - 1, _OUTLINED + 2).round().astype(int)[1:-1]
    axes = figure.add_subplot(grid[0, :])
    axes.plot(seconds, aperture(sample.truth, sample.scheme), color=_TRUTH, label="truth")
    axes.plot(seconds, aperture(sample.ours, sample.scheme), color=_OURS, label="ours")
    for frame in frames:
        axes.axvline(seconds[frame], color="0.85", linewidth=0.8, zorder=0)
    axes.set_xlabel("seconds")
    axes.set_ylabel("opening")
    axes.margins(x=0.01)
    axes.legend(frameon=False, loc="upper right", ncols=2)
    shown = np.concatenate([sample.ours[frames], sample.truth[frames]]).reshape(-1, 2)
    low, high = shown.min(axis=0) - 0.02, shown.max(axis=0) + 0.02
    for number, frame in enumerate(frames):
        place = figure.add_subplot(grid[1, number])
        _outlines(place, sample.truth[frame], sample.scheme, _TRUTH)
        _outlines(place, sample.ours[frame], sample.scheme, _OURS)
        place.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]), aspect="equal")
        place.set_title(f"{seconds[frame]:.1f} s", fontsize=8)
        place.axis("off")
    return figure


def _outlines(axes: Axes, lips: Points, scheme: LandmarkScheme, colour: str) -> None:
    """Draw the outer and inner outline of one frame's lips (L, 2)."""
    for contour in (scheme.outer_lips, scheme.inner_lips):
        around = moving_positions(scheme, contour)
        axes.plot(*lips[[*around, around[0]]].T, color=colour, linewidth=1.2)
