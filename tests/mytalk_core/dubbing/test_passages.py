"""A track is drawn around its lines and where its mouth must be shut, in independent passages."""

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.dubbing.passages import Mouth, Passage, PassageConfig, SpokenLine, passages_of
from mytalk_core.films.timing import FilmTiming
from mytalk_core.speech.transcript import Interval

_FPS = Fraction(25)
_CONFIG = PassageConfig()


def _timing(frames: int) -> FilmTiming:
    starts = tuple(frame / _FPS for frame in range(frames))
    return FilmTiming(starts, frames / _FPS, _FPS, Fraction(1))


def _line(number: int, start: str, end: str) -> SpokenLine:
    return SpokenLine(number, "", (Interval(Fraction(start), Fraction(end)),))


def _passages(mouth: Mouth, frames: int = 250, first: int = 0) -> tuple[Passage, ...]:
    return passages_of((first, frames), mouth, _timing(frames), _CONFIG)


def test_a_line_is_one_passage_with_its_margins() -> None:
    (passage,) = _passages(Mouth((_line(1, "2", "4"),), ()))
    assert passage.lines == (1,)
    assert (passage.first, passage.end) == (41, 109)  # 1.65 s and 4.35 s
    assert passage.voice == (Interval(Fraction(2), Fraction(4)),)


def test_lines_without_a_pause_are_one_passage_and_others_are_two() -> None:
    together = Mouth((_line(1, "1", "2"), _line(2, "5/2", "3")), ())
    assert [passage.lines for passage in _passages(together)] == [(1, 2)]
    apart = Mouth((_line(1, "1", "2"), _line(2, "4", "5")), ())
    assert [passage.lines for passage in _passages(apart)] == [(1,), (2,)]


def test_a_mouth_that_must_be_shut_is_drawn_without_a_line() -> None:
    mouth = Mouth((_line(1, "4", "5"),), (Interval(Fraction(1), Fraction(8)),))
    before, said, after = _passages(mouth)
    assert (before.lines, said.lines, after.lines) == ((), (1,), ())
    assert before.end == said.first and said.end == after.first


def test_a_short_gap_between_two_passages_is_drawn_shut() -> None:
    mouth = Mouth((_line(1, "1", "2"), _line(2, "3", "4")), ())
    spoken, gap, following = _passages(mouth)
    assert gap.lines == () and (gap.first, gap.end) == (spoken.end, following.first)


@pytest.mark.parametrize(("start", "end"), [("11", "12"), ("0", "1")])
def test_lines_outside_of_a_track_are_not_its_passages(start: str, end: str) -> None:
    mouth = Mouth((_line(1, start, end),), ())
    assert passages_of((100, 200), mouth, _timing(400), _CONFIG) == ()


_times = st.lists(st.tuples(st.integers(0, 950), st.integers(1, 60)), min_size=1, max_size=8).map(
    sorted
)


@given(spoken=_times, shut=_times, moved=st.integers(-8, 8))
def test_passages_are_apart_and_a_moved_line_changes_no_other_spoken_passage(
    spoken: list[tuple[int, int]], shut: list[tuple[int, int]], moved: int
) -> None:
    def interval(at: int, long: int) -> Interval:
        return Interval(Fraction(at, 25), Fraction(at + long, 25))

    lines: list[SpokenLine] = []
    at = 0
    for number, (gap, long) in enumerate(spoken):
        at += gap % 120 + 1
        lines.append(SpokenLine(number, "", (interval(at, long),)))
        at += long
    mouth = Mouth(tuple(lines), tuple(interval(*each) for each in shut))
    frames = at + 200
    found = _passages(mouth, frames)
    for one, other in itertools.pairwise(found):
        assert one.end <= other.first
    said = [number for passage in found for number in passage.lines]
    assert said == [line.number for line in lines]

    # Shift the last line within the pause before it.
    last = lines[-1]
    before = lines[-2].voice[-1].end if len(lines) > 1 else Fraction(0)
    shift = Fraction(moved, 25)
    start = last.voice[0].start + shift
    if start - before < _CONFIG.pause or last.voice[0].start - before < _CONFIG.pause:
        return
    changed = SpokenLine(last.number, "", (Interval(start, last.voice[0].end + shift),))
    other_plan = _passages(Mouth((*lines[:-1], changed), mouth.shut), frames)
    kept = [passage for passage in found if passage.lines and last.number not in passage.lines]
    assert [p for p in other_plan if p.lines and last.number not in p.lines] == kept
