"""Close-ups: a few aligned pictures of each face, kept while a range of a film is observed.

They are chosen before tracks are known, from faces that are linked within a piece of the film only
(see `observing`). So every division of a film into ranges gives the same close-ups.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.aligned_picture import PICTURE_SIZE, aligned_picture
from mytalk_core.faces.association import cheapest_pairs, displacement
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.picture_quality import frame_sharpness
from mytalk_core.films.observing import DetectedFace
from mytalk_core.films.stored_array import RowWriter

PICTURE_SHAPE = (PICTURE_SIZE, PICTURE_SIZE, 3)
"""Of a close-up, uint8 RGB."""


@dataclass(frozen=True)
class CloseUpConfig:
    """Which pictures of a face are kept.

    A picture takes 67.5 kB. With a cut every 4 s and two faces in every frame, the pictures of an
    hour take 490 MB, half of what its landmarks take.
    """

    # Seconds from one frame whose faces are looked at to the next.
    every: float = 0.2
    # Largest number of pictures of a face in a piece of the film, and of a track.
    most: int = 4
    # Largest displacement of a face between two such frames, in face heights.
    largest_jump: float = 0.5


@dataclass(frozen=True)
class CloseUp:
    """An aligned picture of a face."""

    row: int  # of the face, among those of its range
    yaw: float  # degrees; 0 from the front, positive turns to image right
    sharpness: float  # from `frame_sharpness`

    @property
    def quality(self) -> float:
        """Higher for sharp pictures from the front; comparable within a track."""
        return self.sharpness * frontality(self.yaw)


def frontality(yaw: float) -> float:
    """How much of a face is seen: 1 from the front, 0.5 at 30 degrees, 0.05 from 44 on."""
    return max(float(np.cos(2 * np.radians(np.clip(yaw, -45, 45)))), 0.05)


def face_yaw(landmarks: NDArray[np.float32], scheme: LandmarkScheme) -> float:
    """Yaw of one face in degrees from the depth of its eye corners; positive to image right.

    Args:
        landmarks: (P, 3) pixels.
    """
    left, right = landmarks[list(scheme.eye_corners)]
    across = float(np.linalg.norm(right[:2] - left[:2]))
    return float(np.degrees(np.arctan2(right[2] - left[2], across)))


@dataclass(frozen=True)
class _Candidate:
    close_up: CloseUp
    picture: NDArray[np.uint8]


@dataclass
class _Trail:
    """A face of the current piece, and the best picture of each of a few equal stretches of it."""

    latest: NDArray[np.float32]  # (P, 3) pixels
    looks: int = 0  # frames in which it was looked at
    stretch: int = 1  # of so many looks each
    best: dict[int, _Candidate] = field(default_factory=dict)  # by number of the stretch

    def add(self, candidate: _Candidate, most: int) -> None:
        _keep_better(self.best, self.looks // self.stretch, candidate)
        self.looks += 1
        while len(self.best) > most:
            self.stretch *= 2
            merged: dict[int, _Candidate] = {}
            for number, each in self.best.items():
                _keep_better(merged, number // 2, each)
            self.best = merged


def _keep_better(best: dict[int, _Candidate], number: int, candidate: _Candidate) -> None:
    kept = best.get(number)
    if kept is None or candidate.close_up.quality > kept.close_up.quality:
        best[number] = candidate


class CloseUpKeeper:
    """Chooses the close-ups of a range; at most `CloseUpConfig.most` of a face are in memory."""

    def __init__(
        self, config: CloseUpConfig, fps: Fraction, scheme: LandmarkScheme, pictures: RowWriter
    ) -> None:
        """Args: `pictures` keeps rows of `PICTURE_SHAPE`."""
        self._config = config
        self._every = max(round(config.every * fps), 1)
        self._scheme = scheme
        self._pictures = pictures
        self._trails: list[_Trail] = []  # of the current piece
        self._live: list[_Trail] = []  # those of them that were there when last looked at
        self._kept: list[CloseUp] = []

    def observe(
        self, piece_frame: int, image: NDArray[np.uint8], faces: Sequence[DetectedFace]
    ) -> None:
        """Look at the faces of the next frame; every frame of the range must be shown.

        Args:
            piece_frame: counted from the start of the piece; below 0 outside the range.
            image: (H, W, 3) RGB.
        """
        if piece_frame == 0:
            self._end_piece()
        # Not the first frame of a piece, in which landmarks are least accurate.
        if piece_frame % self._every != self._every // 2:
            return
        pairs = {column: row for row, column in self._pairs(faces)}
        seen: list[_Trail] = []
        for number, face in enumerate(faces):
            if number in pairs:
                trail = self._live[pairs[number]]
                trail.latest = face.landmarks
            else:
                trail = _Trail(face.landmarks)
                self._trails.append(trail)
            trail.add(self._candidate(image, face), self._config.most)
            seen.append(trail)
        self._live = seen

    def finish(self) -> tuple[CloseUp, ...]:
        """The close-ups of the range, in the order of the stored pictures."""
        self._end_piece()
        return tuple(self._kept)

    def _pairs(self, faces: Sequence[DetectedFace]) -> list[tuple[int, int]]:
        cost = np.full((len(self._live), len(faces)), np.inf)
        for row, trail in enumerate(self._live):
            for column, face in enumerate(faces):
                moved = displacement(trail.latest, face.landmarks, self._scheme)
                if moved <= self._config.largest_jump:
                    cost[row, column] = moved
        return cheapest_pairs(cost)

    def _candidate(self, image: NDArray[np.uint8], face: DetectedFace) -> _Candidate:
        picture = aligned_picture(image, face.landmarks, self._scheme)
        yaw = face_yaw(face.landmarks, self._scheme)
        return _Candidate(CloseUp(face.row, yaw, frame_sharpness(picture)), picture)

    def _end_piece(self) -> None:
        for trail in self._trails:
            for candidate in trail.best.values():
                self._pictures.add(candidate.picture)
                self._kept.append(candidate.close_up)
        self._trails, self._live = [], []
