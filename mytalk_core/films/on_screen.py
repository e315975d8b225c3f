"""When a member is in the picture."""

import numpy as np

from mytalk_core.films.film_faces import FilmFaces, track_id
from mytalk_core.films.members import Cast
from mytalk_core.speech.transcript import Interval


class OnScreen:
    """Looks up the frames in which the face of a member is detected."""

    def __init__(self, cast: Cast, faces: FilmFaces) -> None:
        self._starts = np.array([float(start) for start in faces.timing.starts])
        self._tracks = {
            member.id: [track for track in faces.tracks if track_id(track) in {*member.tracks}]
            for member in cast.members
        }

    def share(self, member: str, interval: Interval) -> float:
        """Return the share, 0..1, of an interval's frames in which a member's face is detected."""
        first, end = np.searchsorted(
            self._starts, [float(interval.start), float(interval.end)]
        ).tolist()
        end = max(end, first + 1)
        seen = np.zeros(end - first, np.bool_)
        for track in self._tracks[member]:
            begin, stop = max(first, track.first), min(end, track.end)
            if begin < stop:
                seen[begin - first : stop - first] |= track.seen[
                    begin - track.first : stop - track.first
                ]
        return float(seen.mean())
