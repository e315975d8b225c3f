"""Single clips redrawn with their true landmarks, as samples for reports."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.data.schema import ClipSample
from mytalk_core.evaluation.appearance_scores import picture_scores
from mytalk_core.evaluation.redrawing import in_place, reconstruction_case, renderer_drawer
from mytalk_core.evaluation.redrawn_strip import redrawn_strip


@dataclass(frozen=True)
class RedrawnSample:
    """Some redrawn frames of a clip, with their inputs and score."""

    key: str
    score: float  # PSNR of the mouth region in dB, mean over frames
    strip: NDArray[np.uint8]  # (H, W, 3) RGB, see `redrawn_strip`

    @property
    def title(self) -> str:
        """Clip and score in one line."""
        return f"{self.key}: mouth PSNR {self.score:.2f} dB"


def redrawn_samples(samples: Iterable[ClipSample], renderer: Renderer) -> list[RedrawnSample]:
    """Redraw every clip, its frames evenly spread in time."""
    return [_sample(sample, renderer) for sample in samples]


def _sample(sample: ClipSample, renderer: Renderer) -> RedrawnSample:
    case = reconstruction_case(sample, sample.meta.speaker, MaskConfig())
    drawn = in_place(case, renderer_drawer(renderer)(case))
    score = picture_scores(case, drawn, None)["psnr_mouth"]
    return RedrawnSample(sample.meta.key, score, redrawn_strip(case, drawn))


def redrawn_figure(sample: RedrawnSample) -> Figure:
    """Return the strip as a figure."""
    figure = Figure(figsize=(9, 9 * sample.strip.shape[0] / sample.strip.shape[1]))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(sample.strip)
    axes.axis("off")
    return figure
