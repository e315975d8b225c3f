from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.speech.lines import TimePoint
from mytalk_core.speech.time_map import TimeMap

STEPS = st.fractions(Fraction(1, 1000), 3, max_denominator=1001)
SECONDS = st.fractions(-20, 100, max_denominator=48_000)


@st.composite
def maps(draw: st.DrawFn) -> TimeMap:
    source, target = draw(SECONDS), draw(SECONDS)
    points = [TimePoint(source, target)]
    for to_source, to_target in draw(st.lists(st.tuples(STEPS, STEPS), min_size=1, max_size=6)):
        source, target = source + to_source, target + to_target
        points.append(TimePoint(source, target))
    return TimeMap(tuple(points))


@given(maps(), SECONDS, SECONDS)
def test_the_inverse_inverts_and_order_is_kept(
    time_map: TimeMap, one: Fraction, other: Fraction
) -> None:
    assert time_map.inverse(time_map.at(one)) == one
    assert time_map.at(time_map.inverse(one)) == one
    assert (time_map.at(one) < time_map.at(other)) == (one < other)


@given(maps())
def test_points_are_met_and_pieces_join(time_map: TimeMap) -> None:
    first, last = time_map.points[0], time_map.points[-1]
    for point in time_map.points:
        assert time_map.at(point.source) == point.target
    pieces = time_map.intervals
    assert (pieces[0].source.start, pieces[-1].target.end) == (first.source, last.target)
    for piece in pieces:
        middle = (piece.source.start + piece.source.end) / 2
        assert time_map.at(middle) == (piece.target.start + piece.target.end) / 2
        assert piece.speed == piece.source.length / piece.target.length
    assert time_map.at(first.source - 1) == first.target - 1
    assert time_map.at(last.source + 1) == last.target + 1


@given(maps(), SECONDS)
def test_points_on_a_line_are_left_out(time_map: TimeMap, seconds: Fraction) -> None:
    more = [
        TimePoint(piece.source.start + part * piece.source.length, time)
        for piece in time_map.intervals
        for part in (Fraction(0), Fraction(1, 3))
        for time in [piece.target.start + part * piece.target.length]
    ]
    through = TimeMap.through([*more, time_map.points[-1]])
    assert len(through.points) <= len(time_map.points)
    assert through.at(seconds) == time_map.at(seconds)


@given(maps(), st.fractions(Fraction(1, 100), 1))
def test_a_map_can_end_earlier(time_map: TimeMap, share: Fraction) -> None:
    first, last = time_map.points[0].target, time_map.points[-1].target
    end = first + share * (last - first)
    cut = time_map.until(end)
    assert (cut.points[0], cut.points[-1].target) == (time_map.points[0], end)
    for point in cut.points:
        assert time_map.at(point.source) == point.target


def test_without_points_nothing_moves() -> None:
    assert TimeMap().is_identity and not TimeMap().intervals
    assert TimeMap().at(Fraction(3)) == TimeMap().inverse(Fraction(3)) == 3


def test_identity_is_detected() -> None:
    kept = TimeMap((TimePoint(Fraction(1), Fraction(1)), TimePoint(Fraction(2), Fraction(2))))
    moved = TimeMap((TimePoint(Fraction(1), Fraction(2)), TimePoint(Fraction(2), Fraction(3))))
    assert kept.is_identity and not moved.is_identity


@pytest.mark.parametrize("points", [[(0, 0)], [(0, 0), (1, 0)], [(0, 0), (0, 1)], [(1, 1), (0, 2)]])
def test_points_must_rise(points: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="time map"):
        TimeMap(tuple(TimePoint(Fraction(a), Fraction(b)) for a, b in points))
