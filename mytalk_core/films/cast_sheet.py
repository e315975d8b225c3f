"""The members of a film on one page, to be named, merged and divided by people."""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from mytalk_core.data.page import page_template
from mytalk_core.films.close_ups import frontality
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.films.film_faces import FacePicture, FilmFaces, track_id
from mytalk_core.films.members import Cast, TrackId

TimeText = Callable[[int], str]
"""The time of a frame of the film, for people: its timecode, for example."""

_JPEG_QUALITY = 80  # 5 kB a picture
_OPEN_TRACKS = 12  # of a member that are shown at once; the others on demand
_PICTURED_TRACKS = 200  # of a member that are shown with a picture


@dataclass(frozen=True)
class SheetTrack:
    """A track on the page."""

    id: TrackId
    start: str
    end: str
    seconds: Fraction
    picture: str | None  # data URI; None without one


@dataclass(frozen=True)
class SheetMember:
    """A member on the page, or the pictures of the film."""

    id: str
    name: str
    confidence: float
    portrait: str | None  # data URI
    tracks: tuple[SheetTrack, ...]  # by time
    similar: tuple[str, ...] = ()  # members that look like it and are seen at once with it

    @property
    def seconds(self) -> Fraction:
        """Time on screen."""
        return sum((track.seconds for track in self.tracks), Fraction(0))


def cast_page(title: str, faces: FilmFaces, cast: Cast, time_text: TimeText) -> str:
    """The page as HTML that needs nothing but itself.

    Args:
        title: name of the film.
    """
    sheet = _Sheet(faces, cast, time_text)
    return page_template("mytalk_core.films", "cast_sheet.html.j2").render(
        title=title,
        duration=time_text(len(faces.timing.starts)),
        shots=len(faces.shots),
        members=list(sheet.members()),
        pictures=sheet.tracks(cast.pictures),
        open_tracks=_OPEN_TRACKS,
        block=cast_block(cast),
    )


def cast_block(cast: Cast) -> str:
    """The part `cast` of a title specification, in YAML, to be filled in."""
    entries = [{"id": each.id, "name": each.name, "characters": []} for each in cast.members]
    block = {"cast": {"members": entries}}
    return str(yaml.safe_dump(block, sort_keys=False, allow_unicode=True))


def cast_json(faces: FilmFaces, cast: Cast, time_text: TimeText) -> dict[str, Any]:
    """The members for programs; the list `members` can be edited and given as the cast of a title.

    Times are seconds of the film.
    """
    tracks = {track_id(track): track for track in faces.tracks}
    return {
        "members": [
            {
                "id": member.id,
                "name": member.name,
                "characters": [],
                "tracks": [str(track) for track in member.tracks],
            }
            for member in cast.members
        ],
        "confidence": {member.id: round(member.confidence, 3) for member in cast.members},
        "seconds": {
            member.id: float(sum(_seconds(faces, tracks[id]) for id in member.tracks))
            for member in cast.members
        },
        "similar": [list(pair) for pair in cast.similar],
        "pictures": [str(track) for track in cast.pictures],
        "threshold": round(cast.threshold, 3),
        "tracks": {
            str(id): {
                "start": float(track.starts[0]),
                "end": float(faces.start(track.end)),
                "first": time_text(track.first),
                "last": time_text(track.end - 1),
            }
            for id, track in tracks.items()
        },
    }


class _Sheet:
    """Turns members into what the page shows."""

    def __init__(self, faces: FilmFaces, cast: Cast, time_text: TimeText) -> None:
        self._faces = faces
        self._cast = cast
        self._time_text = time_text
        self._tracks = {track_id(track): track for track in faces.tracks}

    def members(self) -> Iterator[SheetMember]:
        for member in self._cast.members:
            tracks = self.tracks(member.tracks)
            pairs = (pair for pair in self._cast.similar if member.id in pair)
            yield SheetMember(
                member.id,
                member.name,
                member.confidence,
                self._portrait(member.tracks),
                tracks,
                tuple(other for pair in pairs for other in pair if other != member.id),
            )

    def tracks(self, ids: Sequence[TrackId]) -> tuple[SheetTrack, ...]:
        pictured = set(sorted(ids, key=lambda id: -len(self._tracks[id]))[:_PICTURED_TRACKS])
        return tuple(self._track(id, id in pictured) for id in ids)

    def _track(self, id: TrackId, pictured: bool) -> SheetTrack:
        track = self._tracks[id]
        close_up = self._best([id]) if pictured else None
        return SheetTrack(
            id,
            self._time_text(track.first),
            self._time_text(track.end),
            _seconds(self._faces, track),
            self._jpeg(close_up) if close_up else None,
        )

    def _portrait(self, ids: Sequence[TrackId]) -> str | None:
        best = self._best(ids)
        return self._jpeg(best) if best else None

    def _best(self, ids: Sequence[TrackId]) -> FacePicture | None:
        """The picture of some tracks that shows the face best."""
        own = (each for id in ids for each in self._close_ups.get(id, ()))
        return max(own, key=lambda each: each.sharpness * frontality(each.yaw), default=None)

    @cached_property
    def _close_ups(self) -> Mapping[TrackId, list[FacePicture]]:
        by_track: dict[TrackId, list[FacePicture]] = {}
        for each in self._faces.close_ups:
            by_track.setdefault(each.track, []).append(each)
        return by_track

    @cached_property
    def _pictures(self) -> NDArray[np.uint8]:
        pictures: NDArray[np.uint8] = self._faces.pictures.read()
        return pictures

    def _jpeg(self, close_up: FacePicture) -> str:
        bgr = np.ascontiguousarray(self._pictures[close_up.row][..., ::-1])
        _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")


def _seconds(faces: FilmFaces, track: FaceTrack) -> Fraction:
    return faces.start(track.end) - track.starts[0]
