"""Times of scripts are placed on the film, whatever they count from."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.media.timecode import Timecode
from mytalk_core.speech.scripts.placing import ScriptFilm, place_rows
from mytalk_core.speech.scripts.rows import RowTime, ScriptRow, ScriptRows, UnreadableScriptError

NTSC = Fraction(30_000, 1001)
CINEMA = Fraction(24_000, 1001)


def rows(*times: tuple[RowTime | None, RowTime | None], rate: Fraction | None = None) -> ScriptRows:
    listed = (ScriptRow(number, *each, "words") for number, each in enumerate(times, 1))
    return ScriptRows(tuple(listed), rate=rate)


def film(fps: Fraction, start: str = "", duration: int = 90) -> ScriptFilm:
    return ScriptFilm(Fraction(duration), fps, Timecode.parse(start, fps) if start else None)


def starts(found: ScriptRows, film: ScriptFilm) -> tuple[list[Fraction | None], str]:
    placed, notes = place_rows(found, film)
    return [row.start for row in placed], "; ".join(notes)


@pytest.mark.parametrize(
    ("time", "start", "note"),
    [
        (Fraction(5), "", ""),
        (Fraction(5), "00:00:00:00", ""),
        (Fraction(5), "10:00:00:00", "counts from the film's first frame"),
        (Fraction(36_005), "10:00:00:00", "counts from 10:00:00:00, the film's timecode"),
        (Fraction(36_005), "", "counts from 10:00:00:00, unlike the film"),
        (Fraction(3605), "10:00:00:00", "counts from 01:00:00:00, unlike the film"),
        ("00:00:05:00", "10:00:00:00", "counts from the film's first frame"),
        ("10:00:05:00", "10:00:00:00", "counts from 10:00:00:00, the film's timecode"),
        ("10:00:05:00", "", "counts from 10:00:00:00, unlike the film"),
    ],
)
def test_the_zero_that_puts_lines_inside_the_film_is_taken(
    time: RowTime, start: str, note: str
) -> None:
    found, said = starts(rows((time, time)), film(Fraction(25), start))
    assert found == [5]
    assert note in said and bool(note) == bool(said)


def test_labels_count_frames_of_the_film() -> None:
    found, _ = starts(rows(("10:00:05:12", None)), film(CINEMA, "10:00:00:00"))
    assert found == [(5 * 24 + 12) / CINEMA]


def test_drop_frame_is_known_by_its_semicolon() -> None:
    found, _ = starts(rows(("01:01:00;02", None)), film(NTSC, "01:00:00;00"))
    assert found == [1800 / NTSC]
    with_colons, _ = starts(rows(("01:01:00:02", None)), film(NTSC, "01:00:00;00"))
    assert with_colons == found
    plain, _ = starts(rows(("01:01:00:02", None)), film(NTSC, "01:00:00:00"))
    assert plain == [1802 / NTSC]


def test_labels_that_no_frame_has_are_no_times() -> None:
    found, _ = starts(rows(("00:01:00;00", None), ("00:00:05:29", None)), film(NTSC))
    assert found == [None, 179 / NTSC]
    found, _ = starts(rows(("00:00:05:25", None)), film(Fraction(25)))
    assert found == [None]


def test_a_rate_of_the_file_is_used_and_named() -> None:
    counted = rows((Fraction(36_036) + 5, None), rate=CINEMA)
    found, note = starts(counted, film(Fraction(25), "10:00:00:00"))
    assert found == [5]
    assert "24000/1001 frames a second, the film has 25" in note


def test_a_film_may_cross_midnight() -> None:
    found, _ = starts(
        rows(("23:59:59:00", None), ("00:00:01:00", None)), film(Fraction(25), "23:59:50:00")
    )
    assert found == [9, 11]


def test_frames_without_a_rate_are_refused() -> None:
    with pytest.raises(UnreadableScriptError) as caught:
        place_rows(rows(("00:00:05:12", None)), ScriptFilm())
    assert "frame rate is not known" in caught.value.what


def test_durations_and_missing_ends() -> None:
    with_durations = ScriptRows(
        (
            ScriptRow(1, "00:00:01:00", None, "a", duration="00:00:02:05"),
            ScriptRow(2, Fraction(5), None, "b", duration=Fraction(1, 2)),
        )
    )
    placed, _ = place_rows(with_durations, film(Fraction(25)))
    assert [row.end for row in placed] == [Fraction(16, 5), Fraction(11, 2)]
    open_ends = ScriptRows(
        (
            ScriptRow(1, Fraction(1), None, "x" * 60),
            ScriptRow(2, Fraction(3), None, "x" * 60),
            ScriptRow(3, Fraction(30), None, "x"),
        ),
        has_ends=False,
    )
    placed, notes = place_rows(open_ends, film(Fraction(25)))
    assert [row.end for row in placed] == [3, 7, 31]
    assert "no ends" in notes[0]


@given(
    seconds=st.lists(st.integers(0, 89), min_size=1, max_size=8),
    start=st.integers(0, 22),
    relative=st.booleans(),
    rate=st.sampled_from([Fraction(24), Fraction(25), NTSC, CINEMA]),
)
def test_a_script_on_either_clock_gives_the_same_lines(
    seconds: list[int], start: int, relative: bool, rate: Fraction
) -> None:
    origin = Timecode.parse(f"{start:02d}:00:00:00", rate)
    zero = Timecode(0, rate) if relative else origin
    labels = [zero.at(Fraction(each)).label for each in seconds]
    listed = rows(*((label, None) for label in labels))
    found, _ = starts(listed, ScriptFilm(Fraction(90), rate, origin))
    assert all(
        time is not None and 0 <= Fraction(each) - time < 1 / rate
        for each, time in zip(seconds, found, strict=True)
    )
