"""All faces of a film, put together from its observed ranges."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.tracks import FaceRows, Track
from mytalk_core.films.close_ups import PICTURE_SHAPE, CloseUp, CloseUpConfig
from mytalk_core.films.face_track import FaceTrackWriter
from mytalk_core.films.film_faces import FacePicture, FilmFaces, ShotSpan
from mytalk_core.films.film_range import StoredRange, StoredRows
from mytalk_core.films.joining import JoinedRows, Shot
from mytalk_core.films.members import TrackId
from mytalk_core.films.stored_array import RowWriter
from mytalk_core.films.timing import FilmTiming


@dataclass(frozen=True)
class JoinedCloseUps:
    """The close-ups of consecutive ranges."""

    close_ups: tuple[CloseUp, ...]  # with rows of the joined faces
    pictures: FaceRows  # (C, 150, 150, 3), of each

    def of(self, track: Track, most: int) -> list[int]:
        """Close-ups of a track: the best of each of `most` equal parts of them, by time."""
        rows = np.array([each.row for each in self.close_ups], np.int64)
        own = np.flatnonzero(np.isin(rows, track.rows))
        own = own[np.argsort(rows[own], kind="stable")]
        parts = (part.tolist() for part in np.array_split(own, most) if len(part))
        return [max(part, key=lambda each: self.close_ups[each].quality) for part in parts]


def join_close_ups(ranges: Sequence[StoredRange]) -> JoinedCloseUps:
    """The close-ups of consecutive ranges, with rows as in `join_stored`."""
    firsts = [0, *accumulate(len(each.landmarks) for each in ranges)]
    return JoinedCloseUps(
        tuple(
            CloseUp(first + each.row, each.yaw, each.sharpness)
            for first, part in zip(firsts[:-1], ranges, strict=True)
            for each in part.close_ups
        ),
        JoinedRows(
            [StoredRows(each.pictures) for each in ranges],
            [len(each.close_ups) for each in ranges],
        ),
    )


@dataclass(frozen=True)
class FaceSources:
    """What was observed of the faces of a film, by row of its tracks."""

    samples: FaceRows  # from `occlusion_sample`
    close_ups: JoinedCloseUps


def store_faces(
    timing: FilmTiming,
    shots: Sequence[Shot],
    tracks: Sequence[Track],
    sources: FaceSources,
    scheme: LandmarkScheme,
    folder: Path,
) -> FilmFaces:
    """Store some tracks of a film with everything that was observed of them.

    Args:
        tracks: by shot and number.
        folder: for the files; it exists.

    Raises:
        OSError: where the disk is full.
    """
    writer = FaceTrackWriter(folder, timing, scheme)
    pictures: list[FacePicture] = []
    with RowWriter(folder / "face-pictures", PICTURE_SHAPE, np.uint8) as stored:
        for track in tracks:
            chosen = sources.close_ups.of(track, CloseUpConfig().most)
            for place, picture in zip(chosen, _taken(sources.close_ups, chosen), strict=True):
                row = stored.add(picture)
                pictures.append(_described(track, sources.close_ups.close_ups[place], row))
        return FilmFaces(
            timing,
            tuple(ShotSpan(shot.number, shot.first, shot.end) for shot in shots),
            tuple(writer.add(each, (each.first, each.end), sources.samples) for each in tracks),
            tuple(pictures),
            stored.finish(),
        )


def _taken(close_ups: JoinedCloseUps, chosen: list[int]) -> NDArray[np.uint8]:
    if not chosen:
        return np.empty((0, *PICTURE_SHAPE), np.uint8)
    taken: NDArray[np.uint8] = close_ups.pictures.take(np.array(chosen, np.int64))
    return taken


def _described(track: Track, close_up: CloseUp, row: int) -> FacePicture:
    frame = int(track.frames[np.searchsorted(track.rows, close_up.row)])
    id = TrackId(track.shot, track.number)
    return FacePicture(id, frame, close_up.yaw, close_up.sharpness, row)
