"""Shots and every face of consecutive frames: what preprocessing and dubbing both begin with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.landmarker import Landmarker
from mytalk_core.faces.shots import ShotConfig, ShotDetector
from mytalk_core.faces.tracks import FaceRows, Track, TrackBuilder, TrackConfig


@dataclass(frozen=True)
class ObserverConfig:
    """What is a shot, and what is one face."""

    shots: ShotConfig = field(default_factory=ShotConfig)
    tracks: TrackConfig = field(default_factory=TrackConfig)


@dataclass(frozen=True)
class DetectedFace:
    """A face of one frame."""

    row: int  # of the `FaceRows` that keep it; rows of a film count up from 0
    landmarks: NDArray[np.float32]  # (P, 3) pixels


@dataclass(frozen=True)
class ShotFaces:
    """A shot and all that is seen in it."""

    number: int  # cuts before it
    first: int  # frame
    end: int  # frame
    tracks: tuple[Track, ...]  # by first frame, then from left to right; none without a face


class FilmObserver:
    """Shots and tracks of a film, or of a range of its frames, from one pass over the frames.

    A shot is given once its end is certain, some 0.4 s after it, so that a film of any length
    fits in memory where its faces are kept on disk.
    """

    def __init__(
        self,
        landmarker: Landmarker,
        fps: Fraction,
        config: ObserverConfig,
        faces: FaceRows | None = None,
    ) -> None:
        """Args: `faces` keeps what is detected; without it, memory does."""
        self._landmarker = landmarker
        self._detector = ShotDetector(config.shots, fps)
        self._builder = TrackBuilder(landmarker.scheme, config.tracks, fps, faces)
        self._cuts: list[int] = []  # those that are certain
        self._given = 0  # shots
        self._detected = 0  # frames
        landmarker.restart()

    @property
    def scheme(self) -> LandmarkScheme:
        """Of the landmarks."""
        return self._landmarker.scheme

    def find_shots(self, index: int, image: NDArray[np.uint8]) -> None:
        """Compare the next frame, (H, W, 3) RGB, with those before; `index` counts from 0.

        Another thread may do so ahead of `find_faces`.
        """
        self._detector.observe(index, image)

    def find_faces(self, index: int, image: NDArray[np.uint8] | None) -> list[DetectedFace]:
        """The faces of the next frame, which `find_shots` has seen; none without its image."""
        faces = [] if image is None else self._landmarker.detect(image)
        rows = self._builder.observe(index, faces)
        self._detected = index + 1
        return [DetectedFace(row, face) for row, face in zip(rows, faces, strict=True)]

    def finished_shots(self) -> list[ShotFaces]:
        """The shots that ended since this was called last, in order."""
        settled = min(self._detector.settled, self._detected)
        for cut in self._detector.cuts_so_far[len(self._cuts) :]:
            if cut < settled:
                self._cuts.append(cut)
        return self._shots(self._builder.advance(self._cuts, settled), self._cuts[self._given :])

    def finish(self) -> list[ShotFaces]:
        """The shots that were not given yet, up to the last frame, which was observed."""
        self._cuts = self._detector.cuts()
        ends = [*self._cuts[self._given :], self._detected] if self._detected else []
        return self._shots(self._builder.finish(self._cuts), ends)

    def _shots(self, tracks: Sequence[Track], ends: Sequence[int]) -> list[ShotFaces]:
        """The next shots, which end before these frames."""
        shots = []
        for end in ends:
            number = self._given
            first = self._cuts[number - 1] if number else 0
            own = tuple(track for track in tracks if track.shot == number)
            shots.append(ShotFaces(number, first, end, own))
            self._given += 1
        return shots
