"""Link the faces of frames to tracks, each of one person in one shot."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.association import cheapest_pairs, displacement
from mytalk_core.faces.landmark_scheme import LandmarkScheme

_HEADING_FRAMES = 3  # over which a face's velocity is taken, so that jitter is not a direction


@dataclass(frozen=True)
class TrackConfig:
    """When two detections are one face."""

    # Longest gap, seconds, across which a face is carried on when it comes back.
    bridge_seconds: float = 0.2
    # Largest mean displacement of its points, in face heights, from where the face was or was
    # heading; what is farther away is another face.
    largest_jump: float = 0.5


class FaceRows(Protocol):
    """What is kept of the detected faces of a film, by row number: landmarks or samples."""

    def take(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Copy some rows, (N, ...): landmarks (N, P, 3), for example."""
        ...


class FaceStore(Protocol):
    """Keeps detected faces as they come."""

    def add(self, face: NDArray[np.float32]) -> int:
        """Keep a face (P, 3); return its row, which is one more than the row before."""
        ...


class FacesInMemory:
    """Faces in memory, 6 kB each with 478 points: for a segment of a film, not for a whole film."""

    def __init__(self) -> None:
        self._faces: list[NDArray[np.float32]] = []

    def add(self, face: NDArray[np.float32]) -> int:
        """As `FaceStore` says."""
        self._faces.append(face)
        return len(self._faces) - 1

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """As `FaceRows` says."""
        return np.stack([self._faces[row] for row in rows.tolist()])


@dataclass(frozen=True)
class Track:
    """One face in T consecutive frames of one shot; the first and the last frame show it."""

    shot: int  # cuts before it
    number: int  # within the shot: by first frame, then from left to right
    frames: NDArray[np.int64]  # (K,) rising: those in which the face was found
    rows: NDArray[np.int64]  # (K,) of `faces`, what was found there
    faces: FaceRows

    @property
    def first(self) -> int:
        """Its first frame."""
        return int(self.frames[0])

    @property
    def end(self) -> int:
        """The frame after its last."""
        return int(self.frames[-1]) + 1

    @cached_property
    def seen(self) -> NDArray[np.bool_]:
        """(T,) False where no face was found and landmarks are interpolated."""
        return np.isin(np.arange(self.first, self.end), self.frames)

    @cached_property
    def landmarks(self) -> NDArray[np.float32]:
        """(T, P, 3) pixels, finite, all of them in memory."""
        return self.at(np.arange(self.first, self.end))

    def at(self, frames: NDArray[np.int64]) -> NDArray[np.float32]:
        """Landmarks (N, P, 3) at some of its frames (N,).

        Across a gap they move straight from one side to the other.
        """
        after = np.searchsorted(self.frames, frames)  # the detection at or after each frame
        before = after - (self.frames[after] != frames)
        points = self.faces.take(self.rows[before])
        gaps = np.flatnonzero(after != before)
        if len(gaps):
            low, high = self.frames[before[gaps]], self.frames[after[gaps]]
            weight = ((frames[gaps] - low) / (high - low)).astype(np.float32)[:, None, None]
            beyond = self.faces.take(self.rows[after[gaps]])
            points[gaps] = points[gaps] * (1 - weight) + beyond * weight
        return points


@dataclass
class _Trail:
    """The detections of one face so far."""

    left: float  # x of its middle where it begins
    frames: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    latest: deque[NDArray[np.float32]] = field(  # (P, 3) each
        default_factory=lambda: deque(maxlen=_HEADING_FRAMES + 1)
    )

    def add(self, frame: int, face: NDArray[np.float32], row: int) -> None:
        self.frames.append(frame)
        self.rows.append(row)
        self.latest.append(face)

    def heading(self, frame: int) -> NDArray[np.float32]:
        """How far its middle will have moved at `frame`, (2,) pixels, if it goes on as it did."""
        back = min(_HEADING_FRAMES, len(self.frames) - 1)
        if back == 0:
            return np.zeros(2, np.float32)
        now, before = self.latest[-1], self.latest[-1 - back]
        velocity = (now - before)[:, :2].mean(axis=0) / (self.frames[-1] - self.frames[-1 - back])
        ahead: NDArray[np.float32] = velocity * (frame - self.frames[-1])
        return ahead


@dataclass(frozen=True)
class FrameFaces:
    """The faces detected in one frame."""

    frame: int
    landmarks: Sequence[NDArray[np.float32]]  # (P, 3) pixels each, in any order
    rows: Sequence[int]  # of the `FaceRows` that keep them


class TrackBuilder:
    """Links the faces of consecutive frames to tracks, shot by shot.

    It holds a few numbers of every detection of the current shot.
    """

    def __init__(
        self, scheme: LandmarkScheme, config: TrackConfig, fps: Fraction, faces: FaceRows
    ) -> None:
        """Args: `faces` keeps the landmarks of all detections."""
        self._scheme = scheme
        self._config = config
        # The millionth makes up for the rounding of decimal fractions to binary ones.
        self._bridge = int(config.bridge_seconds * float(fps) + 1e-6)
        self._faces = faces
        self._shot = 0
        self._trails: list[_Trail] = []  # of the current shot
        self._live: list[_Trail] = []  # those of them that a face may still continue

    def observe(self, found: FrameFaces, shot: int) -> list[Track]:
        """Add a frame; frame and shot numbers must not fall.

        Returns:
            The tracks of the previous shot where this frame is in another one, by number.
        """
        done = self.finish() if shot != self._shot else []
        self._shot = shot
        self._link(found)
        return done

    def finish(self) -> list[Track]:
        """End the current shot; return its tracks by number."""
        trails = sorted(self._trails, key=lambda trail: (trail.frames[0], trail.left))
        self._trails, self._live = [], []
        return [
            Track(self._shot, number, np.array(trail.frames), np.array(trail.rows), self._faces)
            for number, trail in enumerate(trails)
        ]

    def _link(self, found: FrameFaces) -> None:
        self._live = [
            trail for trail in self._live if found.frame - trail.frames[-1] <= self._bridge + 1
        ]
        pairs = {column: row for row, column in self._pairs(self._live, found)}
        started: list[_Trail] = []
        for column, (face, row) in enumerate(zip(found.landmarks, found.rows, strict=True)):
            if column in pairs:
                trail = self._live[pairs[column]]
            else:
                trail = _Trail(float(face[:, 0].mean()))
                started.append(trail)
            trail.add(found.frame, face, row)
        self._trails += started
        self._live += started

    def _pairs(self, trails: list[_Trail], found: FrameFaces) -> list[tuple[int, int]]:
        """Which trail goes on with which face: the assignment with the least total distance.

        Distances are taken from where a face was heading, which keeps apart people who cross.
        """
        if len(trails) == len(found.landmarks) == 1:
            # As in most frames of most films; the rest of the comparison could not change it.
            last, (face,) = trails[0].latest[-1], found.landmarks
            if displacement(last, face, self._scheme) <= self._config.largest_jump:
                return [(0, 0)]
        cost = np.full((len(trails), len(found.landmarks)), np.inf)
        for row, trail in enumerate(trails):
            last = trail.latest[-1]
            ahead = last[:, :2] + trail.heading(found.frame)
            for column, face in enumerate(found.landmarks):
                from_ahead = displacement(ahead, face, self._scheme)
                nearest = min(from_ahead, displacement(last, face, self._scheme))
                if nearest <= self._config.largest_jump:
                    cost[row, column] = from_ahead
        return cheapest_pairs(cost)


def simultaneous_faces(tracks: Sequence[Track]) -> list[int]:
    """For each track, the largest number of tracks in one of its frames, itself included."""
    count = np.zeros(max((track.end for track in tracks), default=0), np.int64)
    for track in tracks:
        count[track.first : track.end] += 1
    return [int(count[track.first : track.end].max()) for track in tracks]
