"""Examples out of one actor's own frames: in their own light, the right way round, hardly moved.

Training on many people turns, mirrors and relights its examples, so that a renderer knows what its
footage lacks, and shows it references with other mouths. Who learns one actor in one film wants
that film as it is, and the references that a dub would look at.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.actor_frames import Take
from mytalk_core.appearance.batches import RUN, AppearanceBatch, batch_of
from mytalk_core.appearance.crop_motion import CropMotionConfig, moved_crops
from mytalk_core.appearance.face_crops import CropTensors, crop_tensors
from mytalk_core.appearance.reference_frames import TOO_NEAR, alike_references
from mytalk_core.appearance.renderer import RendererConfig


@dataclass(frozen=True)
class AdaptationBatchConfig:
    """What examples of one actor are like."""

    # Runs of two frames per step.
    runs: int = 1
    # Reference frames per example: as many as the renderer looks at.
    references: int = RendererConfig.looked_at
    motion: CropMotionConfig = field(
        default_factory=lambda: CropMotionConfig(
            landmark_jitter=0.002, turn=3.0, zoom=0.04, shift=0.02, stretch=0.0
        )
    )


class AdaptationBatches:
    """Makes batches out of the frames of some takes; it never sees any others."""

    def __init__(self, takes: Sequence[Take], config: AdaptationBatchConfig, size: int) -> None:
        """Args: `takes` with two frames in a row at least; `size` is the renderer's."""
        self._takes = takes
        self._config = config
        self._size = size
        # Every place where two frames of the film stand beside each other: (take, place in it).
        self._places = [
            (number, int(place))
            for number, take in enumerate(takes)
            for place in frames_in_a_row(take)
        ]

    def batch(self, random: np.random.Generator, step: int) -> AppearanceBatch:
        """A batch for one step."""
        return batch_of([self._example(random) for _ in range(self._config.runs)], step)

    def _example(self, random: np.random.Generator) -> CropTensors:
        """Two frames in a row, then their references, (2 + K, ..)."""
        config = self._config
        number, first = self._places[random.integers(len(self._places))]
        clip = self._takes[number].clip
        run = np.arange(first, first + RUN)
        # A take has gaps, so that its frames are no measure of time.
        shown = alike_references(clip.unlikeness(first), run, config.references, random, TOO_NEAR)
        crops = clip.crops.choose(np.concatenate([run, shown]))
        return crop_tensors(moved_crops(crops, RUN, config.motion, random), clip.scheme, self._size)


def frames_in_a_row(take: Take) -> NDArray[np.int64]:
    """The places of a take whose frame is followed by the film's next one."""
    return np.flatnonzero(np.diff(take.frames) == 1)
