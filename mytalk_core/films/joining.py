"""Join the observed ranges of a film: decide its cuts, and link its faces to tracks."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.plausibility import CheckedFaces
from mytalk_core.faces.shots import decide_cuts
from mytalk_core.faces.tracks import FaceRows, FrameFaces, Track, TrackBuilder
from mytalk_core.films.observing import ObserverConfig, RangeObservation

_READ_ROWS = 500  # faces that are read at a time


@dataclass(frozen=True)
class Shot:
    """Consecutive frames without a cut, and the faces seen in them."""

    number: int  # cuts before it
    first: int  # frame
    end: int  # frame
    tracks: tuple[Track, ...]  # by first frame, then from left to right


@dataclass(frozen=True)
class FilmObservation:
    """Everything that was observed in a film, or in the part of one that was observed."""

    starts: tuple[Fraction, ...]  # seconds, of each frame
    end: Fraction  # seconds, of the last frame
    shots: tuple[Shot, ...]
    checked: CheckedFaces  # by row of the tracks
    faceless: tuple[NDArray[np.uint8], ...]  # some images, where no frame has a face

    @property
    def tracks(self) -> list[Track]:
        """The tracks of all shots, in order."""
        return [track for shot in self.shots for track in shot.tracks]


class JoinedRows:
    """The faces of consecutive ranges by one numbering."""

    def __init__(self, parts: Sequence[FaceRows], counts: Sequence[int]) -> None:
        """Args: the faces of each range, and their number."""
        self._parts = parts
        self._edges = [0, *accumulate(counts)]

    def take(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """As `FaceRows` says."""
        part = np.searchsorted(self._edges, rows, side="right") - 1
        taken: NDArray[Any] | None = None
        for number in np.unique(part).tolist():
            here = part == number
            faces = self._parts[number].take(rows[here] - self._edges[number])
            if taken is None:
                taken = np.empty((len(rows), *faces.shape[1:]), faces.dtype)
            taken[here] = faces
        if taken is None:
            return self._parts[0].take(rows)
        return taken


def join_ranges(
    ranges: Sequence[RangeObservation],
    faces: Sequence[FaceRows],
    scheme: LandmarkScheme,
    config: ObserverConfig,
    fps: Fraction,
) -> FilmObservation:
    """Join consecutive ranges. The result does not depend on how the film was divided into them.

    Args:
        ranges, faces: the observations in order of time, and the rows that each refers to.
        fps: frames a second of the film.
    """
    rows = JoinedRows(faces, [len(each.frames) for each in ranges])
    lengths = [0, *accumulate(len(each.starts) for each in ranges)]
    changes = [first + at for first, each in _placed(lengths, ranges) for at in each.changes]
    returns = {
        (first + start, first + end)
        for first, each in _placed(lengths, ranges)
        for start, end in each.returns
    }
    cuts = decide_cuts(changes, returns)
    builder = TrackBuilder(scheme, config.tracks, fps, rows)
    tracks: list[Track] = []
    for found in _detections(ranges, lengths, rows):
        tracks += builder.observe(found, bisect_right(cuts, found.frame))
    tracks += builder.finish()
    by_shot: defaultdict[int, list[Track]] = defaultdict(list)
    for track in tracks:
        by_shot[track.shot].append(track)
    edges = [0, *cuts, lengths[-1]] if lengths[-1] else []
    return FilmObservation(
        starts=tuple(start for each in ranges for start in each.starts),
        end=max(each.end for each in ranges),
        shots=tuple(
            Shot(number, first, end, tuple(by_shot[number]))
            for number, (first, end) in enumerate(pairwise(edges))
        ),
        checked=_joined_checks(ranges),
        faceless=tuple(image for each in ranges if not tracks for image in each.faceless),
    )


def _placed(
    lengths: Sequence[int], ranges: Sequence[RangeObservation]
) -> Iterator[tuple[int, RangeObservation]]:
    """Each range with the frame of the film that it starts with."""
    return zip(lengths[:-1], ranges, strict=True)


def _detections(
    ranges: Sequence[RangeObservation], lengths: Sequence[int], rows: JoinedRows
) -> Iterator[FrameFaces]:
    """The faces of each frame that has any, in order."""
    frames = np.concatenate([first + each.frames for first, each in _placed(lengths, ranges)])
    waiting: list[tuple[int, NDArray[np.float32]]] = []  # rows of one frame
    for at in range(0, len(frames), _READ_ROWS):
        block = np.arange(at, min(at + _READ_ROWS, len(frames)))
        for row, face in zip(block.tolist(), rows.take(block), strict=True):
            if waiting and frames[waiting[0][0]] != frames[row]:
                yield _of_frame(int(frames[waiting[0][0]]), waiting)
                waiting = []
            waiting.append((row, face))
    if waiting:
        yield _of_frame(int(frames[waiting[0][0]]), waiting)


def _of_frame(frame: int, faces: Sequence[tuple[int, NDArray[np.float32]]]) -> FrameFaces:
    return FrameFaces(frame, [face for _, face in faces], [row for row, _ in faces])


def _joined_checks(ranges: Sequence[RangeObservation]) -> CheckedFaces:
    counts = [0, *accumulate(len(each.frames) for each in ranges)]
    return CheckedFaces(
        {
            first + row: face
            for first, each in zip(counts[:-1], ranges, strict=True)
            for row, face in each.checked.by_row.items()
        }
    )
