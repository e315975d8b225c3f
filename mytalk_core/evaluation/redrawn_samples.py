"""What the renderer does to single clips: frames drawn again below the true ones."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mytalk_core.appearance.conditioning import MaskConfig
from mytalk_core.appearance.renderer import Renderer
from mytalk_core.data.schema import ClipSample
from mytalk_core.evaluation.appearance_table import picture_scores
from mytalk_core.evaluation.redrawing import OURS, redraw, redraw_case

_FRAMES = 8
_EVERY = 5  # frames; as the table measures


@dataclass(frozen=True)
class RedrawnSample:
    """Some frames of a clip (N, S, S, 3), true and drawn again with their true landmarks."""

    key: str
    score: float  # PSNR of the mouth region in dB, mean over frames
    ours: NDArray[np.uint8]
    truth: NDArray[np.uint8]

    @property
    def title(self) -> str:
        """Clip and figure in one line."""
        return f"{self.key}: mouth PSNR {self.score:.2f} dB; truth above, ours below"


def redrawn_samples(samples: Iterable[ClipSample], renderer: Renderer) -> list[RedrawnSample]:
    """Every clip, its frames evenly spread in time."""
    return [_sample(sample, renderer) for sample in samples]


def _sample(sample: ClipSample, renderer: Renderer) -> RedrawnSample:
    case = redraw_case(sample, _EVERY, MaskConfig())
    redrawing = redraw(case, renderer)
    chosen = np.linspace(0, len(case.frames) - 1, _FRAMES).round().astype(int)
    return RedrawnSample(
        key=case.key,
        score=picture_scores(case, redrawing, OURS)["psnr_mouth"],
        ours=redrawing.by_method[OURS][chosen],
        truth=redrawing.true[chosen],
    )


def redrawn_strip(sample: RedrawnSample) -> NDArray[np.uint8]:
    """Pixels (2 S, N S, 3) RGB: the true frames above, ours below."""
    rows = [np.concatenate(list(row), axis=1) for row in (sample.truth, sample.ours)]
    return np.concatenate(rows)


def redrawn_figure(sample: RedrawnSample) -> Figure:
    """`redrawn_strip` as a figure."""
    strip = redrawn_strip(sample)
    figure = Figure(figsize=(9, 9 * strip.shape[0] / strip.shape[1]))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(strip)
    axes.axis("off")
    return figure
