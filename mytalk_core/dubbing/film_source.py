"""A film as stages name it: by its content, with the tracks that are used."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

from mytalk_core.data.media_file import MediaFile
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.decode import PlaneFrame, iter_planes
from mytalk_core.media.probe import VideoInfo, probe_video
from mytalk_core.media.stream_choice import PLAYERS_CHOICE, StreamChoice

_SKIPPED = Fraction(4)
"""Seconds of a film that are decoded and left out rather than sought: half of the usual distance
between key frames."""


@dataclass(frozen=True)
class FilmSource:
    """A film and how it is read."""

    file: MediaFile
    choice: StreamChoice = PLAYERS_CHOICE  # picture and own sound
    even: bool = False  # whether an odd size is extended to an even one

    @property
    def info(self) -> VideoInfo:
        """What the file's headers say.

        Raises:
            BadInputError: as `probe_video`.
        """
        return _probed(self)


@lru_cache(maxsize=8)
def _probed(film: FilmSource) -> VideoInfo:
    return probe_video(film.file.path, film.choice, film.even)


class FilmFrames:
    """Reads stretches of films; one that begins soon after the last goes on from there.

    A decoder starts at the key frame before the first frame that is wanted, which for a stretch of
    a second may be ten times as far away as the stretch is long. For one thread at a time.
    """

    def __init__(self) -> None:
        self._film: FilmSource | None = None
        self._frames: Iterator[PlaneFrame] = iter(())
        self._reached = Fraction(0)  # seconds, start of the latest frame

    def planes(
        self, film: FilmSource, first: int, starts: Sequence[Fraction]
    ) -> Iterator[PlaneFrame]:
        """Yield consecutive frames of a film as planes, numbered as in the film.

        Args:
            first: frame of the film.
            starts: (N,) seconds at which the frames are shown, as they were observed.

        Raises:
            BadInputError: DECODE_ERROR where the file does not give these frames again.
        """
        unit = film.info.time_base
        frames = self._from(film, starts[0])
        self._film = None  # a stretch that is left before its end is not gone on from
        expected = iter(enumerate(starts, first))
        number, start = next(expected)
        for frame in frames:
            shown = frame.pts * unit
            if shown < start:
                continue
            if shown > start:
                break
            yield replace(frame, index=number)
            following = next(expected, None)
            if following is None:
                self._film, self._frames, self._reached = film, frames, start
                return
            number, start = following
        raise BadInputError(
            f"frame {number} cannot be decoded again.",
            reason=Reason.DECODE_ERROR,
            where=film.info.path,
            remedy="Convert the film to another container, or re-encode it.",
        )

    def _from(self, film: FilmSource, start: Fraction) -> Iterator[PlaneFrame]:
        if film == self._film and self._reached < start <= self._reached + _SKIPPED:
            return self._frames
        return iter_planes(film.file.path, choice=film.choice, even=film.even, begin=start)


def planes_of(film: FilmSource, first: int, starts: Sequence[Fraction]) -> Iterator[PlaneFrame]:
    """As `FilmFrames.planes`; decoding begins near the first frame, where the file allows it."""
    return FilmFrames().planes(film, first, starts)
