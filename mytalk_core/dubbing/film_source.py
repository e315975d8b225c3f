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


def planes_of(film: FilmSource, first: int, starts: Sequence[Fraction]) -> Iterator[PlaneFrame]:
    """Yield consecutive frames of a film as planes, numbered as in the film.

    Decoding begins near the first of them, where the file allows it.

    Args:
        first: frame of the film.
        starts: (N,) seconds at which the frames are shown, as they were observed.

    Raises:
        BadInputError: DECODE_ERROR where the file does not give these frames again.
    """
    unit = film.info.time_base
    expected = iter(enumerate(starts, first))
    number, start = next(expected)
    frames = iter_planes(film.file.path, choice=film.choice, even=film.even, begin=start)
    for frame in frames:
        shown = frame.pts * unit
        if shown < start:
            continue
        if shown > start:
            break
        yield replace(frame, index=number)
        following = next(expected, None)
        if following is None:
            return
        number, start = following
    raise BadInputError(
        f"frame {number} cannot be decoded again.",
        reason=Reason.DECODE_ERROR,
        where=film.info.path,
        remedy="Convert the film to another container, or re-encode it.",
    )
