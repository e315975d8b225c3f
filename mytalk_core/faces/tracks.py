"""Who is where over time: faces of single frames linked to tracks, each of one person in one shot.

`TrackBuilder` follows every face of a shot; `face_runs` cuts one already chosen face per frame
into the stretches without a gap or a jump.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.association import cheapest_pairs, displacement
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.shape import face_height

# A face that moves by more than this share of its height between two frames is another one.
_LARGEST_JUMP = 0.5
_BLOCK = 5000  # frames looked at together, so that a film of any length fits in memory
_HEADING_FRAMES = 3  # over which a face's velocity is taken, so that jitter is not a direction


@dataclass(frozen=True)
class TrackConfig:
    """When two detections are one face."""

    # Longest gap, seconds, across which a face is carried on when it comes back.
    bridge_seconds: float = 0.2
    # Largest mean displacement of its points, in face heights, from where the face was or was
    # heading; what is farther away is another face.
    largest_jump: float = _LARGEST_JUMP


@dataclass(frozen=True)
class FaceTrack:
    """One face in T consecutive frames of one shot; the first and the last frame show it."""

    shot: int  # cuts before it
    number: int  # within the shot: by first frame, then from left to right
    first: int  # frame
    landmarks: NDArray[np.float32]  # (T, P, 3) pixels, finite
    seen: NDArray[np.bool_]  # (T,); False where no face was found and landmarks are interpolated

    @property
    def end(self) -> int:
        """The frame after its last."""
        return self.first + len(self.seen)


@dataclass
class _Trail:
    """The detections of one face so far."""

    frames: list[int] = field(default_factory=list)
    faces: list[NDArray[np.float32]] = field(default_factory=list)  # (P, 3) each

    def add(self, frame: int, face: NDArray[np.float32]) -> None:
        self.frames.append(frame)
        self.faces.append(face)

    def heading(self, frame: int) -> NDArray[np.float32]:
        """How far its middle will have moved at `frame`, (2,) pixels, if it goes on as it did."""
        back = min(_HEADING_FRAMES, len(self.frames) - 1)
        if back == 0:
            return np.zeros(2, np.float32)
        now, before = self.faces[-1], self.faces[-1 - back]
        velocity = (now - before)[:, :2].mean(axis=0) / (self.frames[-1] - self.frames[-1 - back])
        ahead: NDArray[np.float32] = velocity * (frame - self.frames[-1])
        return ahead


class TrackBuilder:
    """Collects the faces of consecutive frames and links them once the cuts are known.

    It holds the landmarks of what it was shown, some 6 kB a face and frame with 478 points: show
    it a segment of a film, not a film.
    """

    def __init__(self, scheme: LandmarkScheme, config: TrackConfig, fps: Fraction) -> None:
        self._scheme = scheme
        self._config = config
        # A millionth of a frame forgives what a decimal fraction loses as a binary one.
        self._bridge = int(config.bridge_seconds * float(fps) + 1e-6)
        self._frames: list[tuple[int, list[NDArray[np.float32]]]] = []

    def observe(self, index: int, faces: list[NDArray[np.float32]]) -> None:
        """Note the faces of a frame, (P, 3) pixels each, in any order; `index` must rise."""
        self._frames.append((index, faces))

    def finish(self, cuts: Sequence[int]) -> list[FaceTrack]:
        """All tracks by shot and number.

        Args:
            cuts: first frames of new shots, ascending, as `ShotDetector.cuts` gives them; no
                track goes across one.
        """
        shot_of = {
            index: int(np.searchsorted(cuts, index, side="right")) for index, _ in self._frames
        }
        tracks = []
        for shot, frames in groupby(self._frames, key=lambda frame: shot_of[frame[0]]):
            trails = sorted(self._link(frames), key=_order)
            tracks += [_track(shot, number, trail) for number, trail in enumerate(trails)]
        return tracks

    def _link(self, frames: Iterable[tuple[int, list[NDArray[np.float32]]]]) -> list[_Trail]:
        trails: list[_Trail] = []
        for index, faces in frames:
            recent = [trail for trail in trails if index - trail.frames[-1] <= self._bridge + 1]
            taken = set()
            for row, column in self._pairs(recent, faces, index):
                recent[row].add(index, faces[column])
                taken.add(column)
            trails += [
                _Trail([index], [face]) for column, face in enumerate(faces) if column not in taken
            ]
        return trails

    def _pairs(
        self, trails: list[_Trail], faces: list[NDArray[np.float32]], index: int
    ) -> list[tuple[int, int]]:
        """Which trail goes on with which face: the assignment with the least total distance.

        Distances are taken from where a face was heading, which keeps apart people who cross.
        """
        cost = np.full((len(trails), len(faces)), np.inf)
        for row, trail in enumerate(trails):
            last = trail.faces[-1]
            ahead = last[:, :2] + trail.heading(index)
            for column, face in enumerate(faces):
                from_ahead = displacement(ahead, face, self._scheme)
                nearest = min(from_ahead, displacement(last, face, self._scheme))
                if nearest <= self._config.largest_jump:
                    cost[row, column] = from_ahead
        return cheapest_pairs(cost)


def _order(trail: _Trail) -> tuple[int, float]:
    return trail.frames[0], float(trail.faces[0][:, 0].mean())


def _track(shot: int, number: int, trail: _Trail) -> FaceTrack:
    """A trail with its gaps filled: landmarks move straight from one side to the other."""
    frames = np.array(trail.frames)
    faces = np.stack(trail.faces)
    every = np.arange(frames[0], frames[-1] + 1)
    after = np.searchsorted(frames, every)  # the detection at or after each frame
    before = np.maximum(after - (frames[after] != every), 0)
    width = np.maximum(frames[after] - frames[before], 1)
    weight = ((every - frames[before]) / width).astype(np.float32)[:, None, None]
    landmarks = faces[before] * (1 - weight) + faces[after] * weight
    return FaceTrack(shot, number, int(frames[0]), landmarks, np.isin(every, frames))


def simultaneous_faces(tracks: Sequence[FaceTrack]) -> list[int]:
    """Of each track the largest number of tracks that one of its frames shows, itself included."""
    count = np.zeros(max((track.end for track in tracks), default=0), np.int64)
    for track in tracks:
        count[track.first : track.end] += 1
    return [int(count[track.first : track.end].max()) for track in tracks]


def face_runs(landmarks: NDArray[np.float32], scheme: LandmarkScheme) -> list[tuple[int, int]]:
    """Runs (first frame, end frame) in which a face is seen without a gap or a jump.

    Args:
        landmarks: (T, P, 3) pixels, NaN where there is no face; may be mapped from disk.
    """
    centres = np.empty((len(landmarks), 2), np.float32)
    heights = np.empty(len(landmarks), np.float32)
    for first in range(0, len(landmarks), _BLOCK):
        block = np.asarray(landmarks[first : first + _BLOCK])
        centres[first : first + _BLOCK] = block[..., :2].mean(axis=1)
        heights[first : first + _BLOCK] = face_height(block, scheme)
    seen = np.isfinite(heights)
    step = np.linalg.norm(np.diff(centres, axis=0), axis=1) / heights[:-1]
    cut = (seen[1:] != seen[:-1]) | (step > _LARGEST_JUMP)
    edges = [0, *(np.flatnonzero(cut) + 1).tolist(), len(seen)]
    return [(first, end) for first, end in pairwise(edges) if end > first and seen[first]]
