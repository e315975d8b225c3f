"""Examples from one actor's own frames, with little augmentation.

Training on many people rotates, mirrors and relights examples and uses references with other
mouths, for generality. Adaptation to one actor in one film uses the film as it is, and the
references that a dub would choose.
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
    """Examples of one actor."""

    # Runs of two frames per step.
    runs: int = 1
    # Reference frames per example: as many as the renderer draws a frame from.
    references: int = RendererConfig.looked_at
    motion: CropMotionConfig = field(
        default_factory=lambda: CropMotionConfig(
            landmark_jitter=0.002, turn=3.0, zoom=0.04, shift=0.02, stretch=0.0
        )
    )


class AdaptationBatches:
    """Makes batches from the frames of takes."""

    def __init__(self, takes: Sequence[Take], config: AdaptationBatchConfig, size: int) -> None:
        """Args: `takes` have two consecutive frames at least; `size` is the renderer's."""
        self._takes = takes
        self._config = config
        self._size = size
        # Every pair of consecutive frames: (take, position of the first frame in it).
        self._places = [
            (number, int(place))
            for number, take in enumerate(takes)
            for place in consecutive_frames(take)
        ]

    def batch(self, random: np.random.Generator, step: int) -> AppearanceBatch:
        """Return the batch of one step."""
        return batch_of([self._example(random) for _ in range(self._config.runs)], step)

    def _example(self, random: np.random.Generator) -> CropTensors:
        """Return two consecutive frames, then their references, (2 + K, ..)."""
        config = self._config
        number, first = self._places[random.integers(len(self._places))]
        clip = self._takes[number].clip
        run = np.arange(first, first + RUN)
        # A take has gaps, so positions do not measure time and TOO_NEAR counts positions.
        references = alike_references(
            clip.distances_from(first), run, config.references, random, TOO_NEAR
        )
        crops = clip.crops.choose(np.concatenate([run, references]))
        return crop_tensors(moved_crops(crops, RUN, config.motion, random), clip.scheme, self._size)


def consecutive_frames(take: Take) -> NDArray[np.int64]:
    """Return the positions of a take whose frame is followed by the film's next frame."""
    return np.flatnonzero(np.diff(take.frames) == 1)
