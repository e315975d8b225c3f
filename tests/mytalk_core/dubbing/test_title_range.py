from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.dubbing.title_range import range_seconds
from mytalk_core.dubbing.title_spec import FilmTime, TitleRange
from mytalk_core.media.timecode import Timecode
from mytalk_core.speech.transcript import Interval

FILM = Fraction(24000, 1001)
MINUTE = 1440 / FILM  # 1440 frames
START = Timecode.parse("10:00:00:00", FILM)


def _time(text: str) -> FilmTime:
    return FilmTime(timecode=text)


def test_without_ends_the_range_is_the_film() -> None:
    assert range_seconds(TitleRange(), MINUTE, FILM, None) == (Interval(Fraction(0), MINUTE), [])


@given(st.integers(0, 1439), st.integers(1, 1440))
def test_a_timecode_names_a_frame(first: int, length: int) -> None:
    end = min(first + length, 1440)
    for start in (START, None):
        zero = start or Timecode(0, FILM)
        wanted = TitleRange(_time(zero.plus(first).label), _time(zero.plus(end).label))
        found, problems = range_seconds(wanted, MINUTE, FILM, start)
        assert (found, problems) == (Interval(first / FILM, end / FILM), [])


@pytest.mark.parametrize(
    ("wanted", "where", "what"),
    [
        (TitleRange(end=FilmTime(Fraction(61))), "range.end", "beyond the end"),
        (TitleRange(_time("09:59:59:00")), "range.start", "beyond the end"),
        (TitleRange(_time("10:00:00:24")), "range.start", "not a timecode"),
        (TitleRange(FilmTime(Fraction(5)), FilmTime(Fraction(5))), "range.end", "not after"),
    ],
)
def test_a_range_outside_of_the_film_is_a_problem(
    wanted: TitleRange, where: str, what: str
) -> None:
    found, problems = range_seconds(wanted, MINUTE, FILM, START)
    assert found == Interval(Fraction(0), MINUTE)
    assert [problem.where for problem in problems] == [where]
    assert what in str(problems[0])
