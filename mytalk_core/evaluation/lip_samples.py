"""What the motion model does to single clips: opening of the mouth, outlines of the lips."""

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

_MOMENTS = 8
_TRUTH, _OURS = "0.55", "#d1495b"


@dataclass(frozen=True)
class LipSample:
    """Lips (T, L, 2) as they were asked for and as they really moved, inter-ocular units."""

    source: str  # key of the clip whose pictures are dubbed
    target: str  # key of the clip whose speech is heard
    scheme: LandmarkScheme
    ours: Points
    truth: Points

    @property
    def score(self) -> float:
        """Negative lip distance."""
        return -lmd(self.ours, self.truth)

    @property
    def title(self) -> str:
        """Clips and figures in one line."""
        correlation = aperture_correlation(self.ours, self.truth, self.scheme)
        clips = f"{self.source}, speech of {self.target}"
        if self.source == self.target:
            clips = f"{self.source}, own speech"
        return f"{clips}: LMD {-self.score:.4f}, aperture r {correlation:.2f}"


def lip_samples(clips: Sequence[MotionClip], model: SpeechToMotion) -> list[LipSample]:
    """Every clip with the speech of the speaker's next one; with its own where there is no other.

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
    """The opening over time, and below it the lips at moments evenly spread; truth in grey."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    grid = figure.add_gridspec(2, _MOMENTS, height_ratios=(3, 2))
    seconds = np.arange(len(sample.ours)) / float(MOTION_FPS)
    moments = np.linspace(0, len(sample.ours) - 1, _MOMENTS + 2).round().astype(int)[1:-1]
    axes = figure.add_subplot(grid[0, :])
    axes.plot(seconds, aperture(sample.truth, sample.scheme), color=_TRUTH, label="truth")
    axes.plot(seconds, aperture(sample.ours, sample.scheme), color=_OURS, label="ours")
    for moment in moments:
        axes.axvline(seconds[moment], color="0.85", linewidth=0.8, zorder=0)
    axes.set_xlabel("seconds")
    axes.set_ylabel("opening")
    axes.margins(x=0.01)
    axes.legend(frameon=False, loc="upper right", ncols=2)
    shown = np.concatenate([sample.ours[moments], sample.truth[moments]]).reshape(-1, 2)
    low, high = shown.min(axis=0) - 0.02, shown.max(axis=0) + 0.02
    for number, moment in enumerate(moments):
        place = figure.add_subplot(grid[1, number])
        _outlines(place, sample.truth[moment], sample.scheme, _TRUTH)
        _outlines(place, sample.ours[moment], sample.scheme, _OURS)
        place.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]), aspect="equal")
        place.set_title(f"{seconds[moment]:.1f} s", fontsize=8)
        place.axis("off")
    return figure


def _outlines(axes: Axes, lips: Points, scheme: LandmarkScheme, colour: str) -> None:
    """Outer and inner outline of one frame's lips (L, 2)."""
    for contour in (scheme.outer_lips, scheme.inner_lips):
        around = moving_positions(scheme, contour)
        axes.plot(*lips[[*around, around[0]]].T, color=colour, linewidth=1.2)
