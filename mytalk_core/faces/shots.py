"""Hard cuts in a sequence of frames."""

from collections import deque
from collections.abc import Sequence, Set
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray
from scenedetect import FrameTimecode
from scenedetect.detectors import AdaptiveDetector, ContentDetector

# Pictures are first sampled to this many times the width that they are compared at: the mean over
# all pixels of a large picture takes as long as finding its faces.
_SAMPLED = 2


@dataclass(frozen=True)
class ShotConfig:
    """What is a cut."""

    # A cut changes the picture this many times as much as the frames around it do.
    threshold: float = 3.0
    # Least change of brightness from one frame to the next, mean over pixels, 0..255. Talking
    # heads stay below 3.3 and the jumps of a coarse encoder at its key frames below 5.8; cuts
    # between heads on one background begin at 15. Hue, which is noise where a picture is nearly
    # grey, would bring key frames and cuts closer to each other.
    least_change: float = 8.0
    # Frames on either side that a cut is compared with.
    window_frames: int = 2
    # Shortest shot, seconds. When the picture is back to what it was sooner, that was a flash.
    shortest_seconds: float = 0.4
    # Frames are looked at with this width, pixels.
    width: int = 160


class ShotDetector:
    """Finds hard cuts in consecutive frames; keeps a dozen small pictures.

    A change of picture is a cut unless the picture from before comes back soon, as after a flash.
    Both are decided from the frames around the change alone, so that a detector that starts some
    frames before a part of a film finds there what one finds that has seen the whole film.
    """

    def __init__(self, config: ShotConfig, fps: Fraction) -> None:
        self._config = config
        self._fps = fps
        self._detector = AdaptiveDetector(
            adaptive_threshold=config.threshold,
            min_scene_len=0,  # changes close to each other are judged by `decide_cuts`
            window_width=config.window_frames,
            min_content_val=config.least_change,
            luma_only=True,
        )
        self._shortest = int(config.shortest_seconds * float(fps))
        # The latest pictures, as many as a flash and the look-ahead of the detector can span.
        self._recent: deque[tuple[int, NDArray[np.uint8]]] = deque(
            maxlen=self._shortest + config.window_frames + 2
        )
        self.changes: list[int] = []
        """Frames that show another picture than the frame before, ascending."""
        self.returns: set[tuple[int, int]] = set()
        """Pairs of changes, close to each other, with the same picture before and after."""

    @property
    def look_ahead(self) -> int:
        """Frames after a change that must be observed before it is in `changes`."""
        return self._config.window_frames

    def observe(self, index: int, image: NDArray[np.uint8]) -> None:
        """Add the next frame, (H, W, 3) RGB; `index` counts from 0."""
        picture = self._shrunk(image)
        if not self._recent:
            for before in range(self._config.window_frames):
                self._compare(before - self._config.window_frames, picture)
        self._recent.append((index, picture))
        self._compare(index, picture)

    def finish(self) -> None:
        """Find the changes in the last frames. Call it once, after the last frame."""
        if self._recent:
            last, picture = self._recent[-1]
            for after in range(self._config.window_frames):
                self._compare(last + 1 + after, picture)

    def _shrunk(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = image.shape[:2]
        size = (self._config.width, max(round(height * self._config.width / width), 1))
        if width > _SAMPLED * size[0]:
            sampled = (_SAMPLED * size[0], _SAMPLED * size[1])
            image = cv2.resize(image, sampled, interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return cv2.cvtColor(small, cv2.COLOR_RGB2BGR).astype(np.uint8, copy=False)

    def _compare(self, index: int, picture: NDArray[np.uint8]) -> None:
        """Run the detector on a frame; the first and the last frame are repeated beyond the ends.

        Without these it would skip the frames that have no neighbours on one side.
        """
        found = self._detector.process_frame(self._time(index), picture)
        for change in (time.frame_num - self._config.window_frames for time in found):
            for before in self.changes[-self._shortest :]:
                if change - before < self._shortest and self._returned(before, change):
                    self.returns.add((before, change))
            self.changes.append(change)

    def _returned(self, start: int, end: int) -> bool:
        """Whether frame `end` shows what the frame before `start` showed."""
        recent = dict(self._recent)
        if start - 1 not in recent:
            return False
        comparison = ContentDetector(self._config.least_change, min_scene_len=0, luma_only=True)
        comparison.process_frame(self._time(0), recent[start - 1])
        return not comparison.process_frame(self._time(1), recent[end])

    def _time(self, index: int) -> FrameTimecode:
        # Time codes cannot be negative.
        return FrameTimecode(index + self._config.window_frames, self._fps)


def decide_cuts(changes: Sequence[int], returns: Set[tuple[int, int]]) -> list[int]:
    """First frames of new shots, ascending: the changes without those that begin or end a flash.

    Args:
        changes, returns: as `ShotDetector` has them after the last frame.
    """
    cuts: list[int] = []
    for change in changes:
        if cuts and (cuts[-1], change) in returns:
            cuts.pop()
        else:
            cuts.append(change)
    return cuts
