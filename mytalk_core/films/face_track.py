"""The view of one face: T consecutive frames of one shot, and everything that was found in them.

Whatever a dub does to a face takes a `FaceTrack` and nothing else, so that a frame can have any
number of faces.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.steadying import steadied_blocks
from mytalk_core.faces.tracks import FaceRows, Track
from mytalk_core.films.stored_array import ArrayFile, StoredArray
from mytalk_core.films.timing import FilmTiming

_BLOCK = 1000  # frames that are copied at a time


@dataclass(frozen=True)
class FaceTrack:
    """One face in T consecutive frames of a shot; the first and the last frame show it."""

    shot: int
    number: int  # of the track within the shot
    first: int  # frame of the film
    starts: tuple[Fraction, ...]  # (T,) seconds of the film
    seen: NDArray[np.bool_]  # (T,) False where no face was detected: landmarks are interpolated
    fps: Fraction  # nominal, of the film
    pixel_aspect: Fraction  # of the film; landmarks are in square pixels
    scheme: LandmarkScheme
    detected: StoredArray  # (T, P, 3)
    steadied: StoredArray  # (T, P, 3)
    sampled: StoredArray  # (T, S, 4)

    @property
    def end(self) -> int:
        """The frame after the last one."""
        return self.first + len(self.starts)

    def __len__(self) -> int:
        return len(self.starts)

    def part(self, first: int, end: int) -> "FaceTrack":
        """Frames [first, end) of the film, as far as the track has them; at least one."""
        low, high = max(first - self.first, 0), min(end - self.first, len(self))
        return replace(
            self,
            first=self.first + low,
            starts=self.starts[low:high],
            seen=self.seen[low:high],
            detected=self.detected.rows(low, high),
            steadied=self.steadied.rows(low, high),
            sampled=self.sampled.rows(low, high),
        )

    @property
    def found(self) -> NDArray[np.float32]:
        """(T, P, 3) landmarks as they were detected, square pixels; motion is learned from them."""
        return self.detected.read()

    @property
    def landmarks(self) -> NDArray[np.float32]:
        """(T, P, 3) landmarks without the jitter of detection, square pixels."""
        return self.steadied.read()

    @property
    def samples(self) -> NDArray[np.uint8]:
        """(T, S, 4) from `occlusion_sample`; 0 where no face was detected."""
        return self.sampled.read()


class FaceTrackWriter:
    """Stores the arrays of face tracks, in three files for all of them."""

    def __init__(self, folder: Path, timing: FilmTiming, scheme: LandmarkScheme) -> None:
        """Args: a folder for the files; it exists."""
        self._found = ArrayFile(folder / "found")
        self._steadied = ArrayFile(folder / "steadied")
        self._samples = ArrayFile(folder / "mouth-samples")
        self._timing = timing
        self._scheme = scheme

    def add(self, track: Track, span: tuple[int, int], samples: FaceRows) -> FaceTrack:
        """Store frames [first, end) of a track; both ends show the face.

        Args:
            samples: by row of the track.

        Raises:
            OSError: where the disk is full.
        """
        frames = np.arange(*span)
        found = self._found.add(_landmarks(track, frames))
        steadied = steadied_blocks(found.read(), self._scheme, float(self._timing.fps))
        return FaceTrack(
            shot=track.shot,
            number=track.number,
            first=span[0],
            starts=self._timing.starts[slice(*span)],
            seen=track.seen[span[0] - track.first : span[1] - track.first],
            fps=self._timing.fps,
            pixel_aspect=self._timing.pixel_aspect,
            scheme=self._scheme,
            detected=found,
            steadied=self._steadied.add(steadied),
            sampled=self._samples.add(_samples(track, frames, samples)),
        )


def _landmarks(track: Track, frames: NDArray[np.int64]) -> Iterator[NDArray[np.float32]]:
    for at in range(0, len(frames), _BLOCK):
        yield track.at(frames[at : at + _BLOCK])


def _samples(
    track: Track, frames: NDArray[np.int64], samples: FaceRows
) -> Iterator[NDArray[np.uint8]]:
    for at in range(0, len(frames), _BLOCK):
        block = frames[at : at + _BLOCK]
        place = np.searchsorted(track.frames, block)
        there = track.frames[place] == block
        taken = samples.take(track.rows[place[there]])
        filled = np.zeros((len(block), *taken.shape[1:]), np.uint8)
        filled[there] = taken
        yield filled
