"""Observe a film in ranges, side by side."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from mytalk_core.dubbing.film_source import FilmSource
from mytalk_core.dubbing.stage import Stage, StageContext
from mytalk_core.films.film_range import StoredRange, observe_range
from mytalk_core.films.observing import Span

_LENGTH = Fraction(15)
"""Seconds of a range: a film of half a minute gives work to two processes. The two seconds that
each range is decoded ahead are an eighth of it, and decoding is a tenth of the work."""


@dataclass(frozen=True)
class RangeRequest:
    """A range of a film."""

    film: FilmSource
    span: Span
    strict: bool  # whether damage is an error
    models: str  # digest of the landmarker


def observe(request: RangeRequest, context: StageContext) -> StoredRange:
    """Find the changes of picture and all faces of a range.

    Raises:
        BadInputError: as `observe_range`.
    """
    return observe_range(
        request.film.info,
        context.tools.landmarker,
        context.folder,
        context.progress,
        request.span,
        request.strict,
    )


def film_spans(duration: Fraction) -> Iterator[Span]:
    """The ranges of a film; the last one has no end, as a file may be longer than it says."""
    count = max(int(duration / _LENGTH), 1)
    for number in range(count):
        end = (number + 1) * _LENGTH if number + 1 < count else None
        yield Span(number * _LENGTH, end)


OBSERVE = Stage("observe", 2, RangeRequest, StoredRange, observe)
