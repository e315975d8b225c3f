"""Look at a range of a film once: changes of picture, and every face of every frame.

Preprocessing and dubbing both start here. A range owns *pieces* of the film. A piece starts where
the picture changes, and at regular intervals within a shot; the landmarker restarts there. What is
detected in a piece depends on its own frames only, so a film gives the same faces however it is
divided into ranges, and ranges can be observed by several processes, also those of a film of one
shot. `joining` puts the ranges together.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.landmarker import Landmarker
from mytalk_core.faces.plausibility import CheckedFaces, FaceChecker
from mytalk_core.faces.shots import ShotConfig, ShotDetector
from mytalk_core.faces.tracks import FaceStore, TrackConfig


@dataclass(frozen=True)
class ObserverConfig:
    """What a shot is, what one face is, and where detection restarts."""

    shots: ShotConfig = field(default_factory=ShotConfig)
    tracks: TrackConfig = field(default_factory=TrackConfig)
    # Seconds of the film between two restarts of the landmarker within a shot.
    restart_seconds: int = 15
    # Frames before such a restart that the landmarker is shown first, so that the landmarks of the
    # first frame of the piece are as exact as those of the others.
    warm_up_frames: int = 5


@dataclass(frozen=True)
class Span:
    """The part of a film that a range observes: pieces that start in [start, end), seconds."""

    start: Fraction
    end: Fraction | None = None  # None: up to the film's end


WHOLE_FILM = Span(Fraction(0))


@dataclass(frozen=True)
class SeenFrame:
    """A decoded frame of a film."""

    start: Fraction  # seconds after the start of the film's first frame
    end: Fraction  # seconds
    image: NDArray[np.uint8]  # (H, W, 3) RGB, square pixels
    searched: bool = True  # False: faces are not searched, as in a damaged frame


@dataclass(frozen=True)
class ScannedFrame:
    """A frame, and whether its picture follows from the frame before."""

    frame: SeenFrame
    index: int  # among the frames that were scanned
    changes: bool  # it shows another picture than the frame before


@dataclass(frozen=True)
class DetectedFace:
    """A face of one frame."""

    row: int  # of the `FaceStore` that keeps it
    landmarks: NDArray[np.float32]  # (P, 3) pixels


@dataclass(frozen=True)
class RangeObservation:
    """What was observed in a range of N frames with R faces."""

    starts: tuple[Fraction, ...]  # (N,) seconds of the film
    end: Fraction  # seconds, of the last frame
    changes: tuple[int, ...]  # frames of the range with another picture than the frame before
    returns: frozenset[tuple[int, int]]  # as of `ShotDetector`, in frames of the range
    frames: NDArray[np.int64]  # (R,) frame of the range of each row of its faces
    checked: CheckedFaces  # by row
    faceless: tuple[NDArray[np.uint8], ...]  # some images, while no face was found


class RangeScanner:
    """Finds changes of picture; may run in a thread ahead of the search for faces."""

    def __init__(self, config: ObserverConfig, fps: Fraction) -> None:
        self._detector = ShotDetector(config.shots, fps)

    @property
    def returns(self) -> set[tuple[int, int]]:
        """As of `ShotDetector`, in indices of scanned frames."""
        return self._detector.returns

    def scan(self, frames: Iterable[SeenFrame]) -> Iterator[ScannedFrame]:
        """The same frames, a few frames late, each with whether the picture changes there."""
        waiting: deque[tuple[int, SeenFrame]] = deque()
        for index, frame in enumerate(frames):
            self._detector.observe(index, frame.image)
            waiting.append((index, frame))
            if len(waiting) > self._detector.look_ahead:
                yield self._scanned(*waiting.popleft())
        self._detector.finish()
        for index, frame in waiting:
            yield self._scanned(index, frame)

    def _scanned(self, index: int, frame: SeenFrame) -> ScannedFrame:
        return ScannedFrame(
            frame, index, index in self._detector.changes[-self._detector.look_ahead - 1 :]
        )


class RangeObserver:
    """Detects the faces of the frames of a range, in order."""

    def __init__(
        self,
        landmarker: Landmarker,
        config: ObserverConfig,
        faces: FaceStore,
        checker: FaceChecker | None = None,
        span: Span = WHOLE_FILM,
    ) -> None:
        """Args:
        faces: keeps the landmarks of all detections; empty.
        checker: compares some of them with a second detector.
        """
        self._landmarker = landmarker
        self._config = config
        self._faces = faces
        self._checker = checker
        self._span = span
        self._owned = False  # whether the current piece is of this range
        self.complete = False
        """Whether a piece after the range has started; further frames are not needed."""
        self._piece = 0  # frames of it
        self._last: Fraction | None = None  # start of the latest frame
        self._recent: deque[SeenFrame] = deque(maxlen=config.warm_up_frames)  # of the same shot
        self._first_index: int | None = None  # among the scanned frames, of the range's first
        self._starts: list[Fraction] = []
        self._end = Fraction(0)
        self._changes: list[int] = []
        self._frames: list[int] = []

    @property
    def scheme(self) -> LandmarkScheme:
        """Scheme of the landmarks."""
        return self._landmarker.scheme

    @property
    def piece_frame(self) -> int:
        """The latest frame that was searched, counted from the start of its piece."""
        return self._piece - 1

    def observe(self, scanned: ScannedFrame) -> list[DetectedFace]:
        """Detect the faces of the next frame; none where it is before or after the range."""
        frame = scanned.frame
        if scanned.changes:
            self._recent.clear()
        if self._starts_piece(scanned):
            self.complete = self._span.end is not None and frame.start >= self._span.end
            self._owned = frame.start >= self._span.start and not self.complete
            self._piece = 0
            if self._owned:
                self._restart()
        self._last = frame.start
        self._recent.append(frame)
        return self._detect(scanned) if self._owned else []

    def finish(self, scanner: RangeScanner) -> RangeObservation:
        """Return what was observed; the landmarker is free for another range."""
        first = self._first_index or 0
        return RangeObservation(
            starts=tuple(self._starts),
            end=self._end,
            changes=tuple(self._changes),
            returns=frozenset(
                (start - first, end - first)
                for start, end in scanner.returns
                if first <= end < first + len(self._starts)
            ),
            frames=np.array(self._frames, np.int64),
            checked=self._checker.checked if self._checker else CheckedFaces({}),
            faceless=tuple(self._checker.faceless) if self._checker else (),
        )

    def _starts_piece(self, scanned: ScannedFrame) -> bool:
        start = scanned.frame.start
        if self._last is None:
            return start == 0
        apart = self._config.restart_seconds
        return scanned.changes or start // apart != self._last // apart

    def _restart(self) -> None:
        self._landmarker.restart()
        for frame in self._recent:
            if frame.searched:
                self._landmarker.detect(frame.image)

    def _detect(self, scanned: ScannedFrame) -> list[DetectedFace]:
        frame, place = scanned.frame, len(self._starts)
        if self._first_index is None:
            self._first_index = scanned.index
        self._starts.append(frame.start)
        self._end = frame.end
        if scanned.changes:
            self._changes.append(place)
        self._piece += 1
        if not frame.searched:
            return []
        found = [
            DetectedFace(self._faces.add(face), face)
            for face in self._landmarker.detect(frame.image)
        ]
        self._frames += [place] * len(found)
        if self._checker:
            by_row = {face.row: face.landmarks for face in found}
            self._checker.observe(self._piece - 1, frame.image, by_row)
        return found
