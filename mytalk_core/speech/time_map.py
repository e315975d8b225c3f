"""Time maps: where in the film each moment of a recording is played."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from mytalk_core.speech.lines import TimePoint
from mytalk_core.speech.transcript import Interval


@dataclass(frozen=True)
class MapPiece:
    """A piece of a time map, linear between its ends."""

    source: Interval  # seconds of the stem
    target: Interval  # seconds of the film

    @property
    def speed(self) -> Fraction:
        """Return seconds of the stem for each second of the film: above 1 it is played faster."""
        return self.source.length / self.target.length


@dataclass(frozen=True)
class TimeMap:
    """A map from seconds of a stem to seconds of the film, linear between points.

    Before the first and after the last point time passes at speed 1. Without points nothing is
    moved.

    Raises:
        ValueError: where the points do not rise strictly, or there is only one.
    """

    points: tuple[TimePoint, ...] = ()

    def __post_init__(self) -> None:
        if len(self.points) == 1:
            raise ValueError("a time map has no points, or at least two")
        for one, other in pairwise(self.points):
            if other.source <= one.source or other.target <= one.target:
                raise ValueError("the points of a time map must rise strictly")

    @classmethod
    def through(cls, points: Iterable[TimePoint]) -> "TimeMap":
        """Return the map through points, without those that lie on the line of their neighbours."""
        kept: list[TimePoint] = []
        for point in points:
            if len(kept) > 1 and _slope(kept[-2], kept[-1]) == _slope(kept[-1], point):
                kept.pop()
            kept.append(point)
        return cls(tuple(kept))

    @property
    def is_identity(self) -> bool:
        """Return whether every moment stays where it is."""
        return all(point.source == point.target for point in self.points)

    @property
    def intervals(self) -> tuple[MapPiece, ...]:
        """Return the linear pieces between the points."""
        return tuple(
            MapPiece(Interval(one.source, other.source), Interval(one.target, other.target))
            for one, other in pairwise(self.points)
        )

    def at(self, seconds: Fraction) -> Fraction:
        """Return when in the film a moment of the stem is played."""
        return _mapped(seconds, [(point.source, point.target) for point in self.points])

    def inverse(self, seconds: Fraction) -> Fraction:
        """Return the moment of the stem that is played at a time of the film."""
        return _mapped(seconds, [(point.target, point.source) for point in self.points])

    def until(self, target: Fraction) -> "TimeMap":
        """Return the map up to a time of the film after its first point."""
        before = [point for point in self.points if point.target < target]
        return TimeMap.through([*before, TimePoint(self.inverse(target), target)])


def _slope(one: TimePoint, other: TimePoint) -> Fraction:
    return (other.target - one.target) / (other.source - one.source)


def _mapped(seconds: Fraction, points: list[tuple[Fraction, Fraction]]) -> Fraction:
    after = bisect_right(points, seconds, key=lambda point: point[0])
    if after == 0 or after == len(points):
        near = points[min(after, len(points) - 1)] if points else (seconds, seconds)
        return seconds - near[0] + near[1]
    (begin, to_begin), (end, to_end) = points[after - 1 : after + 1]
    return to_begin + (seconds - begin) * (to_end - to_begin) / (end - begin)
