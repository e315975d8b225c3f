"""Where a film cuts, found while its frames pass by."""

from collections import deque
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
    """Finds hard cuts in frames shown one after the other; it holds a dozen small pictures."""

    def __init__(self, config: ShotConfig, fps: Fraction) -> None:
        self._config = config
        self._fps = fps
        self._detector = AdaptiveDetector(
            adaptive_threshold=config.threshold,
            min_scene_len=0,  # two cuts close to each other are judged here
            window_width=config.window_frames,
            min_content_val=config.least_change,
            luma_only=True,
        )
        self._shortest = int(config.shortest_seconds * float(fps))
        # The pictures up to now, as many as a flash and the detector's look ahead can span.
        self._recent: deque[tuple[int, NDArray[np.uint8]]] = deque(
            maxlen=self._shortest + config.window_frames + 2
        )
        self._cuts: list[int] = []
        self._settled = 0

    def observe(self, index: int, image: NDArray[np.uint8]) -> None:
        """Show the next frame, (H, W, 3) RGB; `index` counts from 0."""
        picture = self._shrunk(image)
        if not self._recent:
            for before in range(self._config.window_frames):
                self._look(before - self._config.window_frames, picture)
        self._recent.append((index, picture))
        self._look(index, picture)
        # A cut is known once the frames after it are, and can still turn out to begin a flash.
        self._settled = max(index - self._config.window_frames - self._shortest + 1, 0)

    @property
    def settled(self) -> int:
        """Frames before this one are in the shots that `cuts_so_far` says, whatever follows."""
        return self._settled

    @property
    def cuts_so_far(self) -> list[int]:
        """First frames of new shots, ascending; of those from `settled` on some may go again.

        Another thread than the one that observes reads `settled` first, then a copy of this.
        """
        return self._cuts

    def cuts(self) -> list[int]:
        """First frames of new shots, ascending. Ends the film: call it once, after the last."""
        if self._recent:
            last, picture = self._recent[-1]
            for after in range(self._config.window_frames):
                self._look(last + 1 + after, picture)
            self._settled = last + 1
        return self._cuts

    def _shrunk(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = image.shape[:2]
        size = (self._config.width, max(round(height * self._config.width / width), 1))
        if width > _SAMPLED * size[0]:
            sampled = (_SAMPLED * size[0], _SAMPLED * size[1])
            image = cv2.resize(image, sampled, interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return cv2.cvtColor(small, cv2.COLOR_RGB2BGR).astype(np.uint8, copy=False)

    def _look(self, index: int, picture: NDArray[np.uint8]) -> None:
        """Let the detector see a frame; before the first and after the last one stand copies.

        Without these it would not look at the frames that have no neighbours on one side.
        """
        found = self._detector.process_frame(self._time(index), picture)
        for cut in (time.frame_num - self._config.window_frames for time in found):
            if self._cuts and self._was_flash(self._cuts[-1], cut):
                self._cuts.pop()
            else:
                self._cuts.append(cut)

    def _was_flash(self, start: int, end: int) -> bool:
        if end - start >= self._shortest:
            return False
        recent = dict(self._recent)
        comparison = ContentDetector(self._config.least_change, min_scene_len=0, luma_only=True)
        comparison.process_frame(self._time(0), recent[start - 1])
        return not comparison.process_frame(self._time(1), recent[end])

    def _time(self, index: int) -> FrameTimecode:
        # Time codes cannot be negative.
        return FrameTimecode(index + self._config.window_frames, self._fps)
