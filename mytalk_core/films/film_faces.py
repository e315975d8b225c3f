"""All faces of a film, for every stage that comes after looking at it."""

from dataclasses import dataclass
from fractions import Fraction

from mytalk_core.films.face_track import FaceTrack
from mytalk_core.films.members import TrackId
from mytalk_core.films.stored_array import StoredArray
from mytalk_core.films.timing import FilmTiming


@dataclass(frozen=True)
class ShotSpan:
    """A shot of a film: frames [first, end)."""

    number: int
    first: int
    end: int


@dataclass(frozen=True)
class FacePicture:
    """A close-up of a face, aligned by its eyes and nose, for recognition and for people."""

    track: TrackId
    frame: int  # of the film
    yaw: float  # degrees; 0 from the front
    sharpness: float  # from `picture_quality`; comparable within a track
    row: int  # of `FilmFaces.pictures`


@dataclass(frozen=True)
class FilmFaces:
    """The shots of a film, and every face in them that could be dubbed."""

    timing: FilmTiming
    shots: tuple[ShotSpan, ...]
    tracks: tuple[FaceTrack, ...]  # by first frame, then from left to right
    close_ups: tuple[FacePicture, ...]  # some of each track, by track and frame
    pictures: StoredArray  # (N, 150, 150, 3) uint8 RGB

    def start(self, frame: int) -> Fraction:
        """Seconds at which a frame starts; the film's end for the frame after the last."""
        starts = self.timing.starts
        return starts[frame] if frame < len(starts) else self.timing.end


def track_id(track: FaceTrack) -> TrackId:
    """The name of a track."""
    return TrackId(track.shot, track.number)
