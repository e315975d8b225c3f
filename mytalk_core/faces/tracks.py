"""Who is where over time: the faces of frames linked to tracks, of one person in one shot each."""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Protocol

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
    """Keeps the detected faces of a film by row number."""

    def add(self, face: NDArray[np.float32]) -> int:
        """Keep a face (P, 3); its row, which is one more than the row before."""
        ...

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The faces of these rows, (N, P, 3), a copy."""
        ...


class FacesInMemory:
    """Faces in memory, some 6 kB each with 478 points: for a segment of a film, not for a film."""

    def __init__(self) -> None:
        self._faces: list[NDArray[np.float32]] = []

    def add(self, face: NDArray[np.float32]) -> int:
        """As `FaceRows` says."""
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
class _Detections:
    """The faces of a frame."""

    frame: int
    faces: list[NDArray[np.float32]]  # (P, 3) each
    rows: list[int]


class TrackBuilder:
    """Links the faces of consecutive frames to tracks, shot by shot, as the cuts become known.

    It holds the faces of frames whose shot is not known yet, and a few numbers of every detection
    of the current shot.
    """

    def __init__(
        self,
        scheme: LandmarkScheme,
        config: TrackConfig,
        fps: Fraction,
        faces: FaceRows | None = None,
    ) -> None:
        """Args: `faces` keeps what is found; without it, memory does."""
        self._scheme = scheme
        self._config = config
        # A millionth of a frame forgives what a decimal fraction loses as a binary one.
        self._bridge = int(config.bridge_seconds * float(fps) + 1e-6)
        self._faces = FacesInMemory() if faces is None else faces
        self._waiting: deque[_Detections] = deque()
        self._shot = 0
        self._trails: list[_Trail] = []  # of the current shot
        self._live: list[_Trail] = []  # those of them that may go on

    def observe(self, frame: int, faces: list[NDArray[np.float32]]) -> list[int]:
        """Add the faces of a frame, (P, 3) pixels each, in any order; `frame` must rise.

        Returns:
            The row of each.
        """
        rows = [self._faces.add(face) for face in faces]
        self._waiting.append(_Detections(frame, faces, rows))
        return rows

    def advance(self, cuts: Sequence[int], settled: int) -> list[Track]:
        """Tracks of the shots that are over, by shot and number; each is given once.

        Args:
            cuts: first frames of new shots, ascending; no track goes across one.
            settled: frames before this one are known to be in the shots that `cuts` make.
        """
        done: list[Track] = []
        while self._waiting and self._waiting[0].frame < settled:
            detections = self._waiting.popleft()
            shot = bisect_right(cuts, detections.frame)
            if shot != self._shot:
                done += self._close()
                self._shot = shot
            self._link(detections)
        return done

    def finish(self, cuts: Sequence[int]) -> list[Track]:
        """All tracks that were not given yet; `cuts` as `ShotDetector.cuts` gives them."""
        end = self._waiting[-1].frame + 1 if self._waiting else 0
        return [*self.advance(cuts, end), *self._close()]

    def _close(self) -> list[Track]:
        """The tracks of the current shot, which is over."""
        trails = sorted(self._trails, key=lambda trail: (trail.frames[0], trail.left))
        self._trails, self._live = [], []
        return [
            Track(self._shot, number, np.array(trail.frames), np.array(trail.rows), self._faces)
            for number, trail in enumerate(trails)
        ]

    def _link(self, found: _Detections) -> None:
        self._live = [
            trail for trail in self._live if found.frame - trail.frames[-1] <= self._bridge + 1
        ]
        pairs = {column: row for row, column in self._pairs(self._live, found)}
        begun: list[_Trail] = []
        for column, (face, row) in enumerate(zip(found.faces, found.rows, strict=True)):
            if column in pairs:
                trail = self._live[pairs[column]]
            else:
                trail = _Trail(float(face[:, 0].mean()))
                begun.append(trail)
            trail.add(found.frame, face, row)
        self._trails += begun
        self._live += begun

    def _pairs(self, trails: list[_Trail], found: _Detections) -> list[tuple[int, int]]:
        """Which trail goes on with which face: the assignment with the least total distance.

        Distances are taken from where a face was heading, which keeps apart people who cross.
        """
        if len(trails) == len(found.faces) == 1:
            # As in most frames of most films; the rest of the comparison could not change it.
            last, (face,) = trails[0].latest[-1], found.faces
            if displacement(last, face, self._scheme) <= self._config.largest_jump:
                return [(0, 0)]
        cost = np.full((len(trails), len(found.faces)), np.inf)
        for row, trail in enumerate(trails):
            last = trail.latest[-1]
            ahead = last[:, :2] + trail.heading(found.frame)
            for column, face in enumerate(found.faces):
                from_ahead = displacement(ahead, face, self._scheme)
                nearest = min(from_ahead, displacement(last, face, self._scheme))
                if nearest <= self._config.largest_jump:
                    cost[row, column] = from_ahead
        return cheapest_pairs(cost)


def simultaneous_faces(tracks: Sequence[Track]) -> list[int]:
    """Of each track the largest number of tracks that one of its frames shows, itself included."""
    count = np.zeros(max((track.end for track in tracks), default=0), np.int64)
    for track in tracks:
        count[track.first : track.end] += 1
    return [int(count[track.first : track.end].max()) for track in tracks]
